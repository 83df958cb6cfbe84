// A list that is read page by page, as far as somebody wants to see it.

type Page<Item> = { items: Item[]; next?: string | null };

export class Paged<Item> {
  /** Null before the first reading. */
  items = $state.raw<Item[] | null>(null);
  /** Why it could not be read from the beginning. */
  error = $state.raw<unknown>(null);
  /** Why it does not go on; what was read stays. */
  halt = $state.raw<unknown>(null);
  hasMore = $state(false);
  isBusy = $state(false);

  #ask: (cursor?: string) => Promise<Page<Item>>;
  #next: string | undefined;
  /** Answers to earlier questions come too late. */
  #turn = 0;

  constructor(ask: (cursor?: string) => Promise<Page<Item>>) {
    this.#ask = ask;
  }

  /** From the beginning. */
  async read(): Promise<void> {
    this.#next = undefined;
    await this.#readOn([], (error) => (this.error = error));
  }

  async more(): Promise<void> {
    await this.#readOn(this.items ?? [], (error) => (this.halt = error));
  }

  async #readOn(before: Item[], fail: (error: unknown) => void): Promise<void> {
    const turn = ++this.#turn;
    this.isBusy = true;
    this.error = this.halt = null;
    try {
      const page = await this.#ask(this.#next);
      if (turn !== this.#turn) return;
      this.items = [...before, ...page.items];
      this.#next = page.next ?? undefined;
      this.hasMore = this.#next !== undefined;
    } catch (error) {
      if (turn === this.#turn) fail(error);
    } finally {
      if (turn === this.#turn) this.isBusy = false;
    }
  }
}
