// What a healing found, in words.
import type { Schemas } from '$lib/api/client';
import { counted } from '$lib/i18n/counted';
import { number } from '$lib/i18n/time';
import { m } from '$lib/paraglide/messages';

type Healed = Pick<Schemas['ChannelHeal'], 'missing' | 'healed'>;

export function healedWords({ missing, healed }: Healed): string {
  if (missing === 0) return m.admin_healed_none();
  if (missing === healed) return m.admin_healed(counted(healed));
  return m.admin_healed_part({ healed: number(healed), missing: number(missing) });
}
