// What was said here and is not on the server yet. One is sent after another, and each carries a key
// of its own, so that however often it is tried it is said once. It outlives a reload of the tab.
import { api } from '$lib/api/client';
import { ApiError, explain, ok } from '$lib/api/error';
import { newKey } from '$lib/api/once';
import { session } from '$lib/api/session.svelte';
import type { Message } from '$lib/live/frames';
import { place } from './kept';

/** How long after which try it is tried again, in milliseconds; the last one for ever. */
const PAUSE_MS = [5_000, 5_000, 10_000, 20_000, 30_000];
/** After so many failures that are this message's own, it no longer holds up the others. */
const PATIENCE = 3;
/** So long a homeserver knows the key of what it was sent, more or less. */
const REMEMBERED_MS = 20 * 60_000;
/** As many characters of a text stand in a live frame. */
const PREVIEW = 280;

export interface Outgoing {
  key: string;
  text: string;
  replyTo: string | null;
  /** The thread that it is said in; null outside of threads. */
  threadId: string | null;
  /** Who is called by it, as entities. */
  mentions: string[];
  /** When it was said, in milliseconds. */
  at: number;
  state: 'sending' | 'waiting' | 'failed';
  /** How often it was sent. */
  tries: number;
  why?: string;
  /** Seen on the stream already, before the answer to its sending. */
  isSeen?: boolean;
}

export class Outbox {
  items = $state<Outgoing[]>([]);
  /** Is given what the server has taken. */
  sent: (message: Message) => void = () => undefined;

  #me: string;
  #channel: string;
  /** Where it is kept: another person in this tab must not find it. */
  #place: string;
  #busy = false;
  #isClosed = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(me: string, channel: string) {
    this.#me = me;
    this.#channel = channel;
    this.#place = place('outbox', me, channel);
    this.items = this.#kept();
  }

  /** Whether something is on its way, or will be. */
  get isWaiting(): boolean {
    return this.items.some((item) => item.state !== 'failed');
  }

  /** How it stands with what did not go out at the first try; null where nothing is left behind. */
  get unsent(): 'waiting' | 'failed' | null {
    const left = this.items.filter((item) => item.state !== 'sending' || item.tries > 1);
    if (left.some((item) => item.state === 'failed')) return 'failed';
    return left.some((item) => !item.isSeen) ? 'waiting' : null;
  }

  say(said: Pick<Outgoing, 'text' | 'replyTo' | 'threadId' | 'mentions'>): void {
    const key = newKey();
    // Behind one that waits it waits as well, for the same moment.
    const state = this.items.some((item) => item.state === 'waiting') ? 'waiting' : 'sending';
    this.items.push({ ...said, key, at: Date.now(), state, tries: 0 });
    this.#keep();
    void this.#work();
  }

  /** Somebody wants it to be tried again, and what waits before it with it. */
  retry(key: string): void {
    const item = this.items.find((it) => it.key === key);
    if (item) item.state = 'waiting';
    this.resume();
  }

  discard(key: string): void {
    this.#remove(key);
  }

  /** The connection is there (again): what waits is sent. */
  resume(): void {
    if (!this.#isMine) return;
    for (const item of this.items) if (item.state === 'waiting') item.state = 'sending';
    void this.#work();
  }

  /** A message of one's own has come by the stream: what it is made of need not be shown twice. */
  seen(message: Message): void {
    const preview = (text: string) => [...text].slice(0, PREVIEW).join('').trim();
    // What never went out cannot have come back: the same words were said elsewhere.
    const same = this.items.find(
      (item) =>
        item.tries > 0 &&
        item.state !== 'failed' &&
        !item.isSeen &&
        preview(item.text) === message.content_preview.trim(),
    );
    if (same) same.isSeen = true;
  }

  /** Nothing is sent or kept any more. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.items = [];
  }

  /** Whoever is signed in now would say it as themselves. */
  get #isMine(): boolean {
    return !this.#isClosed && session.me?.entity_id === this.#me;
  }

  async #work(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    for (;;) {
      // What was refused for good does not hold up the others.
      const next = this.items.find((item) => item.state !== 'failed');
      if (!this.#isMine || next?.state !== 'sending' || !(await this.#send(next))) break;
    }
    this.#busy = false;
  }

  /** Whether to go on with the next one. */
  async #send(item: Outgoing): Promise<boolean> {
    clearTimeout(this.#timer);
    // It is there, and sent once more it would be there twice.
    if (item.isSeen && Date.now() - item.at > REMEMBERED_MS) {
      this.#remove(item.key);
      return true;
    }
    item.tries += 1;
    try {
      const params = {
        path: { channel_id: this.#channel },
        header: { 'Idempotency-Key': item.key },
      };
      const body = {
        text: item.text,
        format: 'markdown' as const,
        reply_to: item.replyTo ?? undefined,
        thread_id: item.threadId ?? undefined,
        mentions: item.mentions.length > 0 ? item.mentions : undefined,
      };
      const url = '/api/messaging/channels/{channel_id}/messages';
      const message = await ok(api.POST(url, { params, body }));
      this.#remove(item.key);
      this.sent(message);
      return true;
    } catch (error) {
      return this.#refused(item, error);
    }
  }

  #refused(item: Outgoing, error: unknown): boolean {
    if (this.#isClosed) return false;
    if (isDone(error)) {
      this.#remove(item.key);
      return true;
    }
    if (error instanceof ApiError && isWorthWaiting(error, item)) {
      this.#wait(item, error.retryAfter ?? 0);
      return false;
    }
    item.state = 'failed';
    item.why = explain(error);
    // The same words were said elsewhere, then: these are still one's own to deal with.
    item.isSeen = false;
    this.#keep();
    return true;
  }

  /** Until the next try nothing is on its way, so none says that it is. */
  #wait(head: Outgoing, seconds: number): void {
    for (const item of this.items) if (item.state === 'sending') item.state = 'waiting';
    this.#keep();
    const pause = PAUSE_MS[Math.min(head.tries, PAUSE_MS.length) - 1] ?? 0;
    this.#timer = setTimeout(() => this.resume(), Math.max(seconds * 1000, pause));
  }

  #remove(key: string): void {
    this.items = this.items.filter((item) => item.key !== key);
    this.#keep();
  }

  #keep(): void {
    if (this.#isClosed) return;
    if (this.items.length > 0) sessionStorage.setItem(this.#place, JSON.stringify(this.items));
    else sessionStorage.removeItem(this.#place);
  }

  #kept(): Outgoing[] {
    try {
      const kept = JSON.parse(sessionStorage.getItem(this.#place) ?? '[]') as Outgoing[];
      // Those of an earlier version know neither threads nor mentions.
      const rest = { threadId: null, mentions: [] };
      return kept.map((item) => ({ ...rest, ...item, state: item.state === 'failed' ? 'failed' : 'waiting' }));
    } catch {
      return [];
    }
  }
}

/** It was said, and the server does not show it yet; the stream brings it. */
const isDone = (error: unknown): boolean =>
  error instanceof ApiError && error.code.toUpperCase() === 'INDEX_BEHIND';

/** Whether the failure may pass without anybody's doing. */
function isWorthWaiting(error: ApiError, item: Outgoing): boolean {
  // Whose session has ended may come back.
  if (error.status === 401) return true;
  const isAway = error.status < 500 || [502, 503, 504].includes(error.status);
  return error.isPassing && (isAway || item.tries < PATIENCE);
}
