// The messages of a channel that are loaded: always the newest ones, and upward as far as somebody
// has looked.
import { api } from '$lib/api/client';
import { ApiError, ok } from '$lib/api/error';
import type { Happening, Message } from '$lib/live/frames';
import { changed, merged } from './order';

const PAGE = 40;
/** More news at once than this are read as a list. */
const ONE_BY_ONE = 5;

export class Timeline {
  /** The oldest first; null before the first reading. */
  messages = $state.raw<readonly Message[] | null>(null);
  /** Why the newest ones could not be read. */
  error = $state.raw<unknown>(null);
  /** How it stands with what is further up. */
  older = $state<'more' | 'loading' | 'failed' | 'none'>('more');

  #channel: string;
  #cursor: string | undefined;
  /** Messages whose whole content is to be read. */
  #wanted = new Set<string>();
  #reading = false;

  constructor(channel: string) {
    this.#channel = channel;
  }

  /** Reads the newest messages; what is known and joins on stays. */
  async loadNewest(): Promise<void> {
    try {
      const page = await this.#page(undefined);
      const known = this.messages ?? [];
      const joinsOn = page.items.some((message) => known.some(({ id }) => id === message.id));
      this.messages = merged(joinsOn || !page.next ? known : [], page.items);
      if (!joinsOn) this.#continueAt(page.next);
      this.error = null;
    } catch (error) {
      this.error = error;
    }
  }

  /** Reads what stands before the oldest one that is loaded. */
  async loadOlder(beforeMerging: () => void): Promise<void> {
    if (this.older === 'loading' || this.older === 'none' || !this.#cursor) return;
    this.older = 'loading';
    try {
      const page = await this.#page(this.#cursor);
      beforeMerging();
      this.messages = merged(this.messages ?? [], page.items);
      this.#continueAt(page.next);
    } catch {
      this.older = 'failed';
    }
  }

  add(message: Message): void {
    this.messages = merged(this.messages ?? [], [message]);
    if (!message.content && !message.deleted) this.#want(message.id);
  }

  apply(frame: Happening): void {
    if (frame.type === 'message.created' || frame.type === 'media.uploaded') {
      this.add(frame.message);
    } else if (frame.type === 'message.updated') {
      const { content_preview, truncated, edited_at } = frame;
      const edit = { content_preview, truncated, edited_at, content: undefined };
      this.#change(frame.message_id, (message) => ({ ...message, ...edit }));
      this.#want(frame.message_id);
    } else if (frame.type === 'message.deleted') {
      const removal = { deleted: true, content_preview: '', content: undefined, media: undefined };
      this.#change(frame.message_id, (message) => ({ ...message, ...removal }));
    }
  }

  #change(id: string, change: (message: Message) => Message): void {
    if (this.messages) this.messages = changed(this.messages, id, change);
  }

  #continueAt(next: string | null | undefined): void {
    this.#cursor = next ?? undefined;
    this.older = next ? 'more' : 'none';
  }

  /** With the whole contents, or where the homeserver is away with what the index holds. */
  async #page(cursor: string | undefined) {
    const read = (content: 'full' | 'preview') => {
      const path = { channel_id: this.#channel };
      const query = { limit: PAGE, cursor, content };
      return ok(api.GET('/api/messaging/channels/{channel_id}/messages', { params: { path, query } }));
    };
    return read('full').catch((error: unknown) => {
      const isAway = error instanceof ApiError && (error.status === 502 || error.status === 503);
      return isAway ? read('preview') : Promise.reject(error);
    });
  }

  #want(id: string): void {
    this.#wanted.add(id);
    if (!this.#reading) void this.#readWanted();
  }

  /** A live message has the first characters of its plain text; the rest is read behind it. */
  async #readWanted(): Promise<void> {
    this.#reading = true;
    while (this.#wanted.size > 0) {
      const wanted = [...this.#wanted];
      this.#wanted.clear();
      if (wanted.length > ONE_BY_ONE) await this.loadNewest();
      else await Promise.all(wanted.map((id) => this.#readOne(id)));
    }
    this.#reading = false;
  }

  async #readOne(id: string): Promise<void> {
    const path = { channel_id: this.#channel, message_id: id };
    const params = { path, query: { content: 'full' as const } };
    try {
      const url = '/api/messaging/channels/{channel_id}/messages/{message_id}';
      const full = await ok(api.GET(url, { params }));
      this.#change(id, () => full);
    } catch {
      // Its beginning is shown already.
    }
  }
}
