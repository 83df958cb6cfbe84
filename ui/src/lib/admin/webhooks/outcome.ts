// What became of a try, in a word and a colour.
import type { Schemas } from '$lib/api/client';
import { number } from '$lib/i18n/time';
import { m } from '$lib/paraglide/messages';

type Delivery = Schemas['WebhookDelivery'];
type Tone = 'good' | 'warn' | 'bad';

const isWellAnswered = ({ status }: Delivery): boolean => !!status && status >= 200 && status < 300;

export function outcome(delivery: Delivery): { tone: Tone; word: string } {
  switch (delivery.outcome) {
    case 'delivered':
      return { tone: 'good', word: m.admin_outcome_delivered() };
    case 'retried':
      return { tone: 'warn', word: m.admin_outcome_retried() };
    case 'given_up':
      return { tone: 'bad', word: m.admin_outcome_given_up() };
    case 'paused':
      return { tone: 'bad', word: m.admin_outcome_paused() };
    case 'test':
      return isWellAnswered(delivery)
        ? { tone: 'good', word: m.admin_outcome_test_arrived() }
        : { tone: 'bad', word: m.admin_outcome_test_failed() };
  }
}

/** `HTTP 200 in 12 ms`, or why there was no answer. */
export function answerWords({ status, error, latency_ms }: Delivery): string {
  const took = number(latency_ms);
  if (status) return m.admin_answered({ status: String(status), took });
  return m.admin_not_answered({ why: error ?? '', took });
}
