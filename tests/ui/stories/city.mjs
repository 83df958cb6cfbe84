// The city's page: rooms on cards, a new one, and what goes wrong.
import assert from 'node:assert/strict';
import { answers, breaksOff, goesOn } from '../world/answers.mjs';
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
    const address = dialog.getByLabel('Address');
    assert.equal(await address.getAttribute('aria-invalid'), 'true');
    assert.ok(await address.evaluate((field) => document.activeElement === field), 'the error is read out');
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
    await card(alice.page, 'Library').getByText(/Last message (just now|\d+ (second|minute)s? ago)/).waitFor();
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
    const reading = await answers(alice.page, '**/api/city/rooms', async (route) => {
      await held;
      await route.abort();
    });
    await alice.open('/city');
    await alice.page.locator('main [aria-busy="true"]').waitFor();
    answerNow();
    const failed = alice.page.getByRole('main').getByRole('alert');
    await failed.getByText('This could not be loaded').waitFor();
    await alice.page.getByText('The rooms could not be loaded.').waitFor();
    await reading.after(() => failed.getByRole('button', { name: 'Try again' }).click(), goesOn);
    await card(alice.page, 'Library').waitFor();
    // What was read stays, and the page says that it is old.
    reading.become(breaksOff);
    const old = alice.page.getByRole('status').filter({ hasText: 'This is what was read last.' });
    await old.waitFor({ timeout: 40_000 });
    await reading.after(() => old.getByRole('button', { name: 'Try again' }).click(), goesOn);
    await old.waitFor({ state: 'detached' });
  });

  story(context, 'a room that is made but does not show yet is not made again', async (world) => {
    const alice = await world.visitor('alice');
    await alice.open('/city');
    const answer = (error) => (route) =>
      route.request().method() === 'POST' ? route.fulfill({ status: 503, json: { error, detail: 'in English' } }) : route.fallback();
    const dialog = alice.page.getByRole('dialog', { name: 'A new room' });
    const create = async () => {
      await alice.page.getByRole('button', { name: 'Create a room' }).first().click();
      await dialog.getByLabel('Name', { exact: true }).fill('Late');
      await dialog.getByRole('button', { name: 'Create', exact: true }).click();
    };
    await alice.page.route('**/api/city/rooms', answer('store_unavailable'));
    await create();
    await dialog.getByRole('alert').getByText('The city cannot write to its disk at the moment.').waitFor();
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await alice.page.route('**/api/city/rooms', answer('index_behind'));
    await create();
    await alice.page.getByText('It is done, and will show here in a moment.').waitFor();
    await dialog.waitFor({ state: 'detached' });
  });

  story(context, 'whoever chats on the city’s pages is online, and nobody need open a Matrix client', async (world) => {
    const room = await world.program.room('alice', { name: 'Lookout', slug: 'lookout' });
    await world.program.say('bob', room, 'I am here');
    for (const name of ['alice', 'bob', 'olena', 'taras', 'mayor']) {
      await world.matrix[name].call('PUT', `/presence/@${name}:city.localhost/status`, { presence: 'offline' });
    }
    const alice = await world.visitor('alice');
    const online = card(alice.page, 'Lookout').getByText('1 person online');
    const nobody = card(alice.page, 'Lookout').getByText('Nobody online');
    const eventually = async (what) => {
      for (let look = 0; look < 20; look += 1) {
        await alice.open('/city');
        await card(alice.page, 'Lookout').waitFor();
        if (await what.isVisible()) return;
      }
      await what.waitFor();
    };
    await eventually(nobody);
    const bob = await world.visitor('bob');
    await bob.enter('/city/lookout');
    await eventually(online);
    await bob.open('/city');
    await eventually(nobody);
  });

  story(context, 'the city has the name that it was given, and offers what may be done', async (world) => {
    const { installation } = world;
    await installation.daarion.stop();
    await installation.startDaarion({ DAARION_CITY__CREATE: 'operators', DAARION_CITY__NAME: 'Гавань' });
    try {
      const guest = await world.visitor();
      await guest.open('/login');
      await guest.page.getByText('alice, or in full @alice:city.localhost').waitFor();
      assert.equal(await guest.page.title(), 'Sign in · Гавань');
      const alice = await world.visitor('alice');
      const told = alice.page.waitForResponse('**/api/city');
      await alice.open('/city');
      await told;
      const make = alice.page.getByRole('button', { name: 'Create a room' });
      await make.waitFor({ state: 'detached' });
      await alice.page.getByRole('complementary').getByRole('link', { name: 'Гавань' }).waitFor();
      assert.equal(await alice.page.title(), 'Rooms of the city · Гавань');
      const mayor = await world.visitor('mayor');
      await mayor.open('/city');
      await mayor.page.getByRole('button', { name: 'Create a room' }).waitFor();
      // A page that does not know it yet hears it of the server.
      await alice.page.route('**/api/city', (route) => route.fulfill({ json: { name: 'Гавань', server_name: 'city.localhost', create: 'members' } }));
      await alice.open('/city');
      await make.click();
      await alice.page.getByLabel('Name', { exact: true }).fill('Mine');
      await alice.page.getByRole('button', { name: 'Create', exact: true }).click();
      await alice.page.getByRole('dialog').getByRole('alert').getByText('You may not do this here.').waitFor();
    } finally {
      // The other stories need the city as it was.
      await installation.daarion.stop();
      await installation.startDaarion();
    }
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
