// What operators do with rooms and channels: make, archive, adopt, heal and backfill.
import assert from 'node:assert/strict';
import { story } from '../world/story.mjs';
import { until } from '../world/processes.mjs';

const PATIENCE = { timeout: 30_000 };
const row = (page, slug) => page.getByRole('row').filter({ has: page.locator('.place', { hasText: new RegExp(`(^|· )${slug}$`) }) });

async function act(page, slug, deed) {
  await row(page, slug).getByRole('button', { name: /^Actions for / }).click();
  await page.getByRole('menuitem', { name: deed }).click();
}

export function tell(context) {
  story(context, 'a room is made that belongs to nobody, archived, and taken back', async (world) => {
    const { page } = await world.operator('/admin/rooms');
    await page.getByRole('button', { name: 'Create a city room' }).click();
    const dialog = page.getByRole('dialog', { name: 'Create a city room' });
    const create = dialog.getByRole('button', { name: 'Create', exact: true });
    await create.click();
    await dialog.getByText('A room needs a name.').waitFor();
    await dialog.getByLabel('Name', { exact: true }).fill('Town hall');
    await dialog.getByLabel('Address').fill('Not An Address!');
    await create.click();
    await dialog.getByText(/The server refused: slug/).waitFor();
    await dialog.getByLabel('Address').fill('hall');
    await dialog.getByLabel('What is it for?').fill('What concerns everybody');
    await create.click();
    await page.getByText('The room “Town hall” is open.').waitFor();
    const made = row(page, 'hall');
    await made.getByText('Adopted').waitFor();
    await made.getByText('#city_hall:city.localhost').waitFor();
    await made.getByText('1 member').waitFor();

    const bob = await world.visitor('bob');
    await bob.enter('/city/hall');
    await bob.say('Is anybody in charge?');
    await bob.message('Is anybody in charge?').waitFor();
    await act(page, 'hall', 'Archive');
    const question = page.getByRole('dialog', { name: 'Archive “Town hall”?' });
    await question.getByRole('button', { name: 'Cancel' }).click();
    await question.waitFor({ state: 'detached' });
    await act(page, 'hall', 'Archive');
    await question.getByRole('button', { name: 'Archive', exact: true }).click();
    await page.getByText('“Town hall” is archived.').waitFor();
    await made.getByText('Archived', { exact: true }).waitFor();
    await bob.open('/city/hall');
    await bob.page.getByText('This room is archived.').waitFor();

    await page.getByLabel('State').selectOption('archived');
    await made.waitFor();
    await page.getByLabel('Kind').selectOption('channel');
    await made.waitFor({ state: 'detached' });
    await page.getByLabel('Kind').selectOption('city');
    await act(page, 'hall', 'Take back into use');
    await page.getByRole('dialog').getByRole('button', { name: 'Take back into use' }).click();
    await page.getByText('“Town hall” is in use again.').waitFor();
    await bob.enter('/city/hall');
    await bob.say('Thank you');
    await bob.message('Thank you').waitFor();
  });

  story(context, 'an address that is taken is said at its field', async (world) => {
    await world.program.room('alice', { name: 'Owned', slug: 'owned' });
    const { page } = await world.operator('/admin/rooms');
    await page.getByRole('button', { name: 'Create a city room' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name', { exact: true }).fill('Another');
    await dialog.getByLabel('Address').fill('owned');
    await dialog.getByRole('button', { name: 'Create', exact: true }).click();
    await dialog.getByText('A room with this address is there already.').waitFor();
  });

  story(context, 'private and encrypted channels are listed, and each is healed on the spot', async (world) => {
    await world.program.channel('alice', { name: 'Cabinet', slug: 'cabinet', visibility: 'private', confidential: true });
    const { page } = await world.operator('/admin/rooms');
    const cabinet = row(page, 'cabinet');
    await cabinet.getByText('Private').waitFor();
    await cabinet.getByText('Encrypted').waitFor();
    await act(page, 'cabinet', 'Heal now');
    await page.getByText('“Cabinet”: Nothing is missing.').waitFor(PATIENCE);
    const healAll = page.getByRole('button', { name: 'Heal all' });
    const list = page.getByRole('table', { name: 'Rooms and channels' });
    const edges = await Promise.all([healAll, list].map((part) => part.boundingBox()));
    assert.ok(edges[0].y + edges[0].height <= edges[1].y, 'a long list leaves it within reach');
    await healAll.click();
    await page.getByText(/Nothing is missing\.\s*\d+ channels? (was|were) looked at\./).waitFor(PATIENCE);
  });

  story(context, 'a Matrix room that has lost its address is shown so, and a backfill gives it back', async (world) => {
    const room = await world.program.room('alice', { name: 'Nameless', slug: 'nameless' });
    const canonical = `/rooms/${encodeURIComponent(room.matrix_room_id)}/state/m.room.canonical_alias/`;
    await world.matrix.alice.call('PUT', canonical, {});
    const { page } = await world.operator('/admin/rooms');
    const nameless = row(page, 'nameless');
    await nameless.getByText('Address missing').waitFor(PATIENCE);
    await nameless.getByText('expected: #city_nameless:city.localhost').waitFor();
    await page.getByRole('button', { name: 'Start a backfill' }).click();
    await page.getByText(/^Finished (just now|\d+ seconds? ago)$/).waitFor(PATIENCE);
    await nameless.getByText('Adopted').waitFor(PATIENCE);
    const { alias } = await world.matrix.alice.call('GET', canonical);
    assert.equal(alias, '#city_nameless:city.localhost');
  });

  story(context, 'a backfill shows how far it is, and a reload finds it where it is', async (world) => {
    const { installation } = world;
    const { page } = await world.operator('/admin/rooms');
    await page.getByRole('button', { name: 'Start a backfill' }).waitFor();
    const rooms = Array.from({ length: 12 }, (_, at) => ({ slug: `older-${at}`, name: `Older ${at}`, description: '' }));
    const done = world.program.as('alice').inside('POST', '/internal/city/matrix/backfill', { rooms });
    const bar = page.getByRole('progressbar', { name: 'The rooms are being checked' });
    const job = async () => (await (await page.request.get('/api/admin/backfill')).json());
    // Until then it is the one before.
    await until('some rooms are checked', 20_000, async () => {
      const { state, checked } = await job();
      return state === 'running' && checked > 1;
    });
    installation.server.pause();
    try {
      const { state, total, checked } = await job();
      assert.deepEqual([state, checked < total], ['running', true], `${checked} of ${total}`);
      // No longer than daarion waits for one answer.
      await bar.waitFor();
      await page.reload();
      await bar.waitFor();
      const words = page.getByText(new RegExp(`^\\d+ of ${total}$`));
      await words.waitFor();
      // What is shown may be a second old.
      await until('the bar has moved', 10_000, async () => Number(await bar.getAttribute('aria-valuenow')) > 1);
      assert.equal(await bar.getAttribute('aria-valuemax'), String(total));
      assert.equal(await page.getByRole('button', { name: 'Start a backfill' }).count(), 0, 'one at a time');
    } finally {
      installation.server.resume();
    }
    await page.getByText(/^Finished (just now|\d+ seconds? ago)$/).waitFor(PATIENCE);
    assert.equal((await done).created, rooms.length);
    await row(page, 'older-11').getByText('Adopted').waitFor(PATIENCE);
  });
}
