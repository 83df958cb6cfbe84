// The configuration's keys as they are grouped and written.
import type { Schemas } from '$lib/api/client';

export type Setting = Schemas['ConfigSetting'];

export interface Section {
  /** Empty for the keys that stand before every section. */
  name: string;
  settings: Setting[];
}

/** The keys that have these words in them, by section, in their own order. */
export function sections(settings: Setting[], words: string): Section[] {
  const wanted = words.trim().toLowerCase();
  const found = settings.filter(
    (setting) =>
      setting.key.toLowerCase().includes(wanted) ||
      setting.description.toLowerCase().includes(wanted),
  );
  const groups = Map.groupBy(found, (setting) => setting.key.split('.').slice(0, -1).join('.'));
  return [...groups].map(([name, settings]) => ({ name, settings }));
}

/** A value as it is written in the file; null when there is none. */
export function written(value: unknown): string | null {
  if (value === null || value === undefined || value === '') return null;
  return typeof value === 'string' ? value : JSON.stringify(value);
}
