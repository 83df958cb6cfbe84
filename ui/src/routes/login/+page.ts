import { redirect } from '@sveltejs/kit';
import { safeNext } from '$lib/api/guard';
import { session } from '$lib/api/session.svelte';

export const load = async ({ url }) => {
  const next = safeNext(url.searchParams.get('next'));
  const isFromSso = url.searchParams.has('sso');
  // No answer is no reason to hide the form.
  const me = await (isFromSso ? session.arrive() : session.restore()).catch(() => null);
  if (me) redirect(307, next);
  return { next, isFromSso };
};
