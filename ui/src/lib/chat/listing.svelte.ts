// What a list of messages shows, a row each, and how somebody moves in it.
import { tick } from 'svelte';
import { bound } from './bound';
import { rowsOf, standsIn } from './rows';
import { Scroll } from './scroll.svelte';
import type { Talk } from './talk';

export class Listing {
  readonly scroll: Scroll;
  /** While rows are put above. */
  shift = $state(false);

  #talk: Talk;
  /** Somebody wants a message that is not held. */
  #seek: (id: string) => void;
  #isFirst = true;

  constructor(talk: Talk, seek: (id: string) => void) {
    this.#talk = talk;
    this.#seek = seek;
    this.scroll = new Scroll(
      () => this.#noted(),
      () => !talk.timeline.isCut,
    );
  }

  #held = $derived.by(() => this.#talk.timeline.messages ?? []);
  #messages = $derived.by(() => this.#held.filter(standsIn(this.#talk.thread)));
  #outgoing = $derived.by(() =>
    this.#talk.outbox.items.filter((item) => item.threadId === this.#talk.thread),
  );
  firstNew = $derived.by(() => this.#talk.reading.firstNew(this.#messages, this.#talk.me)?.id);
  rows = $derived.by(() => rowsOf(this.#messages, this.#outgoing, this.firstNew, this.#talk.me));
  byId = $derived.by(() => new Map(this.#held.map((message) => [message.id, message])));
  /** How many have come below that nobody has seen. */
  missed = $derived.by(() => {
    const { reading, timeline, me } = this.#talk;
    return reading.missed(this.#messages, me) + (timeline.below ?? 0);
  });

  /** Whether the newest message is before somebody's eyes. */
  get isWatched(): boolean {
    const isOpen = document.visibilityState === 'visible';
    return this.scroll.isAtEnd && !this.#talk.timeline.isCut && isOpen;
  }

  toEnd(): void {
    const { timeline } = this.#talk;
    if (timeline.isCut) void timeline.shorten();
    this.scroll.toEnd();
  }

  async older(again = false): Promise<void> {
    await this.#talk.timeline.loadOlder(() => (this.shift = true), { again });
    await tick();
    this.shift = false;
  }

  /** Goes to a message, wherever it is. */
  jump(id: string): void {
    if (!this.#goTo(id)) this.#seek(id);
  }

  /**
   * Other rows are there. At first it goes to what somebody has come for, to what is new, or to the
   * end; later it keeps whoever is at the end there.
   */
  async changed(found: string | null): Promise<void> {
    await tick();
    // All that is held may be said in threads.
    if (this.rows.length === 0) return this.scroll.note();
    if (this.#isFirst && !found && this.firstNew) this.#goTo(this.firstNew);
    else if ((this.#isFirst && !found) || this.#stays) this.scroll.toEnd();
    this.#isFirst = false;
    this.scroll.note();
  }

  /** Somebody has come for a message. */
  async find(id: string): Promise<void> {
    this.scroll.stays = false;
    await tick();
    this.#goTo(id);
  }

  /** Whoever has gone into the past is not kept at the end of what is held of it. */
  get #stays(): boolean {
    return this.scroll.stays && !this.#talk.timeline.isCut;
  }

  #goTo(id: string): boolean {
    const index = this.rows.findIndex((row) => row.key === id);
    if (index >= 0) this.scroll.to(index);
    return index >= 0;
  }

  #noted(): void {
    const { reading, timeline } = this.#talk;
    if (this.isWatched) reading.see(this.#messages.at(-1));
    // While rows are put above, none may be taken away below.
    if (!this.shift) {
      const lowest = this.rows[this.scroll.lowest]?.message;
      bound(this.#talk, this.scroll, lowest ? this.#held.indexOf(lowest) : this.#held.length);
    }
    if (this.scroll.isNearTop && !timeline.isShortening) void this.older();
  }
}
