// The city rooms and channels that the sidebar and the city page show. They are read again now and
// then while the page is looked at, because no stream tells of them yet.
import { api, type Schemas } from '$lib/api/client';
import { ok } from '$lib/api/error';

const EVERY_MS = 20_000;
const PAGE = 200;

export type CityRoom = Schemas['CityRoom'];
export type Channel = Schemas['Channel'];

class Places {
  rooms = $state.raw<CityRoom[] | null>(null);
  /** Channels of microdaos, without the city's rooms. */
  channels = $state.raw<Channel[]>([]);
  /** Why the latest reading failed; what was read before stays. */
  error = $state.raw<unknown>(null);

  /** Reads until the answer is called. */
  watch(): () => void {
    void this.read();
    const readWhenSeen = () => void (document.visibilityState === 'visible' && this.read());
    const timer = setInterval(readWhenSeen, EVERY_MS);
    document.addEventListener('visibilitychange', readWhenSeen);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', readWhenSeen);
    };
  }

  async read(): Promise<void> {
    try {
      const [rooms, channels] = await Promise.all([ok(api.GET('/api/city/rooms')), allChannels()]);
      this.rooms = rooms;
      this.channels = channels;
      this.error = null;
    } catch (error) {
      this.error = error;
    }
  }

  forget(): void {
    this.rooms = null;
    this.channels = [];
    this.error = null;
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
