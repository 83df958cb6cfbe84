// The records of what was done, and by what they are looked for.
import type { Schemas } from '$lib/api/client';
import { entityOf } from '$lib/chat/entity';

export type AuditRecord = Schemas['AuditRecord'];
export type AuditPage = Schemas['AuditPage'];

/** As the operation takes them; what is absent is not asked about. */
export interface Filter {
  actor?: string;
  action?: string;
  target?: string;
  /** Of the installation's log alone. */
  channel?: string;
  since?: string;
  until?: string;
}

export type Ask = (query: Filter & { limit: number; cursor?: string }) => Promise<AuditPage>;

/** What was done in a channel is of these kinds; the others are of the installation. */
export const CHANNEL_KINDS = ['channel', 'member', 'message', 'reaction', 'invite_link', 'webhook'] as const;
export const KINDS = [
  ...CHANNEL_KINDS,
  'sign_in', 'session', 'key', 'agent', 'microdao', 'service_token', 'operator', 'signing_keys', 'dead_letters',
  'heal', 'reindex', 'backfill', 'audit',
] as const;

/** What stands before and after a deed, on lines of their own; null when it is not told. */
export const written = (value: unknown): string | null =>
  value === undefined || value === null ? null : JSON.stringify(value, null, 2);

/** Who acts besides people and agents. */
const OTHERS = /^(operator:|service:|(command line|daarion|unknown)$)/;
/** Of an operator, of a microdao, or of whatever has a number. */
const IDS = /^(operator:|microdao:|[0-9a-f-]{16,}$)/i;

/** As the log writes who did it: its records are found by the whole of it. */
export const actorOf = (typed: string, ownServer: string): string | undefined =>
  whole(typed.trim(), ownServer, OTHERS);

/** The same of whom it was done to. A service's token is told by its name alone. */
export const targetOf = (typed: string, ownServer: string, kind: string): string | undefined =>
  whole(typed.trim(), ownServer, kind === 'service_token' ? /./ : IDS);

function whole(text: string, ownServer: string, asItIs: RegExp): string | undefined {
  const entity = asItIs.test(text) ? null : entityOf(text, ownServer);
  return entity ?? (text || undefined);
}
