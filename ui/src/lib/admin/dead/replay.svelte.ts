// Dead letters that were sent off once more. They wait like any delivery, and their webhooks say how
// many of them are left; how many there were is remembered for this tab, so that a reload finds it
// again.
import type { Webhook } from '../webhooks/acting';

const KEPT = 'daarion.replay';

interface Begun {
  count: number;
  webhooks: string[];
}

export interface Progress {
  done: number;
  count: number;
  /** When the next of what is left is tried; null when nothing is left. */
  nextTry: string | null;
  isPaused: boolean;
}

class Replay {
  #begun = $state.raw<Begun | null>(restored());

  begin(count: number, webhooks: string[]): void {
    if (count > 0) this.#set({ count, webhooks });
  }

  forget(): void {
    this.#set(null);
  }

  /** How far it is, by what the webhooks say; null when nothing was begun. */
  progress(all: Webhook[]): Progress | null {
    const begun = this.#begun;
    if (!begun) return null;
    const touched = all.filter((it) => begun.webhooks.includes(it.subscription_id));
    const left = touched.reduce((sum, it) => sum + it.replaying, 0);
    const tries = touched.flatMap(({ next_try_at }) => next_try_at ?? []).toSorted();
    return {
      done: begun.count - Math.min(begun.count, left),
      count: begun.count,
      nextTry: tries[0] ?? null,
      isPaused: touched.some((it) => it.status === 'paused' && it.replaying > 0),
    };
  }

  #set(begun: Begun | null): void {
    this.#begun = begun;
    if (begun) sessionStorage.setItem(KEPT, JSON.stringify(begun));
    else sessionStorage.removeItem(KEPT);
  }
}

function restored(): Begun | null {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? 'null') as Partial<Begun> | null;
    if (typeof kept?.count !== 'number' || !Array.isArray(kept.webhooks)) return null;
    return { count: kept.count, webhooks: kept.webhooks };
  } catch {
    return null;
  }
}

export const replay = new Replay();
