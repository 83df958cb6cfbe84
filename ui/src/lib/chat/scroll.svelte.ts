// Where somebody is in the conversation: at its end, where they stay however high the rows turn out
// to be, or above, where nothing moves them.
import type { VirtualizerHandle } from 'virtua/svelte';

/** So near to the end, in pixels, is at the end; so near to the top, more is read. */
const AT_END = 60;
const NEAR_TOP = 900;
/** So long after somebody has set out upward, in milliseconds, it shows where they have gone. */
const LEAVING_MS = 400;
/** Keys that lead upward. */
const UPWARD = ['ArrowUp', 'PageUp', 'Home'];

export class Scroll {
  list = $state.raw<VirtualizerHandle>();
  viewport = $state.raw<HTMLElement>();
  isAtEnd = $state(true);
  /** Whether the end is where this person wants to be. */
  stays = true;

  #moved: () => void;
  #isWhole: () => boolean;
  #lastOffset = 0;
  #leaving: ReturnType<typeof setTimeout> | undefined;

  /**
   * `moved` is called whenever something may have moved. `isWhole` tells whether the end of what is
   * held is the end of all: elsewhere nobody is kept there.
   */
  constructor(moved: () => void, isWhole: () => boolean) {
    this.#moved = moved;
    this.#isWhole = isWhole;
  }

  get isNearTop(): boolean {
    return this.list !== undefined && this.list.getScrollOffset() < NEAR_TOP;
  }

  /** The index of the lowest row on the screen. */
  get lowest(): number {
    const { list } = this;
    return list ? list.findItemIndex(list.getScrollOffset() + list.getViewportSize()) : 0;
  }

  toEnd(): void {
    this.#arrive();
    this.stays = true;
    if (this.viewport) this.viewport.scrollTop = this.viewport.scrollHeight;
  }

  /** To a row; nowhere when it is not there. */
  to(index: number): void {
    if (index < 0) return;
    this.stays = false;
    this.list?.scrollToIndex(index, { align: 'center' });
  }

  note(): void {
    const { list } = this;
    if (!list) return;
    const offset = list.getScrollOffset();
    this.isAtEnd = list.getScrollSize() - offset - list.getViewportSize() < AT_END;
    // Only a person moves upward.
    if (this.isAtEnd) this.stays ||= !this.#leaving && this.#isWhole();
    else if (offset < this.#lastOffset) this.stays = false;
    this.#lastOffset = offset;
    this.#moved();
  }

  /** Rows are measured once they are there, and pictures and fonts change them later. */
  watch(): (() => void) | undefined {
    const { viewport } = this;
    if (!viewport) return undefined;
    const observer = new ResizeObserver(() => this.stays && this.toEnd());
    for (const part of [viewport, ...viewport.children]) observer.observe(part);
    const ended = new AbortController();
    this.#watchLeaving(viewport, { passive: true, signal: ended.signal });
    return () => {
      observer.disconnect();
      ended.abort();
      this.#arrive();
    };
  }

  #watchLeaving(viewport: HTMLElement, options: AddEventListenerOptions): void {
    let finger = 0;
    const upward = (is: boolean) => is && viewport.scrollTop > 0 && this.#leave();
    const touched = ({ touches }: TouchEvent) => {
      const last = finger;
      finger = touches[0]?.clientY ?? 0;
      return finger > last;
    };
    viewport.addEventListener('wheel', (event) => upward(event.deltaY < 0), options);
    viewport.addEventListener('keydown', (event) => upward(UPWARD.includes(event.key)), options);
    viewport.addEventListener('touchstart', (event) => void touched(event), options);
    viewport.addEventListener('touchmove', (event) => upward(touched(event)), options);
  }

  /**
   * Somebody sets out upward. Browsers move in small steps: the first ones are still at the end, and
   * a row that is measured then must not hold them there.
   */
  #leave(): void {
    this.#arrive();
    this.stays = false;
    this.#leaving = setTimeout(() => {
      this.#arrive();
      this.note();
    }, LEAVING_MS);
  }

  #arrive(): void {
    clearTimeout(this.#leaving);
    this.#leaving = undefined;
  }
}
