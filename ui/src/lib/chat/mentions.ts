// Who is called in a message: whether it is for somebody, and where their names stand in its text.
import type { Message } from '$lib/live/frames';
import type { People } from './people.svelte';

/** Whether it calls for somebody; nobody calls for themselves. */
export const callsFor = (entity: string, message: Message): boolean =>
  !message.deleted &&
  message.sender_id !== entity &&
  (message.mentions_room || (message.mentions ?? []).includes(entity));

/** The words that call for somebody in a text, and whether that is the reader. */
export interface Called {
  words: RegExp;
  isMe: (word: string) => boolean;
}

/** Null when nobody is called. */
export function calledIn(message: Message, people: People, me: string): Called | null {
  const mine = new Set<string>();
  const all = new Set<string>();
  const note = (word: string, isMe: boolean) => {
    all.add(word);
    if (isMe) mine.add(word.toLocaleLowerCase());
  };
  for (const entity of message.mentions ?? []) {
    note(`@${people.called(entity)}`, entity === me);
    note(`@${entity.split(':')[1]}`, entity === me);
  }
  if (message.mentions_room) note('@room', true);
  if (all.size === 0) return null;
  return {
    words: anyOf(all),
    isMe: (word) => mine.has(word.toLocaleLowerCase()),
  };
}

/** Who is called by a text that was typed without a list to choose from; by a name that several have, nobody. */
export function namedIn(text: string, people: People): Set<string> {
  const entities = new Map<string, string | null>();
  for (const { matrix_user_id, member_id } of people.joined) {
    const word = `@${people.name(matrix_user_id)}`.toLocaleLowerCase();
    entities.set(word, entities.has(word) ? null : member_id);
  }
  if (entities.size === 0) return new Set();
  const words = text.match(anyOf(entities.keys())) ?? [];
  return new Set(words.map((word) => entities.get(word.toLocaleLowerCase())).filter((it) => it != null));
}

/** The longest first: one name may begin another. */
function anyOf(words: Iterable<string>): RegExp {
  const all = [...words].sort((one, other) => other.length - one.length).map(escaped);
  return new RegExp(`(${all.join('|')})(?![\\p{L}\\p{N}])`, 'giu');
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');

export interface Piece {
  text: string;
  /** Whom it calls: the reader, or somebody else. */
  call?: 'me' | 'other';
}

/** A text in pieces, of which some are the words that call for somebody. */
export function pieces(text: string, called: Called | null): Piece[] {
  if (!called) return [{ text }];
  // Every second part of the split is what was split at.
  const parts = text.split(called.words);
  const all = parts.map((part, at): Piece =>
    at % 2 === 0 ? { text: part } : { text: part, call: called.isMe(part) ? 'me' : 'other' });
  return all.filter((piece) => piece.text !== '');
}
