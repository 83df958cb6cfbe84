// The desk of agents as operators have it.
import type { Agent, AgentDesk } from '$lib/agents/desk';
import { ok } from '$lib/api/error';
import { admin } from '../client';

const at = (id: string) => ({ params: { path: { agent_id: id } } });

export const adminDesk: AgentDesk = {
  get: (id) => ok(admin.GET('/api/admin/agents/{agent_id}', at(id))),
  update: (id, body) => ok(admin.PATCH('/api/admin/agents/{agent_id}', { ...at(id), body })),
  setActive: (id, isActive) =>
    isActive
      ? ok(admin.POST('/api/admin/agents/{agent_id}/reactivate', at(id)))
      : ok(admin.POST('/api/admin/agents/{agent_id}/deactivate', { ...at(id), body: {} })),
  setCommands: (id, body) => ok(admin.PUT('/api/admin/agents/{agent_id}/commands', { ...at(id), body })),
  tokens: async (id) => (await ok(admin.GET('/api/admin/agents/{agent_id}/tokens', at(id)))).items,
  createToken: (id, body, header) => {
    const params = { path: { agent_id: id }, header };
    return ok(admin.POST('/api/admin/agents/{agent_id}/tokens', { params, body }));
  },
  revokeToken: async (id, token) => {
    const params = { path: { agent_id: id, token_id: token } };
    await ok(admin.DELETE('/api/admin/agents/{agent_id}/tokens/{token_id}', { params }));
  },
};

/** Whoever answers for it; null: operators alone. Throws what the server says against it. */
export const setOwner = (id: string, owner: string | null): Promise<Agent> =>
  ok(admin.PATCH('/api/admin/agents/{agent_id}', { ...at(id), body: { owner } }));
