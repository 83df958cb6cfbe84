// Lists that come in pages, read as far as somebody wants to see.
export interface Page<T> {
  items: T[];
  next?: string | null;
}

const PAGE = 200;

/** The first pages of a list, up to so many. */
export async function firstPages<T>(
  count: number,
  ask: (query: { limit: number; cursor?: string }) => Promise<Page<T>>,
): Promise<Page<T>> {
  const items: T[] = [];
  let cursor: string | undefined;
  for (let read = 0; read < count; read++) {
    const page = await ask({ limit: PAGE, cursor });
    items.push(...page.items);
    cursor = page.next ?? undefined;
    if (!cursor) break;
  }
  return { items, next: cursor ?? null };
}
