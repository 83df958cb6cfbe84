// How somebody comes into a channel and goes. Each throws what the server says against it.
import { goto } from '$app/navigation';
import { api } from '$lib/api/client';
import { ok } from '$lib/api/error';
import { places } from '$lib/city/places.svelte';
import type { Conversation } from './conversation.svelte';

const at = (channel: string) => ({ path: { channel_id: channel } });

/** The reader comes into a channel that they are invited to, or that is open to everybody. */
export async function join(conversation: Conversation): Promise<void> {
  const params = at(conversation.channel.id);
  await ok(api.POST('/api/messaging/channels/{channel_id}/join', { params }));
  await conversation.reload();
  void places.read();
}

/** The reader goes, or declines an invitation, and is led out of the page of it. */
export async function leave({ channel }: Conversation): Promise<void> {
  const params = at(channel.id);
  await ok(api.POST('/api/messaging/channels/{channel_id}/leave', { params, body: {} }));
  await goto('/city');
  void places.read();
}

/** Where somebody asks to be let in: what they know of the channel. */
export type Door = { id: string } | { alias: string };

export async function knock(door: Door, reason?: string): Promise<void> {
  if ('alias' in door) {
    await ok(api.POST('/api/messaging/knock', { body: { alias: door.alias, reason } }));
    return;
  }
  const params = at(door.id);
  await ok(api.POST('/api/messaging/channels/{channel_id}/knock', { params, body: { reason } }));
}
