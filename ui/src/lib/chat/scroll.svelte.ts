// Where somebody is in the conversation: at its end, where they stay however high the rows turn out
// to be, or above, where nothing moves them.
import type { VirtualizerHandle } from 'virtua/svelte';

/** So near to the end, in pixels, is at the end; so near to the top, more is read. */
const AT_END = 60;
const NEAR_TOP = 900;
/** So long after somebody has set out upward, in milliseconds, it shows where they have gone. */
const LEAVING_MS = 400;

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
  /** How far upward it has gone since somebody set out, and how high all was then, in pixels. */
  #gone = 0;
  #height = 0;

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
    this.#stopLeaving();
    this.stays = true;
    if (this.viewport) this.viewport.scrollTop = this.viewport.scrollHeight;
  }

  /** To a row; nowhere when it is not there. */
  to(index: number): void {
    if (index < 0) return;
    this.#stopLeaving();
    this.stays = false;
    this.list?.scrollToIndex(index, { align: 'center' });
  }

  note(): void {
    const { list } = this;
    if (!list) return;
    const offset = list.getScrollOffset();
    this.isAtEnd = list.getScrollSize() - offset - list.getViewportSize() < AT_END;
    this.#gone += Math.max(0, this.#lastOffset - offset);
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
      this.#stopLeaving();
    };
  }

  #watchLeaving(viewport: HTMLElement, options: AddEventListenerOptions): void {
    let finger = 0;
    const leaves = (isUpward: boolean) => {
      if (isUpward && viewport.scrollTop > 0) this.#leave();
    };
    const touch = ({ touches }: TouchEvent) => {
      const before = finger;
      finger = touches[0]?.clientY ?? 0;
      return touches.length === 1 && finger > before;
    };
    // With Ctrl a wheel makes all larger.
    viewport.addEventListener('wheel', (event) => leaves(event.deltaY < 0 && !event.ctrlKey), options);
    viewport.addEventListener('keydown', (event) => leaves(isUpward(event)), options);
    viewport.addEventListener('touchstart', (event) => void touch(event), options);
    viewport.addEventListener('touchmove', (event) => leaves(touch(event)), options);
  }

  /**
   * Whoever is held at the end sets out upward. Browsers move in small steps: the first ones are still
   * at the end, and a row that is measured then must not hold them there.
   */
  #leave(): void {
    if (!this.stays && !this.#leaving) return;
    if (!this.#leaving) {
      this.#gone = 0;
      this.#height = this.viewport?.scrollHeight ?? 0;
    }
    this.#stopLeaving();
    this.stays = false;
    this.#leaving = setTimeout(() => this.#settle(), LEAVING_MS);
  }

  /** Who has not gone far is still at the end, and is taken to what has come below meanwhile. */
  #settle(): void {
    const isNear = this.#gone < AT_END && this.#isWhole();
    this.#stopLeaving();
    this.note();
    this.stays ||= isNear;
    if (isNear && this.viewport?.scrollHeight !== this.#height) this.toEnd();
  }

  #stopLeaving(): void {
    clearTimeout(this.#leaving);
    this.#leaving = undefined;
  }
}

const isUpward = ({ key, shiftKey }: KeyboardEvent): boolean =>
  ['ArrowUp', 'PageUp', 'Home'].includes(key) || (key === ' ' && shiftKey);
