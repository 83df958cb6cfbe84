// A channel that is open on the screen: its messages, its people, what is being sent, and the stream
// that keeps all of it as it is on the server.
import { ApiError } from '$lib/api/error';
import type { Schemas } from '$lib/api/client';
import type { ChannelChange, Happening } from '$lib/live/frames';
import { LiveStream } from '$lib/live/stream.svelte';
import { Outbox } from './outbox.svelte';
import { People } from './people.svelte';
import { Reading } from './reading.svelte';
import { Timeline } from './timeline.svelte';

type Channel = Schemas['Channel'];

export class Conversation {
  readonly me: string;
  readonly timeline: Timeline;
  readonly people: People;
  readonly outbox: Outbox;
  readonly reading: Reading;
  readonly live: LiveStream;
  channel: Channel = $state.raw() as Channel;
  /** The latest message of somebody else, for those who listen. */
  heard = $state<{ name: string; text: string } | null>(null);

  /** Whether the newest message is on the screen and somebody looks at it. */
  #isWatched: () => boolean = () => false;

  constructor(channel: Channel, me: string) {
    this.channel = channel;
    this.me = me;
    this.timeline = new Timeline(channel.id);
    this.people = new People(channel.id);
    this.reading = new Reading(me, channel.id);
    this.outbox = new Outbox(me, channel.id, (message) => this.timeline.add(message));
    this.live = new LiveStream(channel.id, {
      tell: (frame) => this.#tell(frame),
      resync: () => void this.reload(),
      back: () => this.outbox.resume(),
    });
  }

  start(isWatched: () => boolean): () => void {
    this.#isWatched = isWatched;
    void this.reload();
    this.live.start();
    return () => {
      this.live.stop();
      this.outbox.stop();
    };
  }

  /** Reads the lists; the stream tells what changes from then on. */
  async reload(): Promise<void> {
    await Promise.all([this.timeline.loadNewest(), this.people.load()]);
  }

  /** Why nothing may be said here now; null when it may. */
  get silence(): 'archived' | 'encrypted' | 'members-only' | null {
    if (this.channel.status === 'archived') return 'archived';
    if (this.channel.confidential) return 'encrypted';
    const isOutside = this.channel.visibility === 'private' && this.channel.membership !== 'joined';
    return isOutside || this.live.state === 'removed' ? 'members-only' : null;
  }

  /** Whether the first reading failed because it is not for this person. */
  get isForbidden(): boolean {
    const { error, messages } = this.timeline;
    return !messages && error instanceof ApiError && error.status === 403;
  }

  #tell(frame: Happening): void {
    if ('member' in frame) this.people.apply(frame.member);
    else if ('channel' in frame) this.#changeChannel(frame.channel);
    else this.#tellOfMessage(frame);
  }

  #tellOfMessage(frame: Exclude<Happening, { member: unknown } | { channel: unknown }>): void {
    if ('message' in frame) {
      const { message } = frame;
      if (message.sender_id === this.me) this.outbox.seen(message);
      else {
        this.heard = { name: this.people.name(message.sender_matrix_id), text: message.content_preview };
        if (!this.#isWatched()) this.reading.miss();
      }
    }
    this.timeline.apply(frame);
  }

  #changeChannel(change: ChannelChange): void {
    this.channel = { ...this.channel, ...change };
  }
}
