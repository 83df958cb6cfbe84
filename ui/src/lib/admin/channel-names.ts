// What channels are called, by their ids.
import { ok } from '$lib/api/error';
import { admin } from './client';

const PAGE = 200;
/** Of a city with more the others are told by their ids. */
const MOST_PAGES = 10;

export async function channelNames(): Promise<ReadonlyMap<string, string>> {
  const names = new Map<string, string>();
  let cursor: string | undefined;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const query = { limit: PAGE, cursor };
    const { items, next } = await ok(admin.GET('/api/admin/channels', { params: { query } }));
    for (const { channel_id, name } of items) names.set(channel_id, name);
    if (!next) break;
    cursor = next;
  }
  return names;
}
