// What somebody has written to be said later in a channel. Only they see it before.
import { api, type Schemas } from '$lib/api/client';
import { ok } from '$lib/api/error';
import type { Named } from '$lib/api/once';

export type Scheduled = Schemas['Scheduled'];

const ALL = '/api/messaging/channels/{channel_id}/scheduled';
const ONE = '/api/messaging/channels/{channel_id}/scheduled/{scheduled_id}';

export class Later {
  /** By time; null before the first reading. */
  items = $state.raw<Scheduled[] | null>(null);
  /** Why the latest reading failed; what was read before stays. */
  error = $state.raw<unknown>(null);

  #channel: string;
  /** Answers to earlier questions come too late. */
  #turn = 0;

  constructor(channel: string) {
    this.#channel = channel;
  }

  /** Whether there is one that could not be said. */
  hasFailed = $derived(this.items?.some(({ state }) => state === 'failed') ?? false);

  async read(): Promise<void> {
    const turn = ++this.#turn;
    try {
      const params = { path: { channel_id: this.#channel } };
      const { items } = await ok(api.GET(ALL, { params }));
      if (turn !== this.#turn) return;
      this.items = items;
      this.error = null;
    } catch (error) {
      if (turn === this.#turn) this.error = error;
    }
  }

  /** Each of these throws what the server says against it. */
  async add(body: Schemas['NewScheduled'], header: Named): Promise<void> {
    const params = { path: { channel_id: this.#channel }, header };
    await ok(api.POST(ALL, { params, body }));
    // It is there: whoever has asked for it need not wait for the list.
    void this.read();
  }

  async change({ id }: Scheduled, body: Schemas['ScheduledChange']): Promise<void> {
    await ok(api.PATCH(ONE, { params: this.#at(id), body }));
    await this.read();
  }

  async cancel({ id }: Scheduled): Promise<void> {
    await ok(api.DELETE(ONE, { params: this.#at(id) }));
    await this.read();
  }

  #at = (id: string) => ({ path: { channel_id: this.#channel, scheduled_id: id } });
}
