// The days that somebody has typed, as times; their parts are local.

/** The beginning of it; null for what is no day, and nothing for nothing. */
export const startOf = (day: string): string | null | undefined => at(day, '00:00');

export const endOf = (day: string): string | null | undefined => at(day, '23:59:59.999');

/** A browser lets a year of five digits be typed, which no time is written with. */
function at(day: string, time: string): string | null | undefined {
  if (day === '') return undefined;
  const date = new Date(`${day}T${time}`);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}
