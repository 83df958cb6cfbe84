// Takes a text to the clipboard.

/** Whether it is there. `field` holds the text already, for pages that may only copy a selection. */
export async function copied(text: string, field?: HTMLInputElement): Promise<boolean> {
  // A page that did not come over HTTPS has no clipboard, but can copy what is selected.
  if (!window.isSecureContext) return field ? selected(field) : throughField(text);
  return navigator.clipboard.writeText(text).then(
    () => true,
    () => false,
  );
}

function selected(field: HTMLInputElement | HTMLTextAreaElement): boolean {
  field.select();
  return document.execCommand('copy');
}

function throughField(text: string): boolean {
  const before = document.activeElement;
  const field = document.createElement('textarea');
  field.value = text;
  field.className = 'visually-hidden';
  document.body.append(field);
  const isDone = selected(field);
  field.remove();
  if (before instanceof HTMLElement) before.focus();
  return isDone;
}
