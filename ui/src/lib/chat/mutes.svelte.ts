// When mutes end. That one was prolonged no frame tells, so whoever's time is over is read again.
import { untrack } from 'svelte';
import type { Member, People } from './people.svelte';

/** A timer cannot count the days of the longest mutes. */
const LONGEST_WAIT_MS = 86_400_000;

const endOf = ({ muted_until }: Member): number => Date.parse(muted_until ?? '');
const nameOf = (it: Member): string => `${it.matrix_user_id} ${it.muted_until}`;

/** Looks until the answer is called. */
export function watchMutes(people: People): () => void {
  /** The ends that were looked at: once each, whatever the server's clock says. */
  const past = new Set<string>();

  async function look(ended: readonly Member[]): Promise<void> {
    for (const it of ended) past.add(nameOf(it));
    await people.readAgain(ended);
    // Of whom nothing came, the time is over by the clock, and the page shows it.
    for (const it of ended) if (people.all?.get(it.matrix_user_id) === it) people.set(it);
  }

  return $effect.root(() => {
    let now = $state(Date.now());
    $effect(() => {
      const all = [...(people.all?.values() ?? [])];
      const muted = all.filter((it) => it.muted_until && !past.has(nameOf(it)));
      const ended = muted.filter((it) => endOf(it) <= now);
      if (ended.length > 0) void untrack(() => look(ended));
      const next = Math.min(...muted.map(endOf).filter((end) => end > now));
      if (next === Infinity) return;
      const pause = Math.min(next - Date.now(), LONGEST_WAIT_MS);
      const timer = setTimeout(() => (now = Date.now()), pause);
      return () => clearTimeout(timer);
    });
  });
}
