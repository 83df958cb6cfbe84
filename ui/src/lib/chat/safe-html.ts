// Formatted messages, made safe once more before they are shown: the server has kept to the Matrix
// specification's list already. Nothing in a message may load anything, and every link leads out
// of this page without telling from where.
import DOMPurify from 'dompurify';
import { pieces, type Called } from './mentions';

const purify = DOMPurify(window);

const TAGS = [
  'a', 'b', 'blockquote', 'br', 'caption', 'code', 'del', 'details', 'div', 'em', 'h1', 'h2', 'h3',
  'h4', 'h5', 'h6', 'hr', 'i', 'li', 'ol', 'p', 'pre', 's', 'span', 'strike', 'strong', 'sub',
  'summary', 'sup', 'table', 'tbody', 'td', 'th', 'thead', 'tr', 'u', 'ul',
];

purify.addHook('uponSanitizeElement', (node) => {
  // A picture would be loaded from elsewhere; what it shows stands there instead.
  if (node instanceof HTMLImageElement) node.replaceWith(node.alt);
});

purify.addHook('afterSanitizeAttributes', (node) => {
  if (!(node instanceof HTMLAnchorElement)) return;
  node.target = '_blank';
  node.rel = 'noopener noreferrer nofollow';
});

/** `called` are the words in it that call for somebody: they are marked. */
export function safeHtml(html: string, called: Called | null = null): string {
  const safe = purify.sanitize(html, {
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ['href', 'start', 'colspan', 'rowspan'],
    ALLOWED_URI_REGEXP: /^(?:https?|mailto|matrix|magnet):/i,
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    // The quotation of what is answered, for clients that know no replies; with what is in it.
    FORBID_CONTENTS: ['mx-reply', 'script', 'style', 'title', 'template', 'svg', 'math'],
    RETURN_DOM_FRAGMENT: true,
  });
  const holder = document.createElement('div');
  holder.append(safe);
  for (const link of holder.querySelectorAll('a')) asCall(link);
  if (called) markCalls(holder, called);
  return holder.innerHTML;
}

/** What it says without its form. */
export function plainText(html: string): string {
  const holder = document.createElement('div');
  holder.innerHTML = safeHtml(html);
  return holder.textContent.trim();
}

/** How other clients call for somebody: by a link to them. */
const PERSON = /^https:\/\/matrix\.to\/#\/(?:@|%40)[^/]+$/i;

function asCall(link: HTMLAnchorElement): void {
  if (PERSON.test(link.href)) link.replaceWith(mark(link.textContent, 'other'));
}

function markCalls(holder: HTMLElement, called: Called): void {
  const walker = document.createTreeWalker(holder, NodeFilter.SHOW_TEXT);
  const texts: Text[] = [];
  while (walker.nextNode()) texts.push(walker.currentNode as Text);
  for (const text of texts) {
    const parts = pieces(text.data, called);
    if (!parts.some(({ call }) => call) || text.parentElement?.closest('code, .call')) continue;
    text.replaceWith(...parts.map((part) => (part.call ? mark(part.text, part.call) : part.text)));
  }
}

function mark(text: string, call: 'me' | 'other'): HTMLElement {
  const chip = document.createElement('span');
  chip.className = `call ${call}`;
  chip.textContent = text;
  return chip;
}
