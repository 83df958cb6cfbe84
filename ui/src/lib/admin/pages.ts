// Lists that come in pages, read as far as somebody wants to see.
export interface Page<T> {
  items: T[];
  next?: string | null;
}

type Ask<T> = (query: { limit: number; cursor?: string }) => Promise<Page<T>>;

const PAGE = 200;

/**
 * The pages of a list that somebody looks at. Each reading asks for the first page alone; the
 * others are kept, until they begin elsewhere or somebody says that they may be others by now.
 */
export class Pages<T> {
  #ask: Ask<T>;
  #count = 1;
  #rest: Page<T> = { items: [] };
  /** Where the kept pages begin; null when there are none to keep. */
  #from: string | null = null;
  /** How often something was forgotten: what was asked for before is not kept. */
  #turn = 0;

  constructor(ask: Ask<T>) {
    this.#ask = ask;
  }

  async read(): Promise<Page<T>> {
    const first = await this.#ask({ limit: PAGE });
    if (this.#count === 1 || !first.next) return first;
    const rest = first.next === this.#from ? this.#rest : await this.#readOthers(first.next);
    return { items: [...first.items, ...rest.items], next: rest.next };
  }

  /** One page more from now on. */
  more(): void {
    this.#count++;
    this.forget();
  }

  /** From the first page again: it is another list now. */
  restart(): void {
    this.#count = 1;
    this.forget();
  }

  /** Everything is read anew the next time: something was done to the list. */
  forget(): void {
    this.#from = null;
    this.#turn++;
  }

  async #readOthers(from: string): Promise<Page<T>> {
    const turn = this.#turn;
    const items: T[] = [];
    let cursor: string | undefined = from;
    for (let read = 1; read < this.#count && cursor; read++) {
      const page: Page<T> = await this.#ask({ limit: PAGE, cursor });
      items.push(...page.items);
      cursor = page.next ?? undefined;
    }
    const rest = { items, next: cursor ?? null };
    if (turn === this.#turn) {
      this.#rest = rest;
      this.#from = from;
    }
    return rest;
  }
}
