// What a service's token can be for, in the reader's words.
import { m } from '$lib/paraglide/messages';

const EXPLAINED = {
  'gateway:read': m.admin_scope_read,
  'gateway:send': m.admin_scope_send,
  'gateway:rooms': m.admin_scope_rooms,
  'gateway:members': m.admin_scope_members,
  'gateway:users': m.admin_scope_users,
  'gateway:media': m.admin_scope_media,
  'gateway:webhooks': m.admin_scope_webhooks,
  agents: m.admin_scope_agents,
  city: m.admin_scope_city,
  api: m.admin_scope_api,
} as const;

export type Scope = keyof typeof EXPLAINED;

const ALL = Object.keys(EXPLAINED) as Scope[];
const OF_GATEWAY = ALL.filter((scope) => scope.startsWith('gateway:'));

export const scopeOptions = (): { value: Scope; label: string; hint: string }[] =>
  ALL.map((scope) => ({ value: scope, label: scope, hint: EXPLAINED[scope]() }));

/** The scopes as one would write them: `*` and `gateway:*` stand for several. */
export function shortly(scopes: string[]): string[] {
  const hasAll = (wanted: string[]) => wanted.every((scope) => scopes.includes(scope));
  if (hasAll(ALL)) return ['*'];
  if (!hasAll(OF_GATEWAY)) return scopes;
  return ['gateway:*', ...scopes.filter((scope) => !scope.startsWith('gateway:'))];
}
