// For how long a new token is good.
import { counted } from '$lib/i18n/counted';
import { m } from '$lib/paraglide/messages';

const DAY = 24 * 60 * 60;

/** By what the form calls them: in seconds; null until the token is revoked. */
export const LIFETIMES = {
  '1': DAY,
  '7': 7 * DAY,
  '30': 30 * DAY,
  '90': 90 * DAY,
  '365': 365 * DAY,
  ever: null,
} as const;

export type Lifetime = keyof typeof LIFETIMES;

export const lifetimeOptions = (): { value: Lifetime; label: string }[] =>
  (Object.keys(LIFETIMES) as Lifetime[]).map((value) => ({
    value,
    label: value === 'ever' ? m.for_ever() : m.days(counted(Number(value))),
  }));
