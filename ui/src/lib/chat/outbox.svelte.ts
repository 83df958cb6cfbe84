// What was said here and is not on the server yet. One is sent after another, and each carries a key
// of its own, so that however often it is tried it is said once. It outlives a reload of the tab.
import { api } from '$lib/api/client';
import { ApiError, explain, ok } from '$lib/api/error';
import type { Message } from '$lib/live/frames';
import { place } from './kept';

const RETRY_MS = 5_000;
/** As many characters of a text stand in a live frame. */
const PREVIEW = 280;

export interface Outgoing {
  key: string;
  text: string;
  replyTo: string | null;
  /** When it was said, in milliseconds. */
  at: number;
  state: 'sending' | 'waiting' | 'failed';
  why?: string;
  /** Seen on the stream already, before the answer to its sending. */
  isSeen?: boolean;
}

export class Outbox {
  items = $state<Outgoing[]>([]);

  #channel: string;
  /** Where it is kept: another person in this tab must not find it. */
  #place: string;
  #sent: (message: Message) => void;
  #busy = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(me: string, channel: string, sent: (message: Message) => void) {
    this.#channel = channel;
    this.#place = place('outbox', me, channel);
    this.#sent = sent;
    this.items = this.#kept();
  }

  say(text: string, replyTo: string | null): void {
    const key = crypto.randomUUID();
    this.items.push({ key, text, replyTo, at: Date.now(), state: 'sending' });
    this.#keep();
    void this.#work();
  }

  /** Somebody wants it to be tried again. */
  retry(key: string): void {
    const item = this.items.find((it) => it.key === key);
    if (item) item.state = 'sending';
    void this.#work();
  }

  discard(key: string): void {
    this.#remove(key);
    void this.#work();
  }

  /** The connection is there (again): what waits is sent. */
  resume(): void {
    for (const item of this.items) if (item.state === 'waiting') item.state = 'sending';
    void this.#work();
  }

  /** A message of one's own has come by the stream: what it is made of need not be shown twice. */
  seen(message: Message): void {
    const preview = (text: string) => [...text].slice(0, PREVIEW).join('').trim();
    const same = this.items.find(
      (item) => !item.isSeen && preview(item.text) === message.content_preview.trim(),
    );
    if (same) same.isSeen = true;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  async #work(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    clearTimeout(this.#timer);
    for (;;) {
      // What was refused for good does not hold up the others.
      const next = this.items.find((item) => item.state !== 'failed');
      if (next?.state !== 'sending' || !(await this.#send(next))) break;
    }
    this.#busy = false;
  }

  /** Whether to go on with the next one. */
  async #send(item: Outgoing): Promise<boolean> {
    try {
      const params = {
        path: { channel_id: this.#channel },
        header: { 'Idempotency-Key': item.key },
      };
      const body = { text: item.text, format: 'markdown' as const, reply_to: item.replyTo ?? undefined };
      const url = '/api/messaging/channels/{channel_id}/messages';
      const message = await ok(api.POST(url, { params, body }));
      this.#remove(item.key);
      this.#sent(message);
      return true;
    } catch (error) {
      return this.#refused(item, error);
    }
  }

  #refused(item: Outgoing, error: unknown): boolean {
    if (error instanceof ApiError && error.isPassing) {
      item.state = 'waiting';
      this.#timer = setTimeout(() => this.resume(), (error.retryAfter ?? 0) * 1000 || RETRY_MS);
      return false;
    }
    item.state = 'failed';
    item.why = explain(error);
    this.#keep();
    return true;
  }

  #remove(key: string): void {
    this.items = this.items.filter((item) => item.key !== key);
    this.#keep();
  }

  #keep(): void {
    if (this.items.length > 0) sessionStorage.setItem(this.#place, JSON.stringify(this.items));
    else sessionStorage.removeItem(this.#place);
  }

  #kept(): Outgoing[] {
    try {
      const kept = JSON.parse(sessionStorage.getItem(this.#place) ?? '[]') as Outgoing[];
      return kept.map((item) => ({ ...item, state: item.state === 'failed' ? 'failed' : 'waiting' }));
    } catch {
      return [];
    }
  }
}
