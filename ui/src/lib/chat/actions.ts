// What can be done with a message of a list, beside what its menu does by itself.
import type { Message } from '$lib/live/frames';

export interface Actions {
  reply: (message: Message) => void;
  edit: (message: Message) => void;
  /** Opens its thread; absent where one is in a thread already. */
  thread?: (message: Message) => void;
}

/** A menu that somebody wants to see. */
export interface Asked {
  message: Message;
  /** All that can be done, or the ways to react alone. */
  what: 'all' | 'react';
  /** Where on the screen it was asked for. */
  place: DOMRect;
}
