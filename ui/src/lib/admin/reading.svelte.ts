// Something that a screen shows, and reads again every few seconds while the page is looked at.
import { rounds } from '$lib/rounds';

export class Reading<T> {
  data = $state.raw<T | null>(null);
  /** Why the latest reading failed; what was read before stays. */
  error = $state.raw<unknown>(null);
  #ask: () => Promise<T>;
  /** Null for what is read once. */
  #everyMs: number | null;
  #turn = 0;
  /** The turn of what is shown; answers to earlier ones come too late. */
  #accepted = 0;

  constructor(ask: () => Promise<T>, everyMs: number | null) {
    this.#ask = ask;
    this.#everyMs = everyMs;
  }

  /** Reads until the answer is called. */
  watch(): () => void {
    if (this.#everyMs !== null) return rounds(() => this.read(), this.#everyMs);
    void this.read();
    return () => undefined;
  }

  async read(): Promise<void> {
    const turn = ++this.#turn;
    try {
      const data = await this.#ask();
      if (this.#accept(turn)) this.data = data;
    } catch (error) {
      if (this.#accept(turn)) this.error = error;
    }
  }

  /** What a deed has answered is newer than what was read, and than what is being read. */
  set(data: T): void {
    this.#accept(++this.#turn);
    this.data = data;
  }

  /** Lets what is being read come too late: it was asked for other things than are wanted now. */
  drop(): void {
    this.#accepted = this.#turn;
  }

  #accept(turn: number): boolean {
    if (turn <= this.#accepted) return false;
    this.#accepted = turn;
    this.error = null;
    return true;
  }
}
