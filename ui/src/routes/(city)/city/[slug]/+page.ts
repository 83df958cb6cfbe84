import { channelOfRoom } from '$lib/chat/load';

export const load = async ({ params, parent }) => {
  const { me } = await parent();
  return { slug: params.slug, me: me.entity_id, channel: channelOfRoom(params.slug) };
};
