// The live stream of one channel. It connects with a ticket, tells each frame once and in order,
// and when the connection breaks it comes back behind the last frame that it told.
import { api } from '$lib/api/client';
import { ApiError, ok } from '$lib/api/error';
import { parseFrame, type Frame, type Happening, type Opening } from './frames';

export type LiveState = 'connecting' | 'live' | 'lost' | 'removed' | 'ended';

/** How long after which failure it tries again, in milliseconds; the last one for ever. */
const BACK_OFF_MS = [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000];
/** A browser hides the server's pings, so the page asks by itself. */
const PING_EVERY_MS = 20_000;
const PONG_WITHIN_MS = 10_000;
/** How long a handshake may take. */
const OPEN_WITHIN_MS = 15_000;
/** The server's close code for whoever may not listen any more, or is signed out. */
const CLOSED_OUT = 1008;

interface Handlers {
  /** Something happened. */
  tell: (frame: Happening) => void;
  /** The stream begins: whatever is read from here on is kept as it is on the server. */
  begin: () => void;
  /** What was missed cannot be told: read the lists anew. */
  resync: () => void;
  /** The stream stands, after the first time or again, and all that was missed has been told. */
  back: () => void;
}

export class LiveStream {
  state = $state<LiveState>('connecting');

  #channel: string;
  #handlers: Handlers;
  #socket: WebSocket | null = null;
  #position: { seq: number; journal: string } | null = null;
  #failures = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #heart: ReturnType<typeof setTimeout> | undefined;
  /** Counts the attempts. Whatever belongs to an earlier one than this is over and says nothing. */
  #turn = 0;
  /** Whether an attempt is under way; then there is no second one. */
  #isTrying = false;
  /** The first answer to a ping stands behind all that was missed. */
  #isCatchingUp = false;

  constructor(channel: string, handlers: Handlers) {
    this.#channel = channel;
    this.#handlers = handlers;
  }

  start(): void {
    addEventListener('online', this.#now);
    document.addEventListener('visibilitychange', this.#whenSeen);
    void this.#connect();
  }

  stop(): void {
    removeEventListener('online', this.#now);
    document.removeEventListener('visibilitychange', this.#whenSeen);
    this.#drop('ended');
  }

  /** Does not wait for the next attempt. Who was taken out may be in again. */
  retryNow(): void {
    if (this.state === 'lost' || this.state === 'removed') void this.#connect();
  }

  #now = (): void => this.retryNow();

  #whenSeen = (): void => {
    if (document.visibilityState === 'visible') this.retryNow();
  };

  async #connect(): Promise<void> {
    if (this.#isTrying) return;
    this.#isTrying = true;
    clearTimeout(this.#retry);
    const turn = (this.#turn += 1);
    this.#expectWithin(OPEN_WITHIN_MS);
    try {
      const { ticket } = await ok(api.POST('/api/auth/ticket'));
      if (turn === this.#turn) this.#open(ticket, turn);
    } catch (error) {
      if (turn !== this.#turn) return;
      // Signed out: the page leads to the door, and there is nothing to come back to.
      if (error instanceof ApiError && error.status === 401) this.stop();
      else this.#lost();
    }
  }

  #open(ticket: string, turn: number): void {
    const url = new URL(`/ws/messaging/${this.#channel}`, location.href);
    url.protocol = url.protocol.replace('http', 'ws');
    url.searchParams.set('ticket', ticket);
    if (this.#position) {
      url.searchParams.set('after', String(this.#position.seq));
      url.searchParams.set('journal', this.#position.journal);
    }
    const socket = new WebSocket(url);
    this.#socket = socket;
    let isOpened = false;
    socket.onmessage = ({ data }) => {
      if (turn !== this.#turn) return;
      isOpened = true;
      this.#take(parseFrame(data));
    };
    socket.onclose = ({ code }) => {
      if (turn !== this.#turn) return;
      if (isOpened && code !== CLOSED_OUT) this.#lost();
      else void this.#refused(turn);
    };
  }

  /** A browser is not told why a handshake was refused, so the channel is asked for itself. */
  async #refused(turn: number): Promise<void> {
    this.#expectWithin(OPEN_WITHIN_MS);
    const params = { path: { channel_id: this.#channel } };
    const status = await ok(api.GET('/api/messaging/channels/{channel_id}', { params })).then(
      () => 200,
      (error: unknown) => (error instanceof ApiError ? error.status : 0),
    );
    if (turn !== this.#turn) return;
    if (status === 403 || status === 404) this.#drop('removed');
    else this.#lost();
  }

  #take(frame: Frame | null): void {
    this.#pingLater();
    if (!frame) this.#caughtUp();
    else if ('journal' in frame) this.#begin(frame);
    // It stands where the frame before it stood.
    else if (frame.type === 'scheduled.changed') this.#handlers.tell(frame);
    else if (this.#position && frame.seq > this.#position.seq) {
      this.#position.seq = frame.seq;
      this.#handlers.tell(frame);
    }
  }

  #begin({ type, seq, journal }: Opening): void {
    const before = this.#position;
    // What was told is not told again.
    const from = before?.journal === journal ? Math.max(before.seq, seq) : seq;
    this.#position = { seq: from, journal };
    this.#failures = 0;
    this.#isTrying = false;
    this.#isCatchingUp = true;
    this.state = 'live';
    this.#socket?.send('ping');
    if (type === 'resync') this.#handlers.resync();
    else if (!before) this.#handlers.begin();
  }

  #caughtUp(): void {
    if (!this.#isCatchingUp) return;
    this.#isCatchingUp = false;
    this.#handlers.back();
  }

  #lost(): void {
    this.#drop('lost');
    const wait = BACK_OFF_MS[Math.min(this.#failures, BACK_OFF_MS.length - 1)] ?? 0;
    this.#failures += 1;
    // Spread, so that a whole city does not come back at one moment.
    this.#retry = setTimeout(() => void this.#connect(), wait * (0.75 + Math.random() / 2));
  }

  /** Ends the attempt or the connection that there is. */
  #drop(state: LiveState): void {
    this.state = state;
    this.#turn += 1;
    this.#isTrying = false;
    clearTimeout(this.#retry);
    clearTimeout(this.#heart);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #pingLater(): void {
    clearTimeout(this.#heart);
    this.#heart = setTimeout(() => {
      this.#socket?.send('ping');
      this.#expectWithin(PONG_WITHIN_MS);
    }, PING_EVERY_MS);
  }

  #expectWithin(limit: number): void {
    clearTimeout(this.#heart);
    this.#heart = setTimeout(() => this.#lost(), limit);
  }
}
