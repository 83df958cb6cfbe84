// The city's page: rooms on cards, a new one, and what goes wrong.
import assert from 'node:assert/strict';
import { story } from '../world/story.mjs';

const card = (page, name) => page.getByRole('main').getByRole('link').filter({ hasText: name });

export function tell(context) {
  story(context, 'a room is made, opened, and on everybody’s page', async (world) => {
    const alice = await world.visitor('alice');
    const bob = await world.visitor('bob');
    await alice.open('/city');
    await alice.page.getByRole('button', { name: 'Create a room' }).first().click();
    const dialog = alice.page.getByRole('dialog', { name: 'A new room' });
    await dialog.getByRole('button', { name: 'Create', exact: true }).click();
    await dialog.getByText('A room needs a name.').waitFor();
    await dialog.getByLabel('Name', { exact: true }).fill('Майстерня');
    await dialog.getByLabel('What is it for?').fill('Де лагодять і будують');
    await dialog.getByRole('button', { name: 'Create', exact: true }).click();
    await alice.page.waitForURL('**/city/maisternia');
    await alice.page.getByText('The room “Майстерня” is open.').waitFor();
    await alice.page.getByRole('heading', { name: 'Nothing has been said here yet' }).waitFor();
    const here = alice.page.getByRole('navigation').getByRole('link', { name: 'Майстерня' });
    assert.equal(await here.getAttribute('aria-current'), 'page');

    await bob.open('/city');
    await card(bob.page, 'Майстерня').getByText('Де лагодять і будують').waitFor();
    await card(bob.page, 'Майстерня').getByText('Newcomers arrive here').waitFor();
    await card(bob.page, 'Майстерня').getByText('Nothing said yet').waitFor();
  });

  story(context, 'an address that is taken or impossible is said at its field', async (world) => {
    await world.program.room('alice', { name: 'Taken', slug: 'taken' });
    const alice = await world.visitor('alice');
    await alice.open('/city');
    await alice.page.getByRole('button', { name: 'Create a room' }).first().click();
    const dialog = alice.page.getByRole('dialog');
    await dialog.getByLabel('Name', { exact: true }).fill('Another');
    await dialog.getByLabel('Address').fill('taken');
    await dialog.getByRole('button', { name: 'Create', exact: true }).click();
    await dialog.getByText('A room with this address is there already.').waitFor();
    assert.equal(await dialog.getByLabel('Address').getAttribute('aria-invalid'), 'true');
    await dialog.getByLabel('Address').fill('Not An Address!');
    await dialog.getByRole('button', { name: 'Create', exact: true }).click();
    await dialog.getByText(/The server refused: slug/).waitFor();
  });

  story(context, 'cards tell who is online, when something was last said, and what is archived', async (world) => {
    const room = await world.program.room('alice', { name: 'Library', slug: 'library', description: 'Quiet, please' });
    const old = await world.program.room('alice', { name: 'Old square', slug: 'old' });
    await world.program.as('alice').call('POST', `/api/city/rooms/${old.slug}/archive`);
    await world.program.say('bob', room, 'A word');
    await world.matrix.bob.call('PUT', '/presence/@bob:city.localhost/status', { presence: 'online' });
    const alice = await world.visitor('alice');
    await alice.open('/city');
    await card(alice.page, 'Library').getByText(/Last word (now|\d+ (second|minute)s? ago)/).waitFor();
    await alice.page.getByText('Archived rooms (1)').click();
    await card(alice.page, 'Old square').getByText('Archived').waitFor();
    assert.equal(await alice.page.getByRole('navigation').getByText('Old square').count(), 0);
    await alice.page.reload();
    await card(alice.page, 'Library').getByText(/\d+ (person|people) online/).waitFor();
  });

  story(context, 'the city’s page shows that it loads, that it failed, and tries again', async (world) => {
    const alice = await world.visitor('alice');
    let answerNow;
    const held = new Promise((done) => (answerNow = done));
    await alice.page.route('**/api/city/rooms', async (route) => {
      await held;
      await route.abort();
    });
    await alice.open('/city');
    await alice.page.locator('main [aria-busy="true"]').waitFor();
    answerNow();
    const failed = alice.page.getByRole('main').getByRole('alert');
    await failed.getByText('This could not be loaded').waitFor();
    await alice.page.getByText('The rooms could not be loaded.').waitFor();
    await alice.page.unroute('**/api/city/rooms');
    await failed.getByRole('button', { name: 'Try again' }).click();
    await card(alice.page, 'Library').waitFor();
  });

  story(context, 'where only operators may make rooms, the page says so', async (world) => {
    const { installation } = world;
    await installation.daarion.stop();
    await installation.startDaarion({ DAARION_CITY__CREATE: 'operators' });
    const alice = await world.visitor('alice');
    await alice.open('/city');
    await alice.page.getByRole('button', { name: 'Create a room' }).first().click();
    await alice.page.getByLabel('Name', { exact: true }).fill('Mine');
    await alice.page.getByRole('button', { name: 'Create', exact: true }).click();
    await alice.page.getByRole('dialog').getByRole('alert').getByText('You may not do this here.').waitFor();
    await installation.daarion.stop();
    await installation.startDaarion();
  });

  story(context, 'an address that leads nowhere says so and leads back', async (world) => {
    const alice = await world.visitor('alice');
    for (const path of ['/city/nowhere', '/channels/00000000-0000-4000-8000-000000000000', '/nowhere/at/all']) {
      await alice.open(path);
      await alice.page.getByRole('heading', { name: 'Nothing is here', level: 1 }).waitFor();
      await alice.page.getByRole('link', { name: 'Back to the city' }).click();
      await alice.page.waitForURL('**/city');
    }
  });
}
