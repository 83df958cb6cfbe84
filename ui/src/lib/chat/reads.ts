// What is read of messages from the server. Each throws an ApiError.
import { api, type Schemas } from '$lib/api/client';
import { ok } from '$lib/api/error';
import type { Message } from '$lib/live/frames';

type Detail = Schemas['ContentDetail'];
export type Page = Schemas['MessagePage'];

/** Which page of a list is meant; the newest one when nothing is said. */
export interface Place {
  cursor?: string;
  order?: Schemas['Order'];
  at?: string;
}

/** A page of the channel's messages, or with a root of a thread's. */
export function readPage(
  channel: string,
  thread: string | null,
  query: Place & { limit: number; content: Detail },
): Promise<Page> {
  const path = { channel_id: channel, thread_id: thread ?? '' };
  const params = { path, query };
  return thread
    ? ok(api.GET('/api/messaging/channels/{channel_id}/threads/{thread_id}/messages', { params }))
    : ok(api.GET('/api/messaging/channels/{channel_id}/messages', { params }));
}

export function readMessage(channel: string, id: string, content: Detail = 'full'): Promise<Message> {
  const params = { path: { channel_id: channel, message_id: id }, query: { content } };
  return ok(api.GET('/api/messaging/channels/{channel_id}/messages/{message_id}', { params }));
}

/** What is pinned, the latest pin last. */
export async function readPins(channel: string): Promise<Message[]> {
  const params = { path: { channel_id: channel }, query: { content: 'full' as const } };
  return (await ok(api.GET('/api/messaging/channels/{channel_id}/pins', { params }))).items;
}
