// The deletion of all that somebody has said in a channel. The server does it whether anybody looks or
// not; here is how far it is.
import { api, type Schemas } from '$lib/api/client';
import { ApiError, ok } from '$lib/api/error';

type Sweep = Schemas['MessageSweep'];

const LOOK_EVERY_MS = 1_000;
const URL = '/api/messaging/channels/{channel_id}/messages/delete';

export class Sweeping {
  /** The latest one that was begun from here or elsewhere; null when there is none to be told of. */
  job = $state.raw<Sweep | null>(null);
  /** Why nobody knows how far it is. */
  error = $state.raw<unknown>(null);

  #params: { path: { channel_id: string } };
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isWatched = false;

  constructor(channel: string) {
    this.#params = { path: { channel_id: channel } };
  }

  /** Looks whether one goes on already, and how far it is. */
  watch(): () => void {
    this.#isWatched = true;
    void this.#look((job) => job.state === 'running');
    return () => {
      this.#isWatched = false;
      clearTimeout(this.#timer);
    };
  }

  /** Throws when it is refused. */
  async begin(body: Schemas['NewMessageSweep']): Promise<void> {
    this.#take(await ok(api.POST(URL, { params: this.#params, body })));
  }

  /** Somebody has seen how it ended. */
  dismiss(): void {
    this.job = null;
  }

  #take(job: Sweep): void {
    this.job = job;
    this.error = null;
    this.#lookLater();
  }

  #lookLater(): void {
    clearTimeout(this.#timer);
    if (this.#isWatched && this.job?.state === 'running') {
      this.#timer = setTimeout(() => void this.#look(() => true), LOOK_EVERY_MS);
    }
  }

  async #look(isNews: (job: Sweep) => boolean): Promise<void> {
    try {
      const job = await ok(api.GET(URL, { params: this.#params }));
      if (isNews(job)) this.#take(job);
    } catch (error) {
      // There is none, or it was forgotten with a restart.
      if (error instanceof ApiError && error.status === 404) this.job = null;
      else if (this.job) this.error = error;
      this.#lookLater();
    }
  }
}
