// A channel that is open on the screen: its messages, its people, what is being sent, and the stream
// that keeps all of it as it is on the server.
import type { Schemas } from '$lib/api/client';
import type { Happening, MemberChange, Message } from '$lib/live/frames';
import { LiveStream } from '$lib/live/stream.svelte';
import { Later } from './later.svelte';
import { channelById } from './load';
import { Meanwhile } from './meanwhile';
import { watchMutes } from './mutes.svelte';
import type { Outbox } from './outbox.svelte';
import { isMuted, People } from './people.svelte';
import { Reactions } from './reactions.svelte';
import { Reading } from './reading.svelte';
import { mayModerate } from './rights';
import { Slow } from './slow.svelte';
import { Threads } from './threads.svelte';
import { Timeline } from './timeline.svelte';
import { outboxOf } from './unsent';

type Channel = Schemas['Channel'];
type OfMessages = Exclude<
  Happening,
  { member: unknown } | { channel: unknown } | { roles: unknown } | { type: 'scheduled.changed' }
>;

export class Conversation {
  readonly me: string;
  readonly timeline: Timeline;
  readonly people: People;
  readonly outbox: Outbox;
  readonly reading: Reading;
  readonly reactions: Reactions;
  readonly threads: Threads;
  readonly slow: Slow;
  readonly later: Later;
  /** It is no thread. */
  readonly thread = null;
  readonly live: LiveStream;
  channel: Channel = $state.raw() as Channel;
  /** The latest message of somebody else, for those who listen. */
  heard = $state<{ id: string; name: string; text: string } | null>(null);

  /** All that shows messages of this channel: itself, and threads that are open. */
  #timelines = new Set<Timeline>();
  /** Grows with each change of what is pinned. */
  pinsVersion = $state(0);

  #changes = new Meanwhile<Partial<Channel>>();
  /** Whether the newest message is on the screen and somebody looks at it. */
  #isWatched: () => boolean = () => false;

  constructor(channel: Channel, me: string) {
    this.channel = channel;
    this.me = me;
    this.timeline = new Timeline(channel.id, me);
    this.people = new People(channel.id);
    this.reading = new Reading(me, channel.id);
    this.reactions = new Reactions(channel.id);
    this.later = new Later(channel.id);
    this.slow = new Slow(() => this.pause);
    this.threads = new Threads(channel.id, (root, thread) => {
      const { count, last_at } = thread ?? {};
      const summary = count && last_at ? { count, last_at } : undefined;
      this.timeline.change(root, (message) => ({ ...message, thread: summary }));
    });
    this.#timelines.add(this.timeline);
    this.outbox = outboxOf(me, channel.id);
    this.live = new LiveStream(channel.id, {
      tell: (frame) => this.#tell(frame),
      begin: () => void this.reload(),
      resync: () => void this.#startOver(),
      back: () => {
        this.outbox.resume();
        void this.later.read();
        for (const timeline of this.#timelines) timeline.fill();
      },
    });
  }

  start(isWatched: () => boolean): () => void {
    this.#isWatched = isWatched;
    const show = (message: Message) => this.show(message);
    this.outbox.sent = show;
    void this.#readLists();
    this.live.start();
    const unwatch = watchMutes(this.people);
    return () => {
      unwatch();
      this.live.stop();
      this.timeline.stop();
      // Another page of the channel may have taken it over.
      if (this.outbox.sent === show) this.outbox.sent = () => undefined;
    };
  }

  /** A thread is open: its messages are kept as they are on the server. */
  attend(timeline: Timeline): () => void {
    this.#timelines.add(timeline);
    return () => this.#timelines.delete(timeline);
  }

  /** A message of one's own, as the server has taken it. */
  show(message: Message): void {
    for (const timeline of this.#timelines) timeline.add(message);
    this.slow.said(Date.now());
    if (message.thread_id) this.threads.changed(message.thread_id);
  }

  /** Reads everything; the stream tells what changes from then on. */
  async reload(): Promise<void> {
    await Promise.all([this.#readLists(), this.#readChannel()]);
  }

  async #readLists(): Promise<void> {
    const lists = [...this.#timelines].map((timeline) => timeline.loadNewest());
    await Promise.all([...lists, this.people.load()]);
    const own = this.timeline.messages?.findLast(({ sender_id }) => sender_id === this.me);
    if (own) this.slow.said(Date.parse(own.created_at));
  }

  async #startOver(): Promise<void> {
    this.reactions.forget();
    this.threads.forget();
    this.pinsVersion += 1;
    const lists = [...this.#timelines].map((timeline) => timeline.startOver());
    await Promise.all([...lists, this.people.startOver(), this.#readChannel()]);
  }

  /** What it is called, who may come in, how one stands to it: all of that may have changed. */
  async #readChannel(): Promise<void> {
    const reading = this.#changes.reading(() => channelById(this.channel.id));
    // What is known is shown already, and a stream that is refused says so by itself.
    const [channel, news] = await reading.catch(() => [this.channel, []] as const);
    this.channel = Object.assign({}, channel, ...news);
  }

  /** Why nothing may be said here now; null when it may. */
  get silence(): 'archived' | 'encrypted' | 'invited' | 'muted' | 'members-only' | null {
    if (this.channel.status === 'archived') return 'archived';
    const { membership } = this.channel;
    if (membership === 'invited') return 'invited';
    if (this.channel.confidential) return 'encrypted';
    const isOutside = this.channel.visibility === 'private' && membership !== 'joined';
    if (isOutside || this.live.state === 'removed') return 'members-only';
    const mine = this.people.byEntity.get(this.me);
    return mine && isMuted(mine) ? 'muted' : null;
  }

  /** How many seconds the reader waits between two messages; 0 where they need not. */
  get pause(): number {
    if (this.people.all === null || mayModerate(this)) return 0;
    return this.channel.slow_mode_seconds;
  }

  #tell(frame: Happening): void {
    if ('member' in frame) this.#changeMember(frame.member);
    else if ('roles' in frame) this.people.setRoles(frame);
    else if ('channel' in frame) this.#changeChannel(wasSet(frame.channel));
    else if (frame.type === 'scheduled.changed') void this.later.read();
    else this.#tellOfMessage(frame);
  }

  #tellOfMessage(frame: OfMessages): void {
    if ('message' in frame) {
      const { message } = frame;
      if (message.sender_id === this.me) this.outbox.seen(message);
      else {
        const name = this.people.name(message.sender_matrix_id);
        this.heard = { id: message.id, name, text: message.content_preview };
        if (!message.thread_id && !this.#isWatched()) this.reading.miss();
      }
    }
    // What is deleted is not read out, either.
    if (frame.type === 'message.deleted' && frame.message_id === this.heard?.id) this.heard = null;
    const thread = this.#threadOf(frame);
    for (const timeline of this.#timelines) timeline.apply(frame);
    this.reactions.tell(frame);
    if ('pinned' in frame) this.pinsVersion += 1;
    if (thread) this.threads.changed(thread);
  }

  /** The thread that grows by it or becomes less. */
  #threadOf(frame: Happening): string | null {
    if ('message' in frame) return frame.message.thread_id ?? null;
    if (frame.type !== 'message.deleted') return null;
    const held = [...this.#timelines].flatMap(({ messages }) => messages ?? []);
    return held.find(({ id }) => id === frame.message_id)?.thread_id ?? null;
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
