// What the pages of a channel load. The promise goes to the page, which shows its states.
import { api, type Schemas } from '$lib/api/client';
import { ok } from '$lib/api/error';

export function channelById(id: string): Promise<Schemas['Channel']> {
  const params = { path: { channel_id: id } };
  return shown(ok(api.GET('/api/messaging/channels/{channel_id}', { params })));
}

export function channelOfRoom(slug: string): Promise<Schemas['Channel']> {
  const room = ok(api.GET('/api/city/rooms/{slug}', { params: { path: { slug } } }));
  return shown(room.then(({ channel_id }) => channelById(channel_id)));
}

/** A failure before the page awaits it is the page's to show, not the console's. */
function shown<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
