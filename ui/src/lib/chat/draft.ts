// What is being typed into a channel, kept for the life of the tab.
import { place } from './kept';

export interface Draft {
  text: string;
  replyTo: string | null;
}

export function keptDraft(me: string, channel: string): Draft {
  try {
    const kept = JSON.parse(sessionStorage.getItem(place('draft', me, channel)) ?? '') as Partial<Draft>;
    return { text: kept.text ?? '', replyTo: kept.replyTo ?? null };
  } catch {
    return { text: '', replyTo: null };
  }
}

export function keepDraft(me: string, channel: string, draft: Draft): void {
  const where = place('draft', me, channel);
  if (draft.text || draft.replyTo) sessionStorage.setItem(where, JSON.stringify(draft));
  else sessionStorage.removeItem(where);
}
