import { channelById } from '$lib/chat/load';

export const load = async ({ params, parent }) => {
  await parent();
  return { channel: channelById(params.id) };
};
