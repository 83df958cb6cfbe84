// What somebody is writing into a channel, kept for the life of the tab until it is said.
import { place } from './kept';

/** The API's limit, in bytes of UTF-8. */
const LONGEST = 30_000;

/** Somebody who is called in a text, and by which words. */
export interface Mention {
  name: string;
  entity: string;
}

export class Draft {
  text = $state('');
  /** Who was chosen from the list; whoever is no longer in the text is not called. */
  mentions = $state<Mention[]>([]);
  /** The message that it answers. */
  replyTo = $state<string | null>(null);

  isTooLong = $derived(isTooLong(this.text));
  canBeSaid = $derived(this.text.trim() !== '' && !this.isTooLong);

  #place: string;

  constructor(me: string, channel: string, thread: string | null = null) {
    this.#place = place('draft', me, thread ? `${channel}.${thread}` : channel);
    try {
      const kept = JSON.parse(sessionStorage.getItem(this.#place) ?? '') as Partial<Draft>;
      this.text = kept.text ?? '';
      this.replyTo = kept.replyTo ?? null;
      this.mentions = kept.mentions ?? [];
    } catch {
      // Nothing was begun here.
    }
  }

  keep(): void {
    const { text, replyTo, mentions } = this;
    const kept = JSON.stringify({ text, replyTo, mentions });
    if (text || replyTo) sessionStorage.setItem(this.#place, kept);
    else sessionStorage.removeItem(this.#place);
  }

  clear(): void {
    this.text = '';
    this.replyTo = null;
    this.mentions = [];
  }
}

export const isTooLong = (text: string): boolean =>
  text.length > LONGEST / 4 && new Blob([text]).size > LONGEST;
