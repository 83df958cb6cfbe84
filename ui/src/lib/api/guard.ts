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
export const safeNext = (given: string | null): string => ownPath(given) ?? '/city';

/**
 * An address as a path of this origin, or null. The browser's own reading decides, which drops
 * tabs and line ends and takes a backslash for a slash; what the text looks like says nothing.
 */
export function ownPath(given: string | null): string | null {
  if (!given || !URL.canParse(given, location.origin)) return null;
  const url = new URL(given, location.origin);
  // Read once more, `//host` would be another origin.
  if (url.origin !== location.origin || url.pathname.startsWith('//')) return null;
  return url.pathname + url.search + url.hash;
}
