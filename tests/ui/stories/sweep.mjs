// All that somebody has said in a room, deleted at once.
import assert from 'node:assert/strict';
import { LOOKS, violations } from '../world/axe.mjs';
import { story } from '../world/story.mjs';

const people = (visitor, name = 'People') => visitor.page.getByRole('complementary', { name });

export function tell(context) {
  story(context, 'whoever owns the room deletes all messages of one sender, and sees how far it is', async (world) => {
    const room = await world.program.room('alice', { name: 'Spam', slug: 'spam' });
    await world.program.say('alice', room, 'This stays');
    for (let line = 1; line <= 12; line += 1) await world.program.say('taras', room, `Cheap watches ${line}`);
    const alice = await world.visitor('alice', { wide: true });
    const bob = await world.visitor('bob', { wide: true });
    await Promise.all([alice, bob].map((visitor) => visitor.enter('/city/spam')));
    await alice.message('Cheap watches 12').waitFor();
    await people(alice).getByText('Тарас', { exact: true }).waitFor();
    assert.equal(await people(bob).getByRole('button', { name: /^What to do about/ }).count(), 0, 'bob may not');
    await people(alice).getByRole('button', { name: 'What to do about Тарас' }).click();
    await alice.page.getByRole('menuitem', { name: 'Delete their messages…' }).click();
    const dialog = alice.page.getByRole('dialog', { name: 'Delete the messages of Тарас?' });
    await dialog.getByLabel('Which of them').selectOption('ever');
    await dialog.getByLabel('Reason').fill('Advertising');

    // One that goes on already is told of.
    await alice.page.route('**/messages/delete', (route) =>
      route.request().method() === 'POST'
        ? route.fulfill({ status: 409, json: { error: 'M_CONFLICT', message: 'busy' } })
        : route.continue());
    await dialog.getByRole('button', { name: 'Delete them' }).click();
    await dialog.getByText('Messages are being deleted in this room already.').waitFor();
    await alice.page.unroute('**/messages/delete');
    await dialog.getByRole('button', { name: 'Delete them' }).click();
    await dialog.waitFor({ state: 'detached' });
    await people(alice).getByText('12 messages of Тарас were deleted.').waitFor({ timeout: 30_000 });
    for (const visitor of [alice, bob]) {
      await visitor.message('Cheap watches').first().waitFor({ state: 'detached' });
      await visitor.message('This stays').waitFor();
    }
    await people(alice).getByRole('status').getByRole('button', { name: 'Close' }).click();
    await people(alice).getByText('12 messages of Тарас were deleted.').waitFor({ state: 'detached' });
  });

  story(context, 'a deletion that goes on is shown to whoever has begun it, also after a reload', async (world) => {
    await world.program.room('alice', { name: 'Long sweep', slug: 'long-sweep' });
    for (const look of LOOKS) {
      const alice = await world.visitor('alice', { ...look, wide: true });
      const { page } = alice;
      let state = 'running';
      await page.route('**/messages/delete', (route) =>
        route.fulfill({
          json: {
            channel_id: '00000000-0000-0000-0000-000000000000',
            sender: 'user:taras', state, checked: 340, deleted: 120, failed: [],
            started_at: new Date().toISOString(),
          },
        }));
      await alice.enter('/city/long-sweep');
      await page.getByRole('progressbar').waitFor();
      assert.deepEqual(await violations(page), [], `${look.theme}, ${look.language}`);
      await page.screenshot({ path: `${world.pictures}sweep-${look.theme}-${look.language}.png` });
      state = 'done';
      await page.getByRole('progressbar').waitFor({ state: 'detached' });
      await page.locator('aside [role=status]').getByText('120').waitFor();
    }
  });
}
