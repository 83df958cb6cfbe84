// Formatted messages, made safe once more before they are shown: the server has kept to the Matrix
// specification's list already. Nothing in a message may load anything, and every link leads out
// of this page without telling from where.
import DOMPurify from 'dompurify';

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

export function safeHtml(html: string): string {
  return purify.sanitize(html, {
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ['href', 'start', 'colspan', 'rowspan'],
    ALLOWED_URI_REGEXP: /^(?:https?|mailto|matrix|magnet):/i,
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    // The quotation of what is answered, for clients that know no replies; with what is in it.
    FORBID_CONTENTS: ['mx-reply', 'script', 'style', 'title', 'template', 'svg', 'math'],
  });
}
