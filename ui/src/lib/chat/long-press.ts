// A finger that stays on something: what a right click is to a mouse.
import type { Attachment } from 'svelte/attachments';

const LONG_MS = 450;
/** A finger that moves further than this, in pixels, scrolls. */
const STILL = 10;

export function longPress(pressed: (target: HTMLElement) => void): Attachment<HTMLElement> {
  return (element) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let from = { x: 0, y: 0 };
    const end = () => clearTimeout(timer);
    const begin = (event: PointerEvent) => {
      end();
      if (event.pointerType !== 'touch') return;
      from = { x: event.clientX, y: event.clientY };
      timer = setTimeout(() => pressed(element), LONG_MS);
    };
    const move = (event: PointerEvent) => {
      if (Math.hypot(event.clientX - from.x, event.clientY - from.y) > STILL) end();
    };
    // The browser's own menu of a long press would stand above.
    const own = (event: MouseEvent) => {
      if (event instanceof PointerEvent && event.pointerType === 'touch') event.preventDefault();
    };
    const stops = new AbortController();
    const { signal } = stops;
    element.addEventListener('pointerdown', begin, { signal });
    element.addEventListener('pointermove', move, { signal });
    element.addEventListener('contextmenu', own, { signal });
    for (const name of ['pointerup', 'pointercancel', 'pointerleave'] as const) {
      element.addEventListener(name, end, { signal });
    }
    return () => {
      end();
      stops.abort();
    };
  };
}
