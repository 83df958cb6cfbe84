// Invite links: how long they are good, and what is left of them.
import type { Schemas } from '$lib/api/client';

export type InviteLink = Schemas['InviteLink'];
export type MadeInviteLink = Schemas['MadeInviteLink'];

export type State = 'good' | 'over' | 'used';

export function stateOf({ expires_at, max_uses, uses }: InviteLink): State {
  if (expires_at && Date.parse(expires_at) <= Date.now()) return 'over';
  return max_uses && uses >= max_uses ? 'used' : 'good';
}

/** Where a link is opened: as the installation says, or else at this page's own address. */
export const addressOf = ({ url, code }: MadeInviteLink): string =>
  url ?? new URL(`/invite/${code}`, location.origin).href;
