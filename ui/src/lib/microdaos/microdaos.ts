// The microdaos that somebody may know of, and what is in them.
import { api, type Schemas } from '$lib/api/client';
import { ok } from '$lib/api/error';

export type Microdao = Schemas['Microdao'];

const PREFIX = 'microdao:';
const PAGE = 200;

/** An id without what all of them begin with. */
export const bareName = (id: string): string => id.replace(/^microdao:/, '');
export const idOf = (name: string): string => PREFIX + bareName(name);
export const pathOf = (id: string): string => `/microdaos/${encodeURIComponent(bareName(id))}`;

export async function allMicrodaos(): Promise<Microdao[]> {
  const found: Microdao[] = [];
  let cursor: string | undefined;
  do {
    const params = { query: { limit: PAGE, cursor } };
    const page = await ok(api.GET('/api/messaging/microdaos', { params }));
    found.push(...page.items);
    cursor = page.next ?? undefined;
  } while (cursor);
  return found;
}

const at = (id: string) => ({ path: { microdao_id: id } });

export const getMicrodao = (id: string): Promise<Microdao> =>
  ok(api.GET('/api/messaging/microdaos/{microdao_id}', { params: at(id) }));

export function channelsOf(id: string, cursor?: string) {
  const params = { ...at(id), query: { limit: PAGE, cursor } };
  return ok(api.GET('/api/messaging/microdaos/{microdao_id}/channels', { params }));
}

export function membersOf(id: string, cursor?: string) {
  const params = { ...at(id), query: { limit: PAGE, cursor } };
  return ok(api.GET('/api/messaging/microdaos/{microdao_id}/members', { params }));
}
