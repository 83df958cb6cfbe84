import { getMicrodao, idOf } from '$lib/microdaos/microdaos';

export const load = async ({ params, parent }) => {
  await parent();
  const microdao = getMicrodao(idOf(params.name));
  // A failure before the page awaits it is the page's to show, not the console's.
  microdao.catch(() => undefined);
  return { microdao };
};
