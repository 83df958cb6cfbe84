// Walking through the messages with the arrow keys: one message has the focus, the next one gets it.

export function walk(viewport: HTMLElement, event: KeyboardEvent): void {
  const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
  const rows = [...viewport.querySelectorAll<HTMLElement>('[data-message]')];
  const now = rows.findIndex((row) => row === document.activeElement);
  const next = now < 0 ? lastVisible(viewport, rows) : rows[now + step];
  if (!next) return;
  event.preventDefault();
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: 'nearest' });
}

function lastVisible(viewport: HTMLElement, rows: HTMLElement[]): HTMLElement | undefined {
  const { bottom } = viewport.getBoundingClientRect();
  return rows.findLast((row) => row.getBoundingClientRect().top < bottom - 8);
}
