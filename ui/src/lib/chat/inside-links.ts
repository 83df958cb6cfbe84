// Links in messages that lead to messages of this city: they open here, in their conversation, and not
// in another tab. What is not known here leads out as every link does.
import { places, type Channel, type CityRoom } from '$lib/city/places.svelte';
import { messageIdOf } from './message-id';

export interface Target {
  /** The id of the channel, or the path of its page. */
  channel: { id: string } | { path: string };
  /** Of the message; by the id that Matrix gives it where a Matrix client has made the link. */
  message: { id: string } | { event: string };
}

/** Where a link leads within the city; null for what is not of it. */
export function targetOf(href: string): Target | null {
  if (!URL.canParse(href)) return null;
  const url = new URL(href);
  if (url.origin === location.origin) return ownTarget(url);
  return url.origin === 'https://matrix.to' ? matrixTarget(url.hash) : null;
}

function ownTarget({ pathname, searchParams }: URL): Target | null {
  const id = searchParams.get('message');
  return id && /^\/(city|channels)\/[^/]+$/.test(pathname)
    ? { channel: { path: pathname }, message: { id } }
    : null;
}

/** `#/<room>/<event>?via=…`, escaped or not. */
function matrixTarget(hash: string): Target | null {
  const parts = /^#\/([^/?]+)\/([^/?]+)/.exec(hash);
  // An id can be made of an event on encrypted pages alone.
  if (!parts || !window.isSecureContext) return null;
  const [room, event] = parts.slice(1).map(unescaped);
  const all = [...places.channels, ...(places.rooms ?? [])];
  const found = all.find((it) => it.matrix_room_alias === room || roomsOf(it).includes(room));
  if (!found || !event?.startsWith('$')) return null;
  return { channel: { id: 'channel_id' in found ? found.channel_id : found.id }, message: { event } };
}

/** The Matrix room of a channel, and those that it had before. */
const roomsOf = (it: Channel | CityRoom): (string | undefined)[] => [it.matrix_room_id, ...it.former_matrix_room_ids];

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * Hands links that lead to messages of the city to `open`, until the answer is called; wherever a message
 * is shown, as in a dialog that covers the conversation.
 */
export function followInside(open: (channel: Target['channel'], message: string) => void): () => void {
  const follow = (event: MouseEvent) => {
    const isPlain = event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
    const at = event.target instanceof Element ? event.target : null;
    const link = at?.closest<HTMLAnchorElement>('[data-message] a[href]');
    const target = isPlain && link ? targetOf(link.href) : null;
    if (!target) return;
    event.preventDefault();
    const { channel, message } = target;
    if ('id' in message) open(channel, message.id);
    else void messageIdOf(message.event).then((id) => open(channel, id));
  };
  document.addEventListener('click', follow);
  return () => document.removeEventListener('click', follow);
}
