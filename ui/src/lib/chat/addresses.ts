// Addresses of channels and messages, here and for Matrix clients.
import type { Schemas } from '$lib/api/client';
import type { Message } from '$lib/live/frames';

type Channel = Schemas['Channel'];

/** A channel in whatever Matrix client somebody has. */
export const clientAddress = ({ matrix_room_alias, matrix_room_id }: Channel): string =>
  `https://matrix.to/#/${encodeURIComponent(matrix_room_alias ?? matrix_room_id)}`;

/** A message on this page. */
export function addressOf({ id }: Message): string {
  const url = new URL(location.pathname, location.origin);
  url.searchParams.set('message', id);
  return url.href;
}

/** A message in whatever Matrix client somebody has. The id of a room names no server: `server` is in it. */
export function clientAddressOf(message: Message, room: string, server: string): string {
  const [place, event, via] = [room, message.matrix_event_id, server].map(encodeURIComponent);
  return `https://matrix.to/#/${place}/${event}?via=${via}`;
}
