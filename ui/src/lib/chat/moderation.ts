// What is done about members on the server. Each throws what the server says against it.
import { api } from '$lib/api/client';
import { ok } from '$lib/api/error';
import type { Named } from '$lib/api/once';
import type { Member } from './people.svelte';
import type { Role } from './rights';

const MEMBER = '/api/messaging/channels/{channel_id}/members/{entity}';
const MUTE = '/api/messaging/channels/{channel_id}/members/{entity}/mute';
const KNOCK = '/api/messaging/channels/{channel_id}/knocks/{entity}';
const BAN = '/api/messaging/channels/{channel_id}/bans/{entity}';

const placeOf = (channel: string, { member_id }: Member) => ({
  channel_id: channel,
  entity: member_id,
});

export function setRole(channel: string, member: Member, role: Role): Promise<Member> {
  return ok(api.PATCH(MEMBER, { params: { path: placeOf(channel, member) }, body: { role } }));
}

export async function remove(channel: string, member: Member, reason?: string): Promise<void> {
  const params = { path: placeOf(channel, member), query: { reason } };
  await ok(api.DELETE(MEMBER, { params }));
}

export function ban(channel: string, member: Member, reason?: string): Promise<Member> {
  return ok(api.PUT(BAN, { params: { path: placeOf(channel, member) }, body: { reason } }));
}

/** They may come in again, by themselves or by an invitation. */
export async function unban(channel: string, member: Member): Promise<void> {
  await ok(api.DELETE(BAN, { params: { path: placeOf(channel, member) } }));
}

/** They have no word for so many seconds. */
export function mute(channel: string, member: Member, seconds: number, reason?: string): Promise<Member> {
  const params = { path: placeOf(channel, member) };
  return ok(api.PUT(MUTE, { params, body: { seconds, reason } }));
}

export async function unmute(channel: string, member: Member): Promise<void> {
  await ok(api.DELETE(MUTE, { params: { path: placeOf(channel, member) } }));
}

/** They are invited, and come in by joining. */
export function approve(channel: string, member: Member): Promise<Member> {
  return ok(api.PUT(KNOCK, { params: { path: placeOf(channel, member) } }));
}

export async function deny(channel: string, member: Member, reason?: string): Promise<void> {
  await ok(api.DELETE(KNOCK, { params: { path: placeOf(channel, member), query: { reason } } }));
}

/** Asks a person to come in; an agent is in at once. */
export function invite(channel: string, entity: string, header: Named): Promise<Member> {
  const params = { path: { channel_id: channel }, header };
  const body = { member_id: entity };
  return ok(api.POST('/api/messaging/channels/{channel_id}/members', { params, body }));
}
