// A channel that is open on the screen: its messages, its people, what is being sent, and the stream
// that keeps all of it as it is on the server.
import type { Schemas } from '$lib/api/client';
import type { Happening, MemberChange, Message } from '$lib/live/frames';
import { LiveStream } from '$lib/live/stream.svelte';
import { channelById } from './load';
import { Meanwhile } from './meanwhile';
import type { Outbox } from './outbox.svelte';
import { People } from './people.svelte';
import { Reading } from './reading.svelte';
import { Timeline } from './timeline.svelte';
import { outboxOf } from './unsent';

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
  heard = $state<{ id: string; name: string; text: string } | null>(null);

  #changes = new Meanwhile<Partial<Channel>>();
  /** Whether the newest message is on the screen and somebody looks at it. */
  #isWatched: () => boolean = () => false;

  constructor(channel: Channel, me: string) {
    this.channel = channel;
    this.me = me;
    this.timeline = new Timeline(channel.id, me);
    this.people = new People(channel.id);
    this.reading = new Reading(me, channel.id);
    this.outbox = outboxOf(me, channel.id);
    this.live = new LiveStream(channel.id, {
      tell: (frame) => this.#tell(frame),
      begin: () => void this.reload(),
      resync: () => void this.#startOver(),
      back: () => {
        this.outbox.resume();
        this.timeline.fill();
      },
    });
  }

  start(isWatched: () => boolean): () => void {
    this.#isWatched = isWatched;
    const show = (message: Message) => this.timeline.add(message);
    this.outbox.sent = show;
    void this.#readLists();
    this.live.start();
    return () => {
      this.live.stop();
      this.timeline.stop();
      // Another page of the channel may have taken it over.
      if (this.outbox.sent === show) this.outbox.sent = () => undefined;
    };
  }

  /** Reads everything; the stream tells what changes from then on. */
  async reload(): Promise<void> {
    await Promise.all([this.#readLists(), this.#readChannel()]);
  }

  async #readLists(): Promise<void> {
    await Promise.all([this.timeline.loadNewest(), this.people.load()]);
  }

  async #startOver(): Promise<void> {
    await Promise.all([this.timeline.startOver(), this.people.load(), this.#readChannel()]);
  }

  /** What it is called, who may come in, how one stands to it: all of that may have changed. */
  async #readChannel(): Promise<void> {
    const reading = this.#changes.reading(() => channelById(this.channel.id));
    // What is known is shown already, and a stream that is refused says so by itself.
    const [channel, news] = await reading.catch(() => [this.channel, []] as const);
    this.channel = Object.assign({}, channel, ...news);
  }

  /** Why nothing may be said here now; null when it may. */
  get silence(): 'archived' | 'encrypted' | 'members-only' | null {
    if (this.channel.status === 'archived') return 'archived';
    if (this.channel.confidential) return 'encrypted';
    const isOutside = this.channel.visibility === 'private' && this.channel.membership !== 'joined';
    return isOutside || this.live.state === 'removed' ? 'members-only' : null;
  }

  #tell(frame: Happening): void {
    if ('member' in frame) this.#changeMember(frame.member);
    else if ('channel' in frame) this.#changeChannel(wasSet(frame.channel));
    else this.#tellOfMessage(frame);
  }

  #tellOfMessage(frame: Exclude<Happening, { member: unknown } | { channel: unknown }>): void {
    if ('message' in frame) {
      const { message } = frame;
      if (message.sender_id === this.me) this.outbox.seen(message);
      else {
        const name = this.people.name(message.sender_matrix_id);
        this.heard = { id: message.id, name, text: message.content_preview };
        if (!this.#isWatched()) this.reading.miss();
      }
    }
    // What is deleted is not read out, either.
    if (frame.type === 'message.deleted' && frame.message_id === this.heard?.id) this.heard = null;
    this.timeline.apply(frame);
  }

  #changeMember(change: MemberChange): void {
    this.people.apply(change);
    if (change.member_id === this.me) this.#changeChannel({ membership: change.membership });
  }

  #changeChannel(change: Partial<Channel>): void {
    this.#changes.note(change);
    this.channel = { ...this.channel, ...change };
  }
}

/** The fields that a frame says were set. An alias alone can be taken away, and is null then. */
function wasSet(change: Schemas['ChannelChange']): Partial<Channel> {
  const fields = Object.entries(change);
  const set = fields.filter(([name, value]) => value !== null || name === 'matrix_room_alias');
  return Object.fromEntries(set);
}
