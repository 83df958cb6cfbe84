// What is done to messages on the server. Each throws what the server says against it.
import { api } from '$lib/api/client';
import { ok } from '$lib/api/error';
import type { Message } from '$lib/live/frames';

const placeOf = ({ channel_id, id }: Message) => ({ path: { channel_id, message_id: id } });

export async function deleteMessage(message: Message): Promise<void> {
  const url = '/api/messaging/channels/{channel_id}/messages/{message_id}';
  await ok(api.DELETE(url, { params: placeOf(message) }));
}

/** Pins it, or takes the pin away. */
export async function setPinned(message: Message, isPinned: boolean): Promise<void> {
  const url = '/api/messaging/channels/{channel_id}/pins/{message_id}';
  const params = placeOf(message);
  await ok(isPinned ? api.PUT(url, { params }) : api.DELETE(url, { params }));
}
