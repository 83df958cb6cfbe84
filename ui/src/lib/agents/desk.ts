// What is done about agents on the server: by whoever answers for them, here as a person. Operators
// do the same at a desk of their own.
import { api, type Schemas } from '$lib/api/client';
import { ok } from '$lib/api/error';
import type { Named } from '$lib/api/once';

export type Agent = Schemas['Agent'];
export type Command = Schemas['AgentCommand'];
export type Token = Schemas['AgentToken'];
export type MadeToken = Schemas['MadeAgentToken'];

/** Each throws what the server says against it. */
export interface AgentDesk {
  get(id: string): Promise<Agent>;
  update(id: string, patch: Schemas['OwnAgentPatch']): Promise<Agent>;
  setActive(id: string, isActive: boolean): Promise<Agent>;
  setCommands(id: string, commands: Command[]): Promise<Agent>;
  tokens(id: string): Promise<Token[]>;
  createToken(id: string, body: Schemas['NewAgentToken'], header: Named): Promise<MadeToken>;
  revokeToken(id: string, token: string): Promise<void>;
}

const at = (id: string) => ({ params: { path: { agent_id: id } } });

export const ownDesk: AgentDesk = {
  get: (id) => ok(api.GET('/api/agents/{agent_id}', at(id))),
  update: (id, body) => ok(api.PATCH('/api/agents/{agent_id}', { ...at(id), body })),
  setActive: (id, isActive) =>
    ok(api.POST(`/api/agents/{agent_id}/${isActive ? 'reactivate' : 'deactivate'}`, at(id))),
  setCommands: (id, body) => ok(api.PUT('/api/agents/{agent_id}/commands', { ...at(id), body })),
  tokens: async (id) => (await ok(api.GET('/api/agents/{agent_id}/tokens', at(id)))).items,
  createToken: (id, body, header) => {
    const params = { path: { agent_id: id }, header };
    return ok(api.POST('/api/agents/{agent_id}/tokens', { params, body }));
  },
  revokeToken: async (id, token) => {
    const params = { path: { agent_id: id, token_id: token } };
    await ok(api.DELETE('/api/agents/{agent_id}/tokens/{token_id}', { params }));
  },
};

/** An id without what all of them begin with. */
export const bareName = (id: string): string => id.replace(/^agent:/, '');
export const idOf = (name: string): string => `agent:${bareName(name)}`;
export const pathOf = (id: string): string => `/agents/${encodeURIComponent(bareName(id))}`;
