// How one has reacted oneself, which lists of messages do not tell, and who else has.
import { SvelteMap } from 'svelte/reactivity';
import { api, type Schemas } from '$lib/api/client';
import { ok } from '$lib/api/error';
import { session } from '$lib/api/session.svelte';
import type { Happening } from '$lib/live/frames';

/** So many messages are asked about at once, so long after the first of them was wanted. */
const AT_ONCE = 200;
const GATHER_MS = 30;
/** As many are named of those who have reacted. */
const NAMED = 200;

export class Reactions {
  #channel: string;
  #mine = new SvelteMap<string, ReadonlySet<string>>();
  #wanted = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(channel: string) {
    this.#channel = channel;
  }

  isMine(message: string, key: string): boolean {
    return this.#mine.get(message)?.has(key) ?? false;
  }

  /** A message with reactions is seen: those of one's own are read, with those of its neighbours. */
  want(message: string): void {
    if (this.#mine.has(message) || this.#wanted.has(message)) return;
    this.#wanted.add(message);
    this.#timer ??= setTimeout(() => void this.#readWanted(), GATHER_MS);
  }

  /** Reacts, or takes it back. Throws when that is refused. */
  async toggle(message: string, key: string): Promise<void> {
    if (!this.#mine.has(message)) await this.#read([message]);
    const had = this.isMine(message, key);
    this.#set(message, key, !had);
    const params = { path: { channel_id: this.#channel, message_id: message, emoji: key } };
    const url = '/api/messaging/channels/{channel_id}/messages/{message_id}/reactions/{emoji}';
    try {
      await ok(had ? api.DELETE(url, { params }) : api.PUT(url, { params }));
    } catch (error) {
      this.#set(message, key, had);
      throw error;
    }
  }

  /** Who has reacted how. */
  async who(message: string): Promise<Schemas['Reaction'][]> {
    const params = { path: { channel_id: this.#channel, message_id: message }, query: { limit: NAMED } };
    const url = '/api/messaging/channels/{channel_id}/messages/{message_id}/reactions';
    return (await ok(api.GET(url, { params }))).items;
  }

  tell(frame: Happening): void {
    if (frame.type !== 'reaction.added' && frame.type !== 'reaction.removed') return;
    const isMine = frame.sender_matrix_id === session.me?.matrix_user_id;
    if (isMine && frame.emoji) this.#set(frame.message_id, frame.emoji, frame.type === 'reaction.added');
    // Nobody says whose or which it was, so that it may have been one's own.
    else if (!frame.emoji && frame.type === 'reaction.removed') this.#mine.delete(frame.message_id);
  }

  /** What is known may have changed since. */
  forget(): void {
    this.#mine.clear();
  }

  #set(message: string, key: string, isThere: boolean): void {
    const known = this.#mine.get(message);
    if (!known) return;
    const keys = new Set(known);
    if (isThere) keys.add(key);
    else keys.delete(key);
    this.#mine.set(message, keys);
  }

  async #readWanted(): Promise<void> {
    const some = [...this.#wanted].slice(0, AT_ONCE);
    this.#timer = undefined;
    // What cannot be read is wanted again when it is seen again.
    await this.#read(some).catch(() => undefined);
    for (const id of some) this.#wanted.delete(id);
    if (this.#wanted.size > 0) this.#timer = setTimeout(() => void this.#readWanted(), GATHER_MS);
  }

  async #read(messages: string[]): Promise<void> {
    const query = { message_ids: messages.join(',') };
    const params = { path: { channel_id: this.#channel }, query };
    const { items } = await ok(
      api.GET('/api/messaging/channels/{channel_id}/reactions/own', { params }),
    );
    const found = new Map(items.map(({ message_id, keys }) => [message_id, keys]));
    for (const id of messages) this.#mine.set(id, new Set(found.get(id)));
  }
}
