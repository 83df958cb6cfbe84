// Where somebody is in the conversation: at its end, where they stay however high the rows turn out
// to be, or above, where nothing moves them.
import type { VirtualizerHandle } from 'virtua/svelte';

/** So near to the end, in pixels, is at the end; so near to the top, more is read. */
const AT_END = 60;
const NEAR_TOP = 900;

export class Scroll {
  list = $state.raw<VirtualizerHandle>();
  viewport = $state.raw<HTMLElement>();
  isAtEnd = $state(true);
  /** Whether the end is where this person wants to be. */
  stays = true;

  #moved: () => void;
  #isWhole: () => boolean;
  #lastOffset = 0;

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
    if (this.isAtEnd) this.stays = this.stays || this.#isWhole();
    else if (offset < this.#lastOffset) this.stays = false;
    this.#lastOffset = offset;
    this.#moved();
  }

  /** Rows are measured once they are there, and pictures and fonts change them later. */
  watch(): (() => void) | undefined {
    if (!this.viewport) return undefined;
    const observer = new ResizeObserver(() => this.stays && this.toEnd());
    for (const part of [this.viewport, ...this.viewport.children]) observer.observe(part);
    return () => observer.disconnect();
  }
}
