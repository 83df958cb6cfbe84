// Up to where somebody has read, and therefore where the marker of new messages stands. Kept in this
// browser, for each person and channel.
import type { Message } from '$lib/live/frames';

export class Reading {
  /** The newest message that was seen. Behind it everything is new. */
  seen = $state<string | null>(null);
  /** The message behind which the marker stands; it stays while the channel is open. */
  marker = $state<string | null>(null);

  #place: string | null;
  #seenAt = 0;

  /** Without a channel nothing is kept, as in a thread. */
  constructor(entity: string, channel: string | null) {
    this.#place = channel && `daarion.read.${entity}.${channel}`;
    if (!this.#place) return;
    const [id, at] = (localStorage.getItem(this.#place) ?? '').split(' ');
    if (!id) return;
    this.seen = this.marker = id;
    this.#seenAt = Number(at) || 0;
  }

  /** The newest message is on the screen and somebody looks at it. */
  see(newest: Message | undefined): void {
    if (!newest || newest.id === this.seen) return;
    this.seen = newest.id;
    this.#seenAt = Date.parse(newest.created_at);
    if (this.#place) localStorage.setItem(this.#place, `${newest.id} ${this.#seenAt}`);
  }

  /** A message has come that nobody looks at: the marker goes to where reading stopped. */
  miss(): void {
    this.marker = this.seen;
  }

  /** The first message that is new to this person, in a list with the oldest first. */
  firstNew(messages: readonly Message[], me: string): Message | undefined {
    if (!this.marker) return undefined;
    return this.#behind(this.marker, messages).find((message) => message.sender_id !== me);
  }

  /** How many have come since somebody looked. */
  missed(messages: readonly Message[], me: string): number {
    if (!this.seen) return 0;
    const behind = this.#behind(this.seen, messages);
    return behind.filter((message) => message.sender_id !== me).length;
  }

  #behind(id: string, messages: readonly Message[]): readonly Message[] {
    const index = messages.findLastIndex((message) => message.id === id);
    if (index >= 0) return messages.slice(index + 1);
    // It is further up than what is loaded, or it is gone.
    return messages.filter((message) => Date.parse(message.created_at) > this.#seenAt);
  }
}
