// What the page of a channel's settings is about, and what is set there. Each throws what the server
// says against it.
import { api, type Schemas } from '$lib/api/client';
import { ApiError, ok } from '$lib/api/error';
import { channelById } from '$lib/chat/load';

export type Channel = Schemas['Channel'];
export type Visibility = Channel['visibility'];

export interface Settings {
  channel: Channel;
  /** How the reader stands to it; null when they are no member. */
  mine: Schemas['Member'] | null;
}

export function settingsOf(id: string, me: string): Promise<Settings> {
  const both = Promise.all([channelById(id), memberOf(id, me)]);
  const settings = both.then(([channel, mine]) => ({ channel, mine }));
  // A failure before the page awaits it is the page's to show, not the console's.
  settings.catch(() => undefined);
  return settings;
}

async function memberOf(id: string, entity: string): Promise<Settings['mine']> {
  const params = { path: { channel_id: id, entity } };
  try {
    return await ok(api.GET('/api/messaging/channels/{channel_id}/members/{entity}', { params }));
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

/** Whoever has left keeps the role, and may nothing by it. */
const roleIn = ({ mine }: Settings) => (mine?.membership === 'joined' ? mine.role : null);

export const mayChange = (settings: Settings): boolean =>
  ['owner', 'admin', 'moderator'].includes(roleIn(settings) ?? '');

/** Lets others in: of a public channel everybody who is there, unless its room says otherwise. */
export const mayInvite = (settings: Settings): boolean =>
  settings.mine?.membership === 'joined' &&
  (settings.channel.visibility === 'public' || mayChange(settings));

export const mayArchive = (settings: Settings): boolean => roleIn(settings) === 'owner';

/** Where the conversation is. */
export const pathOf = ({ kind, slug, id }: Pick<Channel, 'kind' | 'slug' | 'id'>): string =>
  kind === 'city' ? `/city/${slug}` : `/channels/${id}`;

const at = ({ id }: Channel) => ({ params: { path: { channel_id: id } } });

export function change(channel: Channel, body: Schemas['ChannelPatch']): Promise<Channel> {
  return ok(api.PATCH('/api/messaging/channels/{channel_id}', { ...at(channel), body }));
}

export async function setSlowMode(channel: Channel, seconds: number): Promise<void> {
  const url = '/api/messaging/channels/{channel_id}/slow-mode';
  await ok(api.PUT(url, { ...at(channel), body: { seconds } }));
}

export async function setKnocking(channel: Channel, accepted: boolean): Promise<void> {
  const url = '/api/messaging/channels/{channel_id}/knocking';
  await ok(api.PUT(url, { ...at(channel), body: { accepted } }));
}

/** Takes it out of use, or back into it. */
export function setArchived(channel: Channel, isArchived: boolean): Promise<Channel> {
  const deed = isArchived ? 'archive' : 'unarchive';
  return ok(api.POST(`/api/messaging/channels/{channel_id}/${deed}`, at(channel)));
}
