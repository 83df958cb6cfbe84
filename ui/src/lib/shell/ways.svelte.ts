// By which ways people sign in. Until the server has said so, and where it does not, by a password.
import createClient from 'openapi-fetch';
import { ok } from '$lib/api/error';
import type { paths } from '$lib/api/schema';

const bare = createClient<paths>();

export class SignInWays {
  password = $state(true);
  /** At the homeserver's own page. */
  sso = $state(false);

  async read(): Promise<void> {
    const ways = await ok(bare.GET('/api/auth/methods')).catch(() => null);
    if (!ways) return;
    this.sso = ways.sso;
    // With no way at all the form tells at least what is wrong.
    this.password = ways.password || !ways.sso;
  }

  /** The homeserver's page, from which one comes back to `next`. */
  addressOfPage(next: string): string {
    const back = `/login?sso&next=${encodeURIComponent(next)}`;
    return `/api/auth/sso?redirect=${encodeURIComponent(back)}`;
  }
}
