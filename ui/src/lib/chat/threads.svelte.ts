// The threads of a channel as far as somebody has seen them: how much is in each, and who speaks
// there. The stream tells what is said, and the rest is read anew.
import { SvelteMap } from 'svelte/reactivity';
import { api, type Schemas } from '$lib/api/client';
import { ApiError, ok } from '$lib/api/error';

export type Thread = Schemas['Thread'];

/** After a reading the same thread is left alone for so long, however much is said in it. */
const PAUSE_MS = 500;

export class Threads {
  /** Grows with each thing that is said or deleted in a thread. */
  version = $state(0);

  #channel: string;
  #known = new SvelteMap<string, Thread | null>();
  #reading = new Set<string>();
  /** Those that have changed while they were read. */
  #again = new Set<string>();
  /** Is told how a thread stands; null when it is none any more. */
  #tell: (root: string, thread: Thread | null) => void;

  constructor(channel: string, tell: (root: string, thread: Thread | null) => void) {
    this.#channel = channel;
    this.#tell = tell;
  }

  of(root: string): Thread | undefined {
    return this.#known.get(root) ?? undefined;
  }

  /** Its root is on the screen. */
  want(root: string): void {
    if (!this.#known.has(root)) void this.#read(root);
  }

  /** Something was said in it, or deleted. */
  changed(root: string): void {
    this.version += 1;
    void this.#read(root);
  }

  /** Those of a list, which need not be read one by one. */
  take(threads: readonly Thread[]): void {
    for (const thread of threads) this.#known.set(thread.id, thread);
  }

  forget(): void {
    this.#known.clear();
    this.version += 1;
  }

  /** A page of them, the latest first. */
  async page(cursor?: string): Promise<Schemas['ThreadPage']> {
    const params = { path: { channel_id: this.#channel }, query: { limit: 30, cursor } };
    const page = await ok(api.GET('/api/messaging/channels/{channel_id}/threads', { params }));
    this.take(page.items);
    return page;
  }

  async #read(root: string): Promise<void> {
    if (this.#reading.has(root)) return void this.#again.add(root);
    this.#reading.add(root);
    const params = { path: { channel_id: this.#channel, thread_id: root } };
    const url = '/api/messaging/channels/{channel_id}/threads/{thread_id}';
    try {
      this.#set(root, await ok(api.GET(url, { params })));
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) this.#set(root, null);
    }
    await new Promise((done) => setTimeout(done, PAUSE_MS));
    this.#reading.delete(root);
    if (this.#again.delete(root)) void this.#read(root);
  }

  #set(root: string, thread: Thread | null): void {
    this.#known.set(root, thread);
    this.#tell(root, thread);
  }
}
