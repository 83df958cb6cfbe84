// The city rooms and channels that the sidebar and the city page show. They are read again now and
// then while the page is looked at, because no stream tells of them yet.
import { api, type Schemas } from '$lib/api/client';
import { ok } from '$lib/api/error';
import { allMicrodaos } from '$lib/microdaos/microdaos';
import { rounds } from '$lib/rounds';

const EVERY_MS = 20_000;
const PAGE = 200;

export type CityRoom = Schemas['CityRoom'];
export type Channel = Schemas['Channel'];

class Places {
  rooms = $state.raw<CityRoom[] | null>(null);
  /** Channels of microdaos, without the city's rooms. */
  channels = $state.raw<Channel[]>([]);
  /** What microdaos are called, by their ids. */
  microdaos = $state.raw<ReadonlyMap<string, string>>(new Map());
  /** Why the latest reading failed; what was read before stays. */
  error = $state.raw<unknown>(null);

  #turn = 0;
  /** The turn of what is shown; answers to earlier ones come too late. */
  #accepted = 0;

  /** Reads until the answer is called. */
  watch(): () => void {
    return rounds(() => this.read(), EVERY_MS);
  }

  async read(): Promise<void> {
    const turn = ++this.#turn;
    try {
      const [rooms, channels, microdaos] = await Promise.all([
        ok(api.GET('/api/city/rooms')),
        allChannels(),
        // Without their names the ids stand there.
        allMicrodaos().catch(() => null),
      ]);
      if (!this.#accept(turn)) return;
      this.rooms = rooms;
      this.channels = channels;
      if (microdaos) this.microdaos = new Map(microdaos.map(({ id, name }) => [id, name]));
    } catch (error) {
      if (this.#accept(turn)) this.error = error;
    }
  }

  forget(): void {
    // What is being read is somebody else's.
    this.#accepted = this.#turn;
    this.rooms = null;
    this.channels = [];
    this.microdaos = new Map();
    this.error = null;
  }

  #accept(turn: number): boolean {
    if (turn <= this.#accepted) return false;
    this.#accepted = turn;
    this.error = null;
    return true;
  }
}

async function allChannels(): Promise<Channel[]> {
  const found: Channel[] = [];
  let cursor: string | undefined;
  do {
    const query = { kind: 'channel' as const, limit: PAGE, cursor };
    const page = await ok(api.GET('/api/messaging/channels', { params: { query } }));
    found.push(...page.items);
    cursor = page.next ?? undefined;
  } while (cursor);
  return found;
}

export const places = new Places();
