// The frames of the live stream, as the text of openapi/public.json ("Live") tells them.
import type { Schemas } from '$lib/api/client';

export type Message = Schemas['Message'];

interface Numbered {
  /** The position in the journal; what comes later has a higher one. */
  seq: number;
  channel_id: string;
}

/** The first frame: the stream begins behind `seq`, or what was missed cannot be told. */
export type Opening = Numbered & { type: 'ready' | 'resync'; journal: string };

export type Happening = Numbered &
  (
    | { type: 'message.created' | 'media.uploaded'; message: Message }
    | {
        type: 'message.updated';
        message_id: string;
        content_preview: string;
        truncated: boolean;
        edited_at: string;
      }
    | { type: 'message.deleted'; message_id: string; deleted_at: string }
    | { type: 'reaction.added'; message_id: string; emoji: string }
    | { type: 'member.invited' | 'member.joined' | 'member.left'; member: MemberChange }
    | { type: 'channel.created' | 'channel.updated'; channel: ChannelChange }
  );

export interface MemberChange {
  member_id: string;
  matrix_user_id: string;
  membership: Schemas['Membership'];
  display_name: string | null;
  since: string;
}

/** The fields that were set; the others are left out. */
export type ChannelChange = Partial<
  Pick<Schemas['Channel'], 'name' | 'description' | 'matrix_room_alias' | 'status'>
>;

export type Frame = Opening | Happening;

/** A frame of the wire; null for a pong and for what this version does not know how to read. */
export function parseFrame(text: unknown): Frame | null {
  if (typeof text !== 'string' || !text.startsWith('{')) return null;
  try {
    const frame = JSON.parse(text) as Partial<Frame>;
    return typeof frame.type === 'string' && typeof frame.seq === 'number' ? (frame as Frame) : null;
  } catch {
    return null;
  }
}
