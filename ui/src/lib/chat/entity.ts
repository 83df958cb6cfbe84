// Whom somebody means who types a name: as the API calls people and agents.

/** `alice`, `@alice:server`, `user:alice` or `agent:guide`; null for nothing at all. */
export function entityOf(typed: string, ownServer: string): string | null {
  const text = typed.trim();
  if (text === '' || /\s/.test(text)) return null;
  if (/^(user|agent):./.test(text)) return text;
  const [localpart, ...rest] = text.replace(/^@/, '').split(':');
  const server = rest.join(':');
  return server === '' || server === ownServer ? `user:${localpart}` : `user:${localpart}:${server}`;
}
