// Who is signed in. The access token lives in memory alone; the refresh token in a cookie that no
// script can read. A mark in localStorage remembers that there is such a cookie, and tells other
// tabs when it is gone.
import createClient from 'openapi-fetch';
import { ApiError, ok } from './error';
import type { components, paths } from './schema';

type Me = components['schemas']['Me'];

const MARK = 'daarion.session';
/** A token is renewed this long before its end. */
const MARGIN_MS = 30_000;

/** Without a token of its own: for the operations that make one. */
const bare = createClient<paths>();

class Session {
  me = $state<Me | null>(null);
  /** Why nobody is signed in any more; the sign-in page tells. */
  ended = $state<'expired' | null>(null);

  #token: string | null = null;
  #renewAt = 0;
  #refreshing: Promise<boolean> | null = null;
  #isLeaving = false;

  /** Takes up the session of an earlier visit. Null when there is none. */
  async restore(): Promise<Me | null> {
    if (this.me) return this.me;
    if (!localStorage.getItem(MARK)) return null;
    if (!(await this.#refresh())) return null;
    return this.me;
  }

  /** Takes up the session of whoever comes from the homeserver's page. Null when they have none. */
  async arrive(): Promise<Me | null> {
    const isBack = await this.#refresh();
    // They have not been in: nothing has ended.
    if (!isBack) this.ended = null;
    return this.me;
  }

  async signIn(user: string, password: string): Promise<void> {
    const body = { user, password, cookie: true };
    this.#keep(await ok(bare.POST('/api/auth/login', { body })));
    this.ended = null;
    await this.#load();
  }

  /** Throws when there is no answer: then the person is still signed in, here and on the server. */
  async signOut(): Promise<void> {
    const headers = { Authorization: `Bearer ${this.#token ?? ''}` };
    this.#isLeaving = true;
    try {
      await ok(bare.POST('/api/auth/logout', { headers }));
    } catch (error) {
      // Whoever has no session any more is out; anybody else has a cookie that is still good.
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
    } finally {
      this.#isLeaving = false;
    }
    this.#end(null);
  }

  /** The access token, renewed when it is about to end. */
  async token(): Promise<string | null> {
    if (this.#token && Date.now() > this.#renewAt) await this.#refresh();
    return this.#token;
  }

  /** Another token than this one, which was refused. Null when the session is over. */
  async refreshed(refusedToken: string): Promise<string | null> {
    if (this.#token === refusedToken) await this.#refresh();
    return this.#token;
  }

  /** Another tab has signed out, or in as somebody else. The mark is that tab's. */
  markChanged(mark: string | null): void {
    if (this.me && mark !== this.#mark()) this.#forget(null);
  }

  /** However many ask at once, one request is made. Throws when there is no answer. */
  #refresh(): Promise<boolean> {
    this.#refreshing ??= this.#refreshOnce().finally(() => (this.#refreshing = null));
    return this.#refreshing;
  }

  async #refreshOnce(): Promise<boolean> {
    try {
      const tokens = await ok(bare.POST('/api/auth/refresh', {}));
      if (this.me && tokens.entity_id !== this.me.entity_id) {
        // The cookie is somebody else's by now: nothing more is done here in this one's name.
        this.#forget(null);
        return false;
      }
      this.#keep(tokens);
    } catch (error) {
      if (!(error instanceof ApiError) || error.isPassing) throw error;
      this.#end(this.#isLeaving ? null : 'expired');
      return false;
    }
    if (!this.me) await this.#load();
    return true;
  }

  #keep(tokens: { access_token: string; expires_in: number }): void {
    this.#token = tokens.access_token;
    this.#renewAt = Date.now() + tokens.expires_in * 1000 - MARGIN_MS;
  }

  async #load(): Promise<void> {
    const headers = { Authorization: `Bearer ${this.#token ?? ''}` };
    this.me = await ok(bare.GET('/api/auth/me', { headers }));
    localStorage.setItem(MARK, this.#mark());
  }

  #mark(): string {
    return this.me?.entity_id ?? 'unknown';
  }

  #end(why: 'expired' | null): void {
    this.#forget(why);
    localStorage.removeItem(MARK);
  }

  #forget(why: 'expired' | null): void {
    this.#token = null;
    this.me = null;
    this.ended = why;
  }
}

export const session = new Session();
