// The homeserver goes away and comes back while operators look on.
import { story } from '../world/story.mjs';

const panel = (page, name) => page.getByRole('region', { name });
const PATIENCE = { timeout: 30_000 };

export function tell(context) {
  story(context, 'while the homeserver is away, operators get in, see so, and read what to do about it', async (world) => {
    const { installation } = world;
    const { page } = await world.operator('/admin', { language: 'uk' });
    const homeserver = panel(page, 'Домашній сервер');
    await homeserver.getByText('З’єднано').waitFor();
    await installation.server.stop();
    try {
      await homeserver.getByText('Не відповідає').waitFor(PATIENCE);
      // Who starts daarion then reads the reason in its log, and here.
      await installation.daarion.stop();
      await installation.startDaarion();
      const problems = panel(page, 'Останні проблеми').getByRole('listitem');
      const away = problems.filter({ hasText: 'homeserver unavailable' }).first();
      await away.getByText('Що робити:').waitFor(PATIENCE);
      await away.getByText('matrix.homeserver_url').waitFor();

      const guest = await world.visitor();
      await guest.open('/admin/login?next=/admin/rooms');
      await guest.page.getByLabel('Operator name').fill('warden');
      await guest.page.getByLabel('Password').fill(world.password('warden'));
      await guest.page.getByRole('button', { name: 'Sign in', exact: true }).click();
      await guest.page.waitForURL('**/admin/rooms');
      await guest.page.getByRole('button', { name: 'Heal all' }).click();
      await guest.page.getByRole('alert').getByText('The homeserver is away at the moment.').waitFor();
    } finally {
      await installation.startSynapse();
    }
    await homeserver.getByText('З’єднано').waitFor(PATIENCE);
  });
}
