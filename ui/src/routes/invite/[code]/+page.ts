import { api } from '$lib/api/client';
import { ok } from '$lib/api/error';
import { session } from '$lib/api/session.svelte';

export const load = async ({ params }) => {
  // No answer is no reason to hide where the link leads.
  const me = await session.restore().catch(() => null);
  const { code } = params;
  const destination = ok(api.GET('/api/invites/{code}', { params: { path: { code } } }));
  // A failure before the page awaits it is the page's to show, not the console's.
  destination.catch(() => undefined);
  return { me, code, destination };
};
