// Who runs the place, as far as this page knows. An account has a cookie that no script can read,
// and a proof for what changes something; a Matrix person has the session of the city's pages. A
// mark in localStorage remembers by which of them the operator works, and tells other tabs.
import createClient from 'openapi-fetch';
import { authorised, type Schemas } from '$lib/api/client';
import { ApiError, ok } from '$lib/api/error';
import type { paths } from '$lib/api/schema';
import { session } from '$lib/api/session.svelte';

export type OperatorSession = Schemas['OperatorSession'];
type Via = OperatorSession['via'];

export const MARK = 'daarion.operator';

const byCookie = createClient<paths>();
const byPerson = createClient<paths>({ fetch: authorised });

class Operator {
  me = $state<OperatorSession | null>(null);
  /** Why nobody is at work here any more; the sign-in page tells. */
  ended = $state<'expired' | null>(null);

  /** Takes up the work of an earlier visit. Null when there is none. */
  async restore(): Promise<OperatorSession | null> {
    if (this.me) return this.me;
    const mark = localStorage.getItem(MARK);
    if (mark !== 'account' && mark !== 'matrix') return null;
    try {
      return await this.#begin(mark);
    } catch (error) {
      if (!(error instanceof ApiError) || error.isPassing) throw error;
      this.end('expired');
      return null;
    }
  }

  async signIn(name: string, password: string): Promise<void> {
    await ok(byCookie.POST('/api/admin/login', { body: { name, password } }));
    await this.#begin('account');
  }

  /** Goes on as the person who is signed in to the city. */
  async continueAsPerson(): Promise<void> {
    await this.#begin('matrix');
  }

  /** Ends an account's session. A person stays signed in to the city. */
  async signOut(): Promise<void> {
    const { me } = this;
    // First, so that what is still being read finds nobody here whose session could expire.
    this.end(null);
    if (me?.via !== 'account') return;
    const proof = { 'X-CSRF-Token': me.csrf_token ?? '' };
    await ok(byCookie.POST('/api/admin/logout', { headers: proof }));
  }

  /** Reads the proof again: another tab may have begun a new session. Says whether it is new. */
  async renewProof(): Promise<boolean> {
    const before = this.me?.csrf_token;
    const now = await ok(byCookie.GET('/api/admin/session'));
    this.me = now;
    return now.csrf_token !== before;
  }

  end(why: 'expired' | null): void {
    this.me = null;
    this.ended = why;
    localStorage.removeItem(MARK);
  }

  /** Another tab has signed out, or in. */
  markChanged(mark: string | null): void {
    if (this.me && mark !== this.me.via) this.end(null);
  }

  async #begin(via: Via): Promise<OperatorSession | null> {
    if (via === 'matrix' && !(await session.restore())) {
      this.end('expired');
      return null;
    }
    const client = via === 'account' ? byCookie : byPerson;
    this.me = await ok(client.GET('/api/admin/session'));
    this.ended = null;
    localStorage.setItem(MARK, via);
    return this.me;
  }
}

export const operator = new Operator();
