// What an API key can be for, in the reader's words.
import { m } from '$lib/paraglide/messages';

const EXPLAINED = {
  'channels:read': m.scope_channels_read,
  'channels:manage': m.scope_channels_manage,
  'messages:read': m.scope_messages_read,
  'messages:send': m.scope_messages_send,
  'members:read': m.scope_members_read,
  'members:manage': m.scope_members_manage,
} as const;

export type KeyScope = keyof typeof EXPLAINED;

export const keyScopeOptions = (): { value: KeyScope; label: string; hint: string }[] =>
  (Object.keys(EXPLAINED) as KeyScope[]).map((value) => ({
    value,
    label: value,
    hint: EXPLAINED[value](),
  }));
