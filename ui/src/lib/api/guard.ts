// What the `load` of a page that needs somebody signed in begins with.
import { redirect } from '@sveltejs/kit';
import { session } from './session.svelte';

/** Takes up the session, or leads to the sign-in page and from there back. */
export async function signedIn(url: URL): Promise<NonNullable<typeof session.me>> {
  const me = await session.restore();
  if (me) return me;
  redirect(307, `/login?next=${encodeURIComponent(url.pathname + url.search)}`);
}

/** Where to go after signing in: a path of this application and nothing else. */
export function safeNext(given: string | null): string {
  const isOwnPath = given?.startsWith('/') && !given.startsWith('//') && !given.includes('\\');
  return isOwnPath ? (given as string) : '/city';
}
