// What is being typed into a channel, kept for the life of the tab.

export interface Draft {
  text: string;
  replyTo: string | null;
}

const place = (channel: string): string => `daarion.draft.${channel}`;

export function keptDraft(channel: string): Draft {
  try {
    const kept = JSON.parse(sessionStorage.getItem(place(channel)) ?? '') as Partial<Draft>;
    return { text: kept.text ?? '', replyTo: kept.replyTo ?? null };
  } catch {
    return { text: '', replyTo: null };
  }
}

export function keepDraft(channel: string, draft: Draft): void {
  if (draft.text || draft.replyTo) sessionStorage.setItem(place(channel), JSON.stringify(draft));
  else sessionStorage.removeItem(place(channel));
}
