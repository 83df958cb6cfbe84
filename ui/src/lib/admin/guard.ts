// What the `load` of a page for operators begins with.
import { redirect } from '@sveltejs/kit';
import { ownPath } from '$lib/api/guard';
import { operator, type OperatorSession } from './operator.svelte';

/** Takes up the operator's work, or leads to the sign-in page and from there back. */
export async function operating(url: URL): Promise<OperatorSession> {
  const me = await operator.restore();
  if (me) return me;
  redirect(307, `/admin/login?next=${encodeURIComponent(url.pathname + url.search)}`);
}

/** Where to go after signing in: a page for operators and nothing else. */
export function safeNext(given: string | null): string {
  const path = ownPath(given) ?? '';
  return /^\/admin(?!\/login)(?=[/?#]|$)/.test(path) ? path : '/admin';
}
