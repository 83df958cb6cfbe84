// Something that a screen shows, and reads again every few seconds while the page is looked at.
export class Reading<T> {
  data = $state.raw<T | null>(null);
  /** Why the latest reading failed; what was read before stays. */
  error = $state.raw<unknown>(null);
  #ask: () => Promise<T>;
  /** Null for what is read once. */
  #everyMs: number | null;
  #turn = 0;

  constructor(ask: () => Promise<T>, everyMs: number | null) {
    this.#ask = ask;
    this.#everyMs = everyMs;
  }

  /** Reads until the answer is called. */
  watch(): () => void {
    void this.read();
    if (this.#everyMs === null) return () => undefined;
    const readWhenSeen = () => void (document.visibilityState === 'visible' && this.read());
    const timer = setInterval(readWhenSeen, this.#everyMs);
    document.addEventListener('visibilitychange', readWhenSeen);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', readWhenSeen);
    };
  }

  async read(): Promise<void> {
    const turn = ++this.#turn;
    try {
      const data = await this.#ask();
      if (turn === this.#turn) this.set(data);
    } catch (error) {
      if (turn === this.#turn) this.error = error;
    }
  }

  /** What a deed has answered is newer than what was read. */
  set(data: T): void {
    this.#turn++;
    this.data = data;
    this.error = null;
  }
}
