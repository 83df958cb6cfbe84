// Where a channel is slow: how long it is until somebody may say the next thing. The server decides;
// what comes too early all the same waits in the outbox.

export class Slow {
  #pause: () => number;
  /** When something was last said here, in milliseconds. */
  #said = $state(0);
  #now = $state(0);

  /** `pause` is how many seconds are between two messages. */
  constructor(pause: () => number) {
    this.#pause = pause;
  }

  /** In seconds; 0 when it may be said. */
  left = $derived.by(() => {
    const pause = this.#pause() * 1_000;
    const left = this.#said + pause - this.#now;
    // A clock that is wrong makes nobody wait longer than the pause.
    return Math.ceil(Math.max(0, Math.min(pause, left)) / 1_000);
  });

  said(at: number): void {
    this.#said = Math.max(this.#said, at);
    this.#now = Date.now();
  }

  /** Lets the time pass. */
  watch(): () => void {
    const tick = () => (this.#now = Date.now());
    tick();
    const timer = setInterval(tick, 500);
    return () => clearInterval(timer);
  }
}
