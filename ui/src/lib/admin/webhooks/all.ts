// Every webhook: there are a thousand at most.
import { ok } from '$lib/api/error';
import { admin } from '../client';
import type { Webhook } from './acting';

const PAGE = 200;

export async function allWebhooks(): Promise<Webhook[]> {
  const all: Webhook[] = [];
  let cursor: string | undefined;
  do {
    const query = { limit: PAGE, cursor };
    const page = await ok(admin.GET('/api/admin/webhooks', { params: { query } }));
    all.push(...page.items);
    cursor = page.next ?? undefined;
  } while (cursor);
  return all;
}
