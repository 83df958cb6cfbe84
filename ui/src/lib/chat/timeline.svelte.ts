// The messages of a channel that are held: the newest ones, and upward as far as somebody has looked.
// Whoever stays far above while much is said lets go of the newest ones; at the end of what is held
// the newest are read anew, and what stands between is above them.
import { api, type Schemas } from '$lib/api/client';
import { ApiError, ok } from '$lib/api/error';
import type { Happening, Message } from '$lib/live/frames';
import { Meanwhile } from './meanwhile';
import { changed, compare, edition, merged, settled } from './order';

type Page = Schemas['MessagePage'];
/** What the stream tells, and what the server has taken of one's own. */
type News = Happening | { type: 'said'; message: Message };

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
  #cursor: string | undefined;
  #meanwhile = new Meanwhile<News>();
  /** Messages whose whole content is to be read. */
  #wanted = new Set<string>();
  /** Those whose content could not be had, because the homeserver was away. */
  #lacking = new Set<string>();
  #again: ReturnType<typeof setTimeout> | undefined;
  #isReading = false;

  constructor(channel: string, me: string) {
    this.#channel = channel;
    this.#me = me;
  }

  /** Reads the newest messages; what is known and joins on stays. */
  loadNewest(): Promise<void> {
    return this.#readNewest((page) => this.#takeNewest(page));
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
  }

  /** Reads what stands before the oldest one that is loaded; what has failed, when it is asked for. */
  async loadOlder(beforeMerging: () => void, { again = false } = {}): Promise<void> {
    const cursor = this.#cursor;
    const isDue = this.older === 'more' || (again && this.older === 'failed');
    if (!isDue || !cursor) return;
    this.older = 'loading';
    try {
      await this.#read(() => this.#page(cursor), (page) => {
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
    this.#tell(news);
  }

  #tell(frame: News): void {
    if ('message' in frame) {
      this.#show(frame.message);
    } else if (frame.type === 'message.updated') {
      const { content_preview, truncated, edited_at } = frame;
      const edit = { content_preview, truncated, edited_at, content: undefined };
      this.#change(frame.message_id, (message) => {
        const isDone = message.content && edition(message) === Date.parse(edited_at);
        if (isDone || message.deleted) return message;
        this.#want([message.id]);
        return { ...message, ...edit };
      });
    } else if (frame.type === 'message.deleted') {
      const removal = { deleted: true, content_preview: '', content: undefined, media: undefined };
      this.#change(frame.message_id, (message) => ({ ...message, ...removal }));
    }
  }

  #show(message: Message): void {
    if (this.#isBelow(message)) {
      if (message.sender_id !== this.#me) this.below = (this.below ?? 0) + 1;
      return;
    }
    this.messages = merged(this.messages ?? [], [message]);
    if (!message.content && !message.deleted) this.#want([message.id]);
  }

  /** Whether it stands where nothing is held. */
  #isBelow(message: Message): boolean {
    const last = this.messages?.at(-1);
    return this.isCut && last !== undefined && compare(message, last) > 0;
  }

  #change(id: string, change: (message: Message) => Message): void {
    if (this.messages) this.messages = changed(this.messages, id, change);
  }

  /** Takes an answer, and tells it what came since it was asked for. */
  async #read<R>(read: () => Promise<R>, take: (answer: R) => void): Promise<void> {
    const [answer, news] = await this.#meanwhile.reading(read);
    take(answer);
    for (const frame of news) this.#tell(frame);
  }

  async #readNewest(take: (page: Page) => void): Promise<void> {
    try {
      await this.#read(() => this.#page(undefined), take);
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
    this.below = null;
    this.#continueAt(page.next);
  }

  #continueAt(next: string | null | undefined): void {
    this.#cursor = next ?? undefined;
    this.older = next ? 'more' : 'none';
  }

  /** With the whole contents, or where the homeserver is away with what the index holds. */
  async #page(cursor: string | undefined): Promise<Page> {
    const read = (content: 'full' | 'preview') => {
      const path = { channel_id: this.#channel };
      const query = { limit: PAGE, cursor, content };
      return ok(api.GET('/api/messaging/channels/{channel_id}/messages', { params: { path, query } }));
    };
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
    const path = { channel_id: this.#channel, message_id: id };
    const params = { path, query: { content: 'full' as const } };
    const url = '/api/messaging/channels/{channel_id}/messages/{message_id}';
    const take = (full: Message) => this.#change(id, (known) => settled(known, full));
    try {
      await this.#read(() => ok(api.GET(url, { params })), take);
    } catch (error) {
      // Its beginning is shown already.
      if (error instanceof ApiError && error.isPassing) this.#lack([id]);
    }
  }
}

const isAway = (error: unknown): boolean =>
  error instanceof ApiError && (error.status === 502 || error.status === 503);
