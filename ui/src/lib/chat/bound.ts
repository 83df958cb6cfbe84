// How much of a conversation is held. Those that stay open grow, and so do those that are read far
// upward.
import type { Scroll } from './scroll.svelte';
import type { Talk } from './talk';

/** Of more messages than this some are let go, but not of so many below the screen. */
const LONGEST = 500;
const AT_HAND = 50;

/**
 * Who is at the end begins anew with the newest, who reads above lets go of them. `lowest` is the
 * place, among what is held, of the lowest message on the screen.
 */
export function bound({ timeline, reading, me }: Talk, scroll: Scroll, lowest: number): void {
  const isLong = (timeline.messages?.length ?? 0) > LONGEST;
  if (scroll.isAtEnd) {
    if (timeline.goesOn) void timeline.loadNewer();
    else if (isLong || timeline.isCut) void timeline.shorten();
  } else if (isLong && !scroll.stays) {
    const count = Math.max(LONGEST, lowest + AT_HAND);
    timeline.cut(count, (gone) => reading.missed(gone, me));
  }
}
