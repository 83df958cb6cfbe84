import { redirect } from '@sveltejs/kit';
import { safeNext } from '$lib/admin/guard';
import { operator } from '$lib/admin/operator.svelte';
import { session } from '$lib/api/session.svelte';

export const load = async ({ url }) => {
  const next = safeNext(url.searchParams.get('next'));
  // Whoever was replaced is to know it before they go on as somebody else. No answer is no reason
  // to hide the form.
  const isReplaced = operator.ended === 'replaced';
  if (!isReplaced && (await operator.restore().catch(() => null))) redirect(307, next);
  const person = await session.restore().catch(() => null);
  return { next, person };
};
