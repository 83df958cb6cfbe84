import { settingsOf } from '$lib/channels/settings';

export const load = async ({ params, parent }) => {
  const { me } = await parent();
  return { settings: settingsOf(params.id, me.entity_id) };
};
