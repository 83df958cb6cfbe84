// What a list of messages and a composer need to know of where they are: a channel, or a thread of it.
import type { Conversation } from './conversation.svelte';
import type { Outbox } from './outbox.svelte';
import { Reading } from './reading.svelte';
import { Timeline } from './timeline.svelte';

type Shared =
  | 'me' | 'channel' | 'people' | 'outbox' | 'reactions' | 'threads' | 'later' | 'slow' | 'pause' | 'silence' | 'heard';

export interface Talk extends Pick<Conversation, Shared | 'reading' | 'timeline'> {
  /** The root of the thread; null in the channel itself. */
  readonly thread: string | null;
}

/** A thread that is open, beside the conversation that it belongs to. */
export class ThreadTalk implements Talk {
  readonly thread: string;
  readonly timeline: Timeline;
  readonly reading: Reading;
  readonly heard = null;

  #within: Conversation;

  constructor(within: Conversation, root: string) {
    this.#within = within;
    this.thread = root;
    this.timeline = new Timeline(within.channel.id, within.me, root);
    this.reading = new Reading(within.me, null);
  }

  /** Reads it, and is told what happens from then on. */
  start(): () => void {
    const leave = this.#within.attend(this.timeline);
    void this.timeline.loadNewest();
    return () => {
      leave();
      this.timeline.stop();
    };
  }

  get me(): string {
    return this.#within.me;
  }

  get channel(): Conversation['channel'] {
    return this.#within.channel;
  }

  get people(): Conversation['people'] {
    return this.#within.people;
  }

  get outbox(): Outbox {
    return this.#within.outbox;
  }

  get reactions(): Conversation['reactions'] {
    return this.#within.reactions;
  }

  get threads(): Conversation['threads'] {
    return this.#within.threads;
  }

  get later(): Conversation['later'] {
    return this.#within.later;
  }

  get slow(): Conversation['slow'] {
    return this.#within.slow;
  }

  get pause(): number {
    return this.#within.pause;
  }

  get silence(): Conversation['silence'] {
    return this.#within.silence;
  }
}
