// The order of messages, which is the API's: the time, then the Matrix event id. And which of two
// states of one message is the later one. Pure functions on lists that are in that order, the oldest
// first.
import type { Message } from '$lib/live/frames';

export function compare(one: Message, other: Message): number {
  return (
    Date.parse(one.created_at) - Date.parse(other.created_at) ||
    (one.matrix_event_id < other.matrix_event_id ? -1 : 1)
  );
}

/** Which of its texts a message has: the time of the last edit, or of the beginning. */
export const edition = (of: { edited_at?: string | null; created_at: string }): number =>
  Date.parse(of.edited_at ?? of.created_at);

/**
 * What is known of a message when an answer says this of it. An answer may be older than what the
 * stream has told, so that it never takes a deletion back, nor an edit.
 */
export function settled(known: Message | undefined, answer: Message): Message {
  if (!known || answer.deleted) return answer;
  if (known.deleted || edition(answer) < edition(known)) return known;
  const isSame = edition(answer) === edition(known);
  return isSame && !answer.content ? { ...answer, content: known.content } : answer;
}

/** Both lists as one. */
export function merged(known: readonly Message[], answer: readonly Message[]): readonly Message[] {
  const all = [...known];
  for (const message of answer) {
    const at = all.findLastIndex(({ id }) => id === message.id);
    const [before] = at < 0 ? [] : all.splice(at, 1);
    const now = settled(before, message);
    all.splice(placeOf(now, all), 0, now);
  }
  return all;
}

/** Where a message belongs in a list without it: mostly at the end. */
function placeOf(message: Message, list: readonly Message[]): number {
  const isBefore = (at: number): boolean => {
    const other = list[at];
    return other !== undefined && compare(other, message) < 0;
  };
  let [from, to] = [0, list.length];
  if (isBefore(to - 1)) return to;
  while (from < to) {
    const middle = (from + to) >> 1;
    if (isBefore(middle)) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** The list with one message changed; the same list when it is not there. */
export function changed(
  known: readonly Message[],
  id: string,
  change: (message: Message) => Message,
): readonly Message[] {
  const index = known.findLastIndex((message) => message.id === id);
  const found = known[index];
  return found ? known.with(index, change(found)) : known;
}
