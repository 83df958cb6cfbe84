// What to do about the well-known problems, in the reader's language.
import type { Schemas } from '$lib/api/client';
import { m } from '$lib/paraglide/messages';

type Topic = NonNullable<Schemas['LoggedProblem']['topic']>;

const ADVICE: Record<Topic, () => string> = {
  unknown_as_token: m.admin_advice_unknown_as_token,
  homeserver_away: m.admin_advice_homeserver_away,
  cannot_reach_us: m.admin_advice_cannot_reach_us,
  push_refused: m.admin_advice_push_refused,
  disk_full: m.admin_advice_disk_full,
  store_failing: m.admin_advice_store_failing,
  skipped_events: m.admin_advice_skipped_events,
  slow_receiver: m.admin_advice_slow_receiver,
};

export const advice = (topic: Topic): string => ADVICE[topic]();
