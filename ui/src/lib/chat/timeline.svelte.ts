// The messages of a channel, or of a thread, that are held: the newest ones, and upward as far as
// somebody has looked. Whoever stays far above while much is said lets go of the newest ones; at the
// end of what is held the newest are read anew, and what stands between is above them. Whoever goes
// to a moment of the past holds what stands around it, and reads on downward from there.
import { ApiError } from '$lib/api/error';
import type { Message } from '$lib/live/frames';
import { Meanwhile } from './meanwhile';
import { changeOf, withPins, type News } from './news';
import { changed, compare, edition, merged, settled } from './order';
import { readMessage, readPage, type Page, type Place } from './reads';

const PAGE = 40;
/** More news at once than this are read as a list. */
const ONE_BY_ONE = 5;
/** How long after a failure contents are asked for again, in milliseconds. */
const AGAIN_MS = 15_000;

export class Timeline {
  /** The oldest first; null before the first reading. */
  messages = $state.raw<readonly Message[] | null>(null);
  /** Why the newest ones could not be read. */
  error = $state.raw<unknown>(null);
  /** How it stands with what is further up. */
  older = $state<'more' | 'loading' | 'failed' | 'none'>('more');
  /** How many of other people stand below what is held; null where the newest are held. */
  below = $state<number | null>(null);
  isCut = $derived(this.below !== null);
  isShortening = false;

  #channel: string;
  #me: string;
  /** The root of the thread whose messages these are; null for those of the channel. */
  #thread: string | null;
  #cursor: string | undefined;
  /** Where what is held goes on downward, after a way into the past. */
  #newer: string | undefined;
  #isReadingNewer = false;
  /** Somebody is on the way to another place: the newest are not what is wanted. */
  #isGoing = false;
  #meanwhile = new Meanwhile<News>();
  /** Messages whose whole content is to be read. */
  #wanted = new Set<string>();
  /** Those whose content could not be had, because the homeserver was away. */
  #lacking = new Set<string>();
  #again: ReturnType<typeof setTimeout> | undefined;
  #isReading = false;

  constructor(channel: string, me: string, thread: string | null = null) {
    this.#channel = channel;
    this.#me = me;
    this.#thread = thread;
  }

  /** Reads the newest messages; what is known and joins on stays. */
  async loadNewest(): Promise<void> {
    if (!this.#isGoing) await this.#readNewest((page) => this.#takeNewest(page));
  }

  /** Reads what stands around a moment, and lets go of all else. Throws when it cannot be read. */
  async goTo(at: string): Promise<void> {
    this.#isGoing = true;
    const read = () =>
      Promise.all([this.#page({ at, order: 'desc' }), this.#page({ at, order: 'asc' })]);
    try {
      await this.#read(read, ([before, after]) => {
        this.messages = merged([], [...before.items, ...after.items]);
        this.#continueAt(before.next);
        this.#goOnAt(after.next, 0);
        this.error = null;
      });
    } finally {
      this.#isGoing = false;
    }
  }

  /** Whether there is more to be read below, without beginning anew. */
  get goesOn(): boolean {
    return this.#newer !== undefined;
  }

  /** Reads what stands below, after a way into the past. */
  async loadNewer(): Promise<void> {
    const cursor = this.#newer;
    if (!cursor || this.#isReadingNewer) return;
    this.#isReadingNewer = true;
    try {
      await this.#read(() => this.#page({ cursor, order: 'asc' }), (page) => {
        if (this.#newer !== cursor) return;
        this.messages = merged(this.messages ?? [], page.items);
        this.#goOnAt(page.next, this.below);
      });
    } catch {
      // Whoever comes to the end once more asks once more.
    } finally {
      this.#isReadingNewer = false;
    }
  }

  /** Reads them without a thought for what is known: it may have changed since. */
  startOver(): Promise<void> {
    return this.#readNewest((page) => this.#beginWith(page));
  }

  /** Lets go of all but the newest, which are read anew, so that what is above them is found again. */
  async shorten(): Promise<void> {
    if (this.isShortening) return;
    this.isShortening = true;
    await this.startOver();
    this.isShortening = false;
  }

  /** Lets go of what stands behind the first `count`; `missed` tells how many of that are news. */
  cut(count: number, missed: (gone: readonly Message[]) => number): void {
    const known = this.messages ?? [];
    if (known.length <= count) return;
    this.below = (this.below ?? 0) + missed(known.slice(count));
    this.messages = known.slice(0, count);
    this.#newer = undefined;
  }

  /** Reads what stands before the oldest one that is loaded; what has failed, when it is asked for. */
  async loadOlder(beforeMerging: () => void, { again = false } = {}): Promise<void> {
    const cursor = this.#cursor;
    const isDue = this.older === 'more' || (again && this.older === 'failed');
    if (!isDue || !cursor) return;
    this.older = 'loading';
    try {
      await this.#read(() => this.#page({ cursor }), (page) => {
        // The list has begun anew meanwhile, and this does not join on.
        if (this.#cursor !== cursor) return;
        beforeMerging();
        this.messages = merged(this.messages ?? [], page.items);
        this.#continueAt(page.next);
      });
    } catch {
      if (this.#cursor === cursor) this.older = 'failed';
    }
  }

  /** Asks again for the contents that could not be had. */
  fill(): void {
    clearTimeout(this.#again);
    const lacking = [...this.#lacking];
    this.#lacking.clear();
    this.#want(lacking);
  }

  stop(): void {
    clearTimeout(this.#again);
  }

  /** One's own message, which the server has taken. */
  add(message: Message): void {
    this.apply({ type: 'said', message });
  }

  apply(news: News): void {
    this.#meanwhile.note(news);
    if ('message' in news) this.#count(news.message);
    this.#tell(news);
  }

  /** Makes of one message what somebody knows better. */
  change(id: string, to: (message: Message) => Message): void {
    const before = this.messages?.find((message) => message.id === id);
    if (!this.messages || !before) return;
    const after = to(before);
    this.messages = changed(this.messages, id, () => after);
    if (edition(after) !== edition(before) && !after.content) this.#want([id]);
  }

  #tell(news: News): void {
    if ('message' in news) return this.#show(news.message);
    if ('pinned' in news) this.messages = this.messages && withPins(this.messages, news.pinned);
    const change = changeOf(news);
    if (change) this.change(change.id, change.to);
  }

  #show(message: Message): void {
    const isElsewhere = this.#thread !== null && message.thread_id !== this.#thread;
    if (isElsewhere || this.#isBelow(message)) return;
    this.messages = merged(this.messages ?? [], [message]);
    if (!message.content && !message.deleted) this.#want([message.id]);
  }

  /** Once, however often it is told. What is said in threads is not missed below. */
  #count(message: Message): void {
    const isNews = message.sender_id !== this.#me && (message.thread_id ?? null) === this.#thread;
    if (isNews && this.#isBelow(message)) this.below = (this.below ?? 0) + 1;
  }

  /** Whether it stands where nothing is held. */
  #isBelow(message: Message): boolean {
    const last = this.messages?.at(-1);
    return this.isCut && last !== undefined && compare(message, last) > 0;
  }

  /** Takes an answer, and tells it what came since it was asked for. */
  async #read<R>(read: () => Promise<R>, take: (answer: R) => void): Promise<void> {
    const [answer, news] = await this.#meanwhile.reading(read);
    take(answer);
    for (const frame of news) this.#tell(frame);
  }

  async #readNewest(take: (page: Page) => void): Promise<void> {
    try {
      await this.#read(() => this.#page({}), take);
      this.error = null;
    } catch (error) {
      this.error = error;
    }
  }

