// What the stream tells of messages, and what that makes of those that are held.
import type { Happening, Message } from '$lib/live/frames';
import { edition } from './order';

/** What the stream tells, and what the server has taken of one's own. */
export type News = Happening | { type: 'said'; message: Message };

interface Change {
  /** The message that it is about. */
  id: string;
  to: (message: Message) => Message;
}

/** What news make of one message that is there already; null when they are about none. */
export function changeOf(news: News): Change | null {
  if (news.type === 'message.updated') {
    const { message_id: id, content_preview, truncated, edited_at, mentions, mentions_room } = news;
    const edit = { content_preview, truncated, edited_at, mentions, mentions_room, edited: true };
    return {
      id,
      to(message) {
        const isDone = message.content && edition(message) === Date.parse(edited_at);
        return isDone || message.deleted ? message : { ...message, ...edit, content: undefined };
      },
    };
  }
  if (news.type === 'message.deleted') {
    const nothing = { content_preview: '', content: undefined, media: undefined, reactions: [] };
    return { id: news.message_id, to: (message) => ({ ...message, ...nothing, deleted: true }) };
  }
  if (news.type === 'reaction.added' || news.type === 'reaction.removed') {
    const { message_id: id, reactions } = news;
    return { id, to: (message) => (reactions ? { ...message, reactions } : message) };
  }
  return null;
}

/** The list with all that is pinned marked, and nothing else. */
export function withPins(messages: readonly Message[], pinned: readonly string[]): readonly Message[] {
  const all = new Set(pinned);
  return messages.map((it) => (it.pinned === all.has(it.id) ? it : { ...it, pinned: !it.pinned }));
}
