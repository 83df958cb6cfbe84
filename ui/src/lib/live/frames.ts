// The frames of the live stream, as openapi/public.json describes them.
import type { Schemas } from '$lib/api/client';

export type Message = Schemas['Message'];
export type MemberChange = Schemas['MemberChange'];
export type RolesFrame = Schemas['RolesFrame'];

/** The first frame: the stream begins behind `seq`, or what was missed cannot be told. */
export type Opening = Schemas['OpeningFrame'];
export type Frame = Schemas['LiveFrame'];
export type Happening = Exclude<Frame, Opening>;

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
