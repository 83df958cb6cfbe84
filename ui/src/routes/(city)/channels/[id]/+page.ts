import { channelById } from '$lib/chat/load';

export const load = async ({ params, parent }) => {
  const { me } = await parent();
  return { id: params.id, me: me.entity_id, channel: channelById(params.id) };
};
