// What the agents of a channel can be asked to do, for somebody who begins a message with / or !.
import { api, type Schemas } from '$lib/api/client';
import { ok } from '$lib/api/error';

type Command = Schemas['ChannelCommand'];

/** The sign, and what stands between it and the cursor. */
const BEGUN = /^([/!])([a-z0-9_@.-]{0,64})$/i;
const AT_MOST = 8;
/** How old the list may be. */
const FRESH_MS = 30_000;

export class Commands {
  /** Which of those that are found is chosen. */
  at = $state(0);

  #channel: string;
  #all = $state.raw<Command[]>([]);
  #readAt = 0;
  #sign = $state('/');
  /** What was typed behind the sign; null while none is looked for. */
  #query = $state<string | null>(null);

  constructor(channel: string) {
    this.#channel = channel;
  }

  found = $derived.by((): Command[] => {
    const query = this.#query?.toLowerCase();
    if (query === undefined) return [];
    return this.#all.filter(({ write }) => write.slice(1).startsWith(query)).slice(0, AT_MOST);
  });

  /** Looks at what stands before the cursor. */
  look(before: string): void {
    const begun = BEGUN.exec(before);
    this.#query = begun?.[2] ?? null;
    this.at = 0;
    if (!begun) return;
    this.#sign = begun[1] ?? '/';
    void this.#read();
  }

  close(): void {
    this.#query = null;
  }

  step(by: number): void {
    const { length } = this.found;
    this.at = (this.at + by + length) % length;
  }

  /** As it is written here: by the sign that was typed. */
  written({ write }: Command): string {
    return this.#sign + write.slice(1);
  }

  async #read(): Promise<void> {
    if (Date.now() - this.#readAt < FRESH_MS) return;
    this.#readAt = Date.now();
    const params = { path: { channel_id: this.#channel } };
    try {
      const list = await ok(api.GET('/api/messaging/channels/{channel_id}/commands', { params }));
      this.#all = list.items;
    } catch {
      // Without the list everything can be typed all the same, and the next letter asks again.
      this.#readAt = 0;
    }
  }
}
