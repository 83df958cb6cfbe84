// What stands beside the conversation. It is a part of the address, so that a link leads to it, and on
// a narrow screen, where it covers the conversation, the way back closes it.
import { pushState, replaceState } from '$app/navigation';
import { page } from '$app/state';

export type Pane =
  | { kind: 'people' }
  | { kind: 'pins' }
  | { kind: 'threads' }
  | { kind: 'later' }
  /** `found` is the message of it that somebody has come for. */
  | { kind: 'thread'; root: string; found?: string };

/** There is a place beside the talk; and enough to have the people there from the start. */
const WIDE = '(min-width: 72rem)';
const VERY_WIDE = '(min-width: 84rem)';

export class Panes {
  isWide = $state(matchMedia(WIDE).matches);

  #first: Pane | null;

  constructor(address: URL) {
    const root = address.searchParams.get('thread');
    const people = matchMedia(VERY_WIDE).matches ? ({ kind: 'people' } as const) : null;
    this.#first = root ? { kind: 'thread', root } : people;
  }

  get current(): Pane | null {
    return page.state.pane === undefined ? this.#first : page.state.pane;
  }

  open(pane: Pane): void {
    const isPushed = page.state.isPushed ?? false;
    if (this.isWide || this.current) replaceState(addressWith(pane), { pane, isPushed });
    else pushState(addressWith(pane), { pane, isPushed: true });
  }

  close(): void {
    if (page.state.isPushed) history.back();
    else replaceState(addressWith(null), { pane: null });
  }

  toggle(pane: Pane): void {
    if (this.current?.kind === pane.kind) this.close();
    else this.open(pane);
  }

  /** The people, who are there from the start where there is a place, cover nothing when it goes. */
  watch(): () => void {
    const media = matchMedia(WIDE);
    const change = () => {
      this.isWide = media.matches;
      if (!this.isWide && this.current?.kind === 'people') this.close();
    };
    media.addEventListener('change', change);
    return () => media.removeEventListener('change', change);
  }
}

function addressWith(pane: Pane | null): URL {
  const url = new URL(location.href);
  url.searchParams.delete('message');
  if (pane?.kind === 'thread') url.searchParams.set('thread', pane.root);
  else url.searchParams.delete('thread');
  return url;
}
