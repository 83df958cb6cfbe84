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
/** By itself, or because another operator has signed in with this browser. */
type Ending = 'expired' | 'replaced';

export const MARK = 'daarion.operator';

const byCookie = createClient<paths>();
const byPerson = createClient<paths>({ fetch: authorised });

class Operator {
  me = $state<OperatorSession | null>(null);
  /** Why nobody is at work here any more; the sign-in page tells. */
  ended = $state<Ending | null>(null);
  /** Whether the session is being ended: that it counts no more is no news then. */
  isLeaving = false;

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

  /**
   * Ends an account's session; a person stays signed in to the city. Throws when there is no
   * answer: then the operator is still at work, here and on the server.
   */
  async signOut(): Promise<void> {
    this.isLeaving = true;
    try {
      if (this.me?.via === 'account') await this.#logout();
    } finally {
      this.isLeaving = false;
    }
    this.end(null);
  }

  /**
   * Reads the proof again: another tab may have begun a new session. Says whether there is a new
   * one. When it is somebody else's, nobody is at work here any more.
   */
  async renewProof(): Promise<boolean> {
    const before = this.me;
    const now = await ok(byCookie.GET('/api/admin/session'));
    if (!before || this.me !== before) return false;
    if (now.name !== before.name || now.via !== before.via) {
      this.#forget('replaced');
      return false;
    }
    this.me = now;
    return now.csrf_token !== before.csrf_token;
  }

  end(why: Ending | null): void {
    this.#forget(why);
    localStorage.removeItem(MARK);
  }

  /** Another tab has signed out, or in. The mark is that tab's. */
  markChanged(mark: string | null): void {
    if (this.me && mark !== this.me.via) this.#forget(null);
  }

  #forget(why: Ending | null): void {
    this.me = null;
    this.ended = why;
  }

  async #logout(): Promise<void> {
    const logout = () => {
      const headers = { 'X-CSRF-Token': this.me?.csrf_token ?? '' };
      return ok(byCookie.POST('/api/admin/logout', { headers }));
    };
    try {
      await logout();
    } catch (error) {
      const status = error instanceof ApiError ? error.status : null;
      // Whoever has no session any more is out.
      if (status === 401) return;
      if (status !== 403 || !(await this.renewProof())) throw error;
      await logout();
    }
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
