// Times and numbers as people read them, in the page's language and the browser's time zone; where
// a language is written in several ways, as in the browser's region.
import { m } from '$lib/paraglide/messages';
import { language } from './locale.svelte';

const formats = new Map<string, Intl.DateTimeFormat>();

function format(name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${language.current} ${name}`;
  let made = formats.get(key);
  if (!made) formats.set(key, (made = new Intl.DateTimeFormat(regional(), options)));
  return made;
}

/** The page's language as the browser's region writes it. */
function regional(): string {
  const isOurs = (tag: string) => tag.split('-')[0] === language.current;
  return navigator.languages.find(isOurs) ?? language.current;
}

/** `14:05` */
export const clockTime = (at: Date): string =>
  format('clock', { hour: '2-digit', minute: '2-digit' }).format(at);

/** The whole of it, for a tooltip. */
export const fullTime = (at: Date): string =>
  format('full', { dateStyle: 'full', timeStyle: 'medium' }).format(at);

/** `today`, `yesterday`, or the date; with the year when it is another one. */
export function dayName(at: Date, now: Date = new Date()): string {
  const days = daysBetween(at, now);
  if (days <= 1) {
    const relative = new Intl.RelativeTimeFormat(language.current, { numeric: 'auto' });
    return capitalised(relative.format(-days, 'day'));
  }
  const year = at.getFullYear() === now.getFullYear() ? undefined : 'numeric';
  const options = { weekday: 'long', day: 'numeric', month: 'long', year } as const;
  return capitalised(format(`day ${year ?? ''}`, options).format(at));
}

/** `just now`, `5 minutes ago`, `yesterday`, and after a week the date. */
export function ago(at: Date, now: Date = new Date()): string {
  const relative = new Intl.RelativeTimeFormat(language.current, { numeric: 'auto' });
  const minutes = Math.max(0, Math.round((now.getTime() - at.getTime()) / 60_000));
  if (minutes < 1) return m.just_now();
  if (minutes < 60) return relative.format(-minutes, 'minute');
  const days = daysBetween(at, now);
  if (days === 0) return relative.format(-Math.round(minutes / 60), 'hour');
  if (days < 7) return relative.format(-days, 'day');
  const year = at.getFullYear() === now.getFullYear() ? undefined : 'numeric';
  return format(`date ${year ?? ''}`, { day: 'numeric', month: 'short', year }).format(at);
}

/** `in 5 minutes`, `tomorrow`, and beyond two months the date. */
export function ahead(at: Date, now: Date = new Date()): string {
  const relative = new Intl.RelativeTimeFormat(language.current, { numeric: 'auto' });
  const seconds = Math.max(0, Math.round((at.getTime() - now.getTime()) / 1_000));
  if (seconds < 60) return relative.format(seconds, 'second');
  if (seconds < 3_600) return relative.format(Math.round(seconds / 60), 'minute');
  if (seconds < 2 * 86_400) return relative.format(Math.round(seconds / 3_600), 'hour');
  const days = Math.round(seconds / 86_400);
  if (days < 62) return relative.format(days, 'day');
  return format('date numeric', { day: 'numeric', month: 'short', year: 'numeric' }).format(at);
}

/** `26 Nov 2026, 14:05` */
export const moment = (at: Date): string =>
  format('moment', { dateStyle: 'medium', timeStyle: 'short' }).format(at);

const UNITS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
] as const;

/** So many seconds, in the largest unit that says it in a whole number: `10 minutes`. */
export function duration(seconds: number): string {
  const [unit, length] = UNITS.find(([, length]) => seconds % length === 0 && seconds > 0) ?? UNITS[3];
  const format = new Intl.NumberFormat(language.current, { style: 'unit', unit, unitDisplay: 'long' });
  return format.format(seconds / length);
}

export const number = (value: number): string =>
  new Intl.NumberFormat(language.current).format(value);

/** Whether both are on one day of the calendar here. */
export const isSameDay = (one: Date, other: Date): boolean =>
  one.toDateString() === other.toDateString();

function daysBetween(at: Date, now: Date): number {
  const midnight = (date: Date) => Date.UTC(date.getFullYear(), date.getMonth(), date.getDate());
  return Math.max(0, Math.round((midnight(now) - midnight(at)) / 86_400_000));
}

const capitalised = (text: string): string => text.charAt(0).toLocaleUpperCase() + text.slice(1);
