// What the stream tells while something is being read: the answer may be older than that, so it is
// told to the answer once more.

export class Meanwhile<T> {
  #readings = new Set<T[]>();

  /** It is told while these are being read. */
  note(news: T): void {
    for (const reading of this.#readings) reading.push(news);
  }

  /** The answer, and what came until it was there. */
  async reading<R>(read: () => Promise<R>): Promise<[R, readonly T[]]> {
    const news: T[] = [];
    this.#readings.add(news);
    try {
      return [await read(), news];
    } finally {
      this.#readings.delete(news);
    }
  }
}
