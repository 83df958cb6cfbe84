import { idOf, ownDesk } from '$lib/agents/desk';

export const load = async ({ params, parent }) => {
  await parent();
  const agent = ownDesk.get(idOf(params.name));
  // A failure before the page awaits it is the page's to show, not the console's.
  agent.catch(() => undefined);
  return { agent };
};
