// Addresses in a plain text, to be shown as links.

export type Part = { text: string; href?: string };

const ADDRESS = /https?:\/\/[^\s<>"']+/gi;
/** What ends a sentence rather than an address. */
const TAIL = /[.,:;!?)\]}»”’]+$/;

export function linked(text: string): Part[] {
  const parts: Part[] = [];
  let from = 0;
  for (const found of text.matchAll(ADDRESS)) {
    const href = found[0].replace(TAIL, '');
    if (!URL.canParse(href)) continue;
    if (found.index > from) parts.push({ text: text.slice(from, found.index) });
    parts.push({ text: href, href });
    from = found.index + href.length;
  }
  if (from < text.length) parts.push({ text: text.slice(from) });
  return parts;
}
