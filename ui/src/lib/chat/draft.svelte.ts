// What somebody is writing into a channel, kept for the life of the tab until it is said.
import { place } from './kept';

/** The API's limit, in bytes of UTF-8. */
const LONGEST = 30_000;

export class Draft {
  text = $state('');
  /** The message that it answers. */
  replyTo = $state<string | null>(null);

  isTooLong = $derived(this.text.length > LONGEST / 4 && new Blob([this.text]).size > LONGEST);
  canBeSaid = $derived(this.text.trim() !== '' && !this.isTooLong);

  #place: string;

  constructor(me: string, channel: string) {
    this.#place = place('draft', me, channel);
    try {
      const kept = JSON.parse(sessionStorage.getItem(this.#place) ?? '') as Partial<Draft>;
      this.text = kept.text ?? '';
      this.replyTo = kept.replyTo ?? null;
    } catch {
      // Nothing was begun here.
    }
  }

  keep(): void {
    const { text, replyTo } = this;
    if (text || replyTo) sessionStorage.setItem(this.#place, JSON.stringify({ text, replyTo }));
    else sessionStorage.removeItem(this.#place);
  }

  clear(): void {
    this.text = '';
    this.replyTo = null;
  }
}
