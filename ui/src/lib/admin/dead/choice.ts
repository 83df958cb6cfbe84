// Which dead letters are meant.
import type { Schemas } from '$lib/api/client';

export interface Choice {
  /** Empty: of every webhook. */
  webhook: string;
  /** As fields for times have it, in the browser's time zone; empty: from the first one. */
  from: string;
  /** Empty: to the latest one. */
  until: string;
}

export const isNarrowed = ({ from, until }: Choice): boolean => from !== '' || until !== '';

const time = (typed: string): string | undefined => (typed ? new Date(typed).toISOString() : undefined);

/** As requests say it; what is not asked for is absent. */
export const range = ({ webhook, from, until }: Choice) => ({
  subscription_id: webhook || undefined,
  from: time(from),
  until: time(until),
});

export function pick(choice: Choice): Schemas['DeadLetterPick'] {
  const chosen = range(choice);
  return Object.values(chosen).some(Boolean) ? { ...chosen, all: false } : { all: true };
}
