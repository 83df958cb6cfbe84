// The backfill that the daemon is at, or its latest one. It lives there: a page that is loaded
// anew finds it again.
import type { Schemas } from '$lib/api/client';
import { ok } from '$lib/api/error';
import { isTaken } from '$lib/api/refusal';
import { admin } from '../client';
import { Reading } from '../reading.svelte';

const EVERY_MS = 1_000;

export class BackfillJob extends Reading<Schemas['BackfillJob']> {
  isRunning = $derived(this.data?.state === 'running');

  constructor() {
    super(() => ok(admin.GET('/api/admin/backfill')), EVERY_MS);
  }

  /** Says whether it has begun; false when another one is under way. */
  async begin(): Promise<boolean> {
    try {
      this.set(await ok(admin.POST('/api/admin/backfill')));
      return true;
    } catch (error) {
      if (!isTaken(error)) throw error;
      await this.read();
      return false;
    }
  }
}
