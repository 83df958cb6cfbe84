// How long a secret goes on signing beside its successor.
import { m } from '$lib/paraglide/messages';

/** By what the form calls them, in seconds. */
export const OVERLAPS = { none: 0, hour: 3_600, day: 86_400, week: 604_800 } as const;

export type Overlap = keyof typeof OVERLAPS;

export const overlapOptions = (): { value: Overlap; label: string }[] => [
  { value: 'day', label: m.admin_overlap_day() },
  { value: 'week', label: m.admin_overlap_week() },
  { value: 'hour', label: m.admin_overlap_hour() },
  { value: 'none', label: m.admin_overlap_none() },
];
