// The order of messages, which is the API's: the time, then the Matrix event id. Pure functions on
// lists that are in that order, the oldest first.
import type { Message } from '$lib/live/frames';

export function compare(one: Message, other: Message): number {
  return (
    Date.parse(one.created_at) - Date.parse(other.created_at) ||
    (one.matrix_event_id < other.matrix_event_id ? -1 : 1)
  );
}

/** Both lists as one. What is in both is taken from the second, but for a content it lacks. */
export function merged(known: readonly Message[], news: readonly Message[]): Message[] {
  const byId = new Map(known.map((message) => [message.id, message]));
  for (const message of news) {
    const before = byId.get(message.id);
    const isSame = before?.edited_at === message.edited_at && !message.deleted;
    byId.set(message.id, isSame && !message.content ? { ...message, content: before?.content } : message);
  }
  return [...byId.values()].sort(compare);
}

/** The list with one message changed; the same list when it is not there. */
export function changed(
  known: readonly Message[],
  id: string,
  change: (message: Message) => Message,
): readonly Message[] {
  const index = known.findIndex((message) => message.id === id);
  const found = known[index];
  return found ? known.with(index, change(found)) : known;
}
