// What the page says in passing. `say` from anywhere; <Toaster /> in the root layout shows them.

export interface Toast {
  id: number;
  text: string;
  tone: 'good' | 'bad' | 'calm';
}

const SHOWN_MS = 6_000;
let last = 0;

export const toasts = $state<{ list: Toast[] }>({ list: [] });

export function say(text: string, tone: Toast['tone'] = 'calm'): void {
  const id = ++last;
  const others = toasts.list.filter((toast) => toast.text !== text);
  toasts.list = [...others.slice(-2), { id, text, tone }];
  // What went wrong stays until somebody has read it.
  if (tone !== 'bad') setTimeout(() => dismiss(id), SHOWN_MS);
}

export function dismiss(id: number): void {
  toasts.list = toasts.list.filter((toast) => toast.id !== id);
}
