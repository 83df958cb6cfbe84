// Addresses that show the files of messages: a picture or a link sends no token.
import { api, type Schemas } from '$lib/api/client';
import { ok } from '$lib/api/error';
import { session } from '$lib/api/session.svelte';
import type { Message } from '$lib/live/frames';

/** The kinds of messages that carry a file. */
export const FILES = ['m.image', 'm.file', 'm.audio', 'm.video'];

/** Addresses that end sooner are asked for anew. */
const LEFT_MS = 60_000;
/** The addresses of as many files are held, so that a list that is scrolled back asks nobody. */
const HELD = 500;

/** Sharp also where a pixel of the page is two of the screen. */
const THUMBNAIL = { width: '640', height: '480' };

export interface FileAddresses {
  file: string;
  thumbnail: string;
  endsAt: number;
}

const held = new Map<string, FileAddresses>();

/** Where the file of a message is shown for a while. Throws an ApiError. */
export async function fileOf(message: Message): Promise<FileAddresses> {
  const key = `${session.me?.entity_id} ${message.id}`;
  const known = held.get(key);
  if (known && isGood(known)) return known;
  const params = { path: { channel_id: message.channel_id, message_id: message.id } };
  const url = '/api/messaging/channels/{channel_id}/messages/{message_id}/file';
  const fresh = addresses(await ok(api.GET(url, { params })));
  held.delete(key);
  held.set(key, fresh);
  for (const oldest of held.keys()) {
    if (held.size <= HELD) break;
    held.delete(oldest);
  }
  return fresh;
}

export function isGood({ endsAt }: FileAddresses): boolean {
  return Date.now() < endsAt - LEFT_MS;
}

function addresses(answer: Schemas['MediaAddresses']): FileAddresses {
  return {
    file: here(answer.url),
    thumbnail: here(answer.thumbnail_url, THUMBNAIL),
    endsAt: Date.parse(answer.expires_at),
  };
}

/** On this page's own origin, whatever daarion calls itself. */
function here(address: string, more: Record<string, string> = {}): string {
  const { pathname, searchParams } = new URL(address, location.href);
  for (const [name, value] of Object.entries(more)) searchParams.set(name, value);
  return `${pathname}?${searchParams}`;
}