  #takeNewest(page: Page): void {
    const known = this.messages ?? [];
    // What is below stays there: whoever reads above is not moved.
    if (this.isCut) {
      this.messages = merged(known, page.items.filter((message) => !this.#isBelow(message)));
      return;
    }
    const ids = new Set(page.items.map(({ id }) => id));
    const joinsOn = known.some(({ id }) => ids.has(id));
    if (known.length > 0 && !joinsOn && page.next) return this.#beginWith(page);
    this.messages = merged(known, page.items);
    if (!joinsOn) this.#continueAt(page.next);
  }

  /** Of what is known only that stays which was said behind the page. */
  #beginWith(page: Page): void {
    const [newest] = page.items;
    const isNewer = (message: Message) => newest !== undefined && compare(message, newest) > 0;
    this.messages = merged((this.messages ?? []).filter(isNewer), page.items);
    this.#goOnAt(undefined, null);
    this.#continueAt(page.next);
  }

  #continueAt(next: string | null | undefined): void {
    this.#cursor = next ?? undefined;
    this.older = next ? 'more' : 'none';
  }

  /** Down to where it is held; with `next` there is more, of which `known` are known to be news. */
  #goOnAt(next: string | null | undefined, known: number | null): void {
    this.#newer = next ?? undefined;
    this.below = next ? (known ?? 0) : null;
  }

  /** With the whole contents, or where the homeserver is away with what the index holds. */
  async #page(place: Place): Promise<Page> {
    const read = (content: 'full' | 'preview') =>
      readPage(this.#channel, this.#thread, { limit: PAGE, content, ...place });
    try {
      return await read('full');
    } catch (error) {
      if (!isAway(error)) throw error;
      const page = await read('preview');
      this.#lack(page.items.map(({ id }) => id));
      return page;
    }
  }

  /** What is wanted beside these would not be had either. */
  #lack(ids: readonly string[]): void {
    for (const id of [...ids, ...this.#wanted]) this.#lacking.add(id);
    this.#wanted.clear();
    clearTimeout(this.#again);
    this.#again = setTimeout(() => this.fill(), AGAIN_MS);
  }

  #want(ids: readonly string[]): void {
    for (const id of ids) this.#wanted.add(id);
    if (!this.#isReading) void this.#readWanted();
  }

  /** A live message has the first characters of its plain text; the rest is read behind it. */
  async #readWanted(): Promise<void> {
    this.#isReading = true;
    while (this.#wanted.size > 0) {
      // The newest ones are read as a list; what is further up, a few at a time.
      if (this.#wanted.size > ONE_BY_ONE) await this.loadNewest();
      for (const { id, content } of this.messages ?? []) if (content) this.#wanted.delete(id);
      const some = [...this.#wanted].slice(0, ONE_BY_ONE);
      for (const id of some) this.#wanted.delete(id);
      await Promise.all(some.map((id) => this.#readOne(id)));
    }
    this.#isReading = false;
  }

  async #readOne(id: string): Promise<void> {
    const take = (full: Message) => this.change(id, (known) => settled(known, full));
    try {
      await this.#read(() => readMessage(this.#channel, id), take);
    } catch (error) {
      // Its beginning is shown already.
      if (error instanceof ApiError && error.isPassing) this.#lack([id]);
    }
  }
}

const isAway = (error: unknown): boolean =>
  error instanceof ApiError && (error.status === 502 || error.status === 503);
