// What the list of a conversation shows, a row each: a message, or what is still on its way, with
// the dividers that stand above it.
import { isSameDay } from '$lib/i18n/time';
import type { Message } from '$lib/live/frames';
import type { Outgoing } from './outbox.svelte';

/** Within this time a sender's next message stands under the same name. */
const GROUP_MS = 5 * 60_000;

export interface Row {
  key: string;
  at: Date;
  /** The day to be named above it. */
  day: boolean;
  /** The marker of new messages stands above it. */
  marker: boolean;
  /** Follows a message of the same sender, whose name need not be said again. */
  follows: boolean;
  message?: Message;
  outgoing?: Outgoing;
}

/** Of a channel those that are in no thread, and of a thread those that are in it. */
export const standsIn =
  (thread: string | null) =>
  (message: { thread_id?: string | null }): boolean =>
    (message.thread_id ?? null) === thread;

export function rowsOf(
  messages: readonly Message[],
  outgoing: readonly Outgoing[],
  firstNew: string | undefined,
  me: string,
): Row[] {
  const rows: Row[] = [];
  let before: { at: Date; sender: string } | null = null;
  const push = (key: string, at: Date, sender: string, rest: Partial<Row>) => {
    const day = !before || !isSameDay(before.at, at);
    const marker = key === firstNew;
    const isClose = before?.sender === sender && at.getTime() - before.at.getTime() < GROUP_MS;
    rows.push({ key, at, day, marker, follows: isClose && !day && !marker, ...rest });
    before = { at, sender };
  };
  for (const message of messages) {
    push(message.id, new Date(message.created_at), message.sender_id, { message });
  }
  for (const item of outgoing) {
    if (!item.isSeen) push(item.key, new Date(item.at), me, { outgoing: item });
  }
  return rows;
}
