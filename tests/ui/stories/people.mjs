// Roles in a room, and what they are for: people are sent away, banned, and let back.
import assert from 'node:assert/strict';
import { LOOKS, violations } from '../world/axe.mjs';
import { assertNarrow } from '../world/phone.mjs';
import { story } from '../world/story.mjs';

const people = (visitor) => visitor.page.getByRole('complementary', { name: 'People' });
const person = (visitor, name) =>
  people(visitor).getByRole('listitem').filter({ has: visitor.page.getByText(name, { exact: true }) });

async function choose(visitor, name, deed) {
  await person(visitor, name).getByRole('button', { name: `What to do about ${name}` }).click();
  await visitor.page.getByRole('menuitem', { name: deed }).click();
}

async function levels(world, room) {
  const path = `/rooms/${encodeURIComponent(room.matrix_room_id)}/state/m.room.power_levels/`;
  return (await world.matrix.alice.call('GET', path)).users;
}

export function tell(context) {
  story(context, 'an owner gives a role, and whoever has it may do what it is for', async (world) => {
    const room = await world.program.room('alice', { name: 'Guards', slug: 'guards' });
    for (const name of ['bob', 'olena', 'taras']) await world.matrix[name].join(room.matrix_room_id);
    await world.program.say('taras', room, 'Rude words');
    const alice = await world.visitor('alice', { wide: true });
    const bob = await world.visitor('bob', { wide: true });
    await Promise.all([alice, bob].map((visitor) => visitor.enter('/city/guards')));
    await person(alice, 'Alice').getByText('Owner').waitFor();
    await person(bob, 'Тарас').waitFor();
    assert.equal(await person(bob, 'Тарас').getByRole('button').count(), 0, 'a member may do nothing to others');

    await choose(alice, 'Bob', 'Change role…');
    const form = alice.page.getByRole('dialog', { name: 'The role of Bob' });
    assert.equal(await form.getByLabel('Role').inputValue(), 'member');
    await form.getByLabel('Role').selectOption('moderator');
    await form.getByText('Deletes and pins messages, sends people away.').waitFor();
    await form.getByRole('button', { name: 'Change', exact: true }).click();
    await form.waitFor({ state: 'detached' });
    for (const visitor of [alice, bob]) await person(visitor, 'Bob').getByText('Moderator').waitFor();
    assert.equal((await levels(world, room))['@bob:city.localhost'], 50);

    // Bob may not change those above him, nor give roles.
    await person(bob, 'Alice').getByRole('button', { name: 'What to do about Alice' }).click();
    assert.equal(await bob.page.getByRole('menuitem', { name: /Ban|Remove|role/ }).count(), 0);
    await bob.page.keyboard.press('Escape');
    // Why somebody was nearly sent away is no reason for the next one.
    await choose(bob, 'Олена', 'Ban…');
    const other = bob.page.getByRole('dialog', { name: 'Ban Олена?' });
    await other.getByLabel('Reason').fill('Advertising');
    await other.getByRole('button', { name: 'Cancel' }).click();
    await other.waitFor({ state: 'detached' });
    await choose(bob, 'Тарас', 'Ban…');
    const ban = bob.page.getByRole('dialog', { name: 'Ban Тарас?' });
    assert.equal(await ban.getByLabel('Reason').inputValue(), '');
    await ban.getByLabel('Reason').fill('Rude');
    await ban.getByRole('button', { name: 'Ban', exact: true }).click();
    await ban.waitFor({ state: 'detached' });
    for (const visitor of [alice, bob]) {
      const banned = people(visitor).getByRole('heading', { name: 'Banned' });
      await banned.waitFor();
      await person(visitor, 'Тарас').getByText('Rude').waitFor();
    }
    await assert.rejects(world.matrix.taras.join(room.matrix_room_id), /banned/);
    await choose(bob, 'Олена', 'Remove from the room…');
    const removal = bob.page.getByRole('dialog', { name: 'Remove Олена from the room?' });
    await removal.getByRole('button', { name: 'Remove', exact: true }).click();
    for (const visitor of [alice, bob]) await person(visitor, 'Олена').waitFor({ state: 'detached' });

    // Who comes later finds the ban, and lets him back.
    await alice.enter('/city/guards');
    await person(alice, 'taras').getByText('Rude').waitFor();
    await choose(alice, 'taras', 'Let back in');
    await person(alice, 'taras').waitFor({ state: 'detached' });
    await person(bob, 'Тарас').waitFor({ state: 'detached' });
    await world.matrix.taras.join(room.matrix_room_id);
    for (const visitor of [alice, bob]) await person(visitor, 'Тарас').waitFor();

    // What is set in a Matrix client shows here.
    const state = `/rooms/${encodeURIComponent(room.matrix_room_id)}/state/m.room.power_levels/`;
    const all = await world.matrix.alice.call('GET', state);
    await world.matrix.alice.call('PUT', state, { ...all, users: { ...all.users, '@taras:city.localhost': 75 } });
    for (const visitor of [alice, bob]) await person(visitor, 'Тарас').getByText('Admin').waitFor();
  });

  story(context, 'what is refused about somebody is told where it was asked', async (world) => {
    const room = await world.program.room('alice', { name: 'Refused', slug: 'refused-people' });
    await world.matrix.bob.join(room.matrix_room_id);
    const alice = await world.visitor('alice', { wide: true });
    await alice.enter('/city/refused-people');
    await alice.page.route('**/bans/*', (route) => route.fulfill({ status: 403, json: { error: 'M_FORBIDDEN', message: 'no' } }));
    await choose(alice, 'Bob', 'Ban…');
    const ban = alice.page.getByRole('dialog', { name: 'Ban Bob?' });
    await ban.getByRole('button', { name: 'Ban', exact: true }).click();
    await ban.getByRole('alert').getByText('You may not do this here.').waitFor();
    await person(alice, 'Bob').waitFor();

    // After an upgrade the files of a page that stands open are gone.
    const again = await world.visitor('alice', { wide: true });
    await again.enter('/city/refused-people');
    await again.page.route('**/_app/immutable/**', (route) => route.fulfill({ status: 404 }));
    await choose(again, 'Bob', 'Ban…');
    await again.page.getByText('This part of the page could not be loaded.').waitFor();
  });

  story(context, 'somebody comes into a room without speaking, and leaves it', async (world) => {
    const room = await world.program.room('alice', { name: 'Doorway', slug: 'doorway' });
    const alice = await world.visitor('alice', { wide: true });
    const bob = await world.visitor('bob', { wide: true });
    await Promise.all([alice, bob].map((visitor) => visitor.enter('/city/doorway')));
    assert.equal(await alice.page.getByRole('button', { name: 'Join', exact: true }).count(), 0, 'she is in');
    assert.equal(await bob.page.getByRole('button', { name: 'Leave…' }).count(), 0, 'he is not');
    assert.equal(await bob.page.getByRole('link', { name: 'Settings' }).count(), 0, 'nothing is his to set');
    await bob.page.getByRole('button', { name: 'Join', exact: true }).click();
    for (const visitor of [alice, bob]) await person(visitor, 'Bob').waitFor();
    await bob.page.getByRole('button', { name: 'Join', exact: true }).waitFor({ state: 'detached' });
    // By the way in the header, and by one's own menu.
    await bob.page.getByRole('button', { name: 'Leave…' }).click();
    const question = bob.page.getByRole('dialog', { name: 'Leave Doorway?' });
    await question.getByText('You may come back at any time.').waitFor();
    await question.getByRole('button', { name: 'Leave', exact: true }).click();
    await bob.page.waitForURL('**/city');
    await bob.page.getByText('You have left Doorway.').waitFor();
    await person(alice, 'Bob').waitFor({ state: 'detached' });

    const olena = await world.visitor('olena', { phone: true, language: 'uk' });
    await olena.enter('/city/doorway');
    const join = olena.page.getByRole('button', { name: 'Приєднатися', exact: true });
    await join.waitFor();
    await assertNarrow(olena.page, 'the way in on a phone');
    await olena.page.screenshot({ path: `${world.pictures}doorway-phone-uk.png` });
    await join.tap();
    await person(alice, 'Олена').waitFor();
    await olena.page.getByRole('button', { name: 'Більше про цю кімнату' }).tap();
    await olena.page.getByRole('menuitem', { name: 'Покинути…' }).tap();
    await olena.page.getByRole('dialog').getByRole('button', { name: 'Покинути', exact: true }).tap();
    await person(alice, 'Олена').waitFor({ state: 'detached' });

    await choose(alice, 'Alice', 'Leave…');
    const last = alice.page.getByRole('dialog', { name: 'Leave Doorway?' });
    await last.getByText('Nobody else here can give roles').waitFor();
    await alice.page.route('**/leave', (route) => route.fulfill({ status: 403, json: { error: 'M_FORBIDDEN', message: 'no' } }));
    await last.getByRole('button', { name: 'Leave', exact: true }).click();
    await last.getByRole('alert').getByText('You may not do this here.').waitFor();
    await alice.page.unrouteAll();
    await last.getByRole('button', { name: 'Leave', exact: true }).click();
    await alice.page.waitForURL('**/city');

    // Her role is still hers, and is nothing to somebody outside.
    await alice.open(`/channels/${room.channel_id}/settings`);
    await alice.page.getByRole('heading', { name: 'Others set this' }).waitFor();
    assert.equal(await alice.page.getByRole('button', { name: /Save|Archive/ }).count(), 0);
    await alice.enter('/city/doorway');
    assert.equal(await alice.page.getByRole('link', { name: 'Settings' }).count(), 0);
    await alice.page.getByRole('button', { name: 'Join', exact: true }).click();
    await person(alice, 'Alice').getByText('Owner').waitFor();
    await alice.page.getByRole('link', { name: 'Settings' }).waitFor();
  });

  story(context, 'whoever comes in stands at once in the role that they were given before', async (world) => {
    const room = await world.program.room('alice', { name: 'Early', slug: 'early-roles' });
    const state = `/rooms/${encodeURIComponent(room.matrix_room_id)}/state/m.room.power_levels/`;
    const all = await world.matrix.alice.call('GET', state);
    await world.matrix.alice.call('PUT', state, { ...all, users: { ...all.users, '@taras:city.localhost': 50 } });
    const alice = await world.visitor('alice', { wide: true });
    await alice.enter('/city/early-roles');
    await person(alice, 'Alice').waitFor();
    await world.matrix.taras.join(room.matrix_room_id);
    await person(alice, 'Тарас').getByText('Moderator').waitFor();
  });

  story(context, 'people, roles and bans are readable in each look', async (world) => {
    const room = await world.program.room('alice', { name: 'Roles', slug: 'roles' });
    for (const name of ['bob', 'olena', 'taras']) await world.matrix[name].join(room.matrix_room_id);
    const call = (method, path, body) =>
      world.program.as('alice').call(method, `/api/messaging/channels/${room.channel_id}${path}`, body);
    await call('PATCH', '/members/user:bob', { role: 'moderator' });
    await call('PUT', '/bans/user:taras', { reason: 'Advertising of watches, three times' });
    for (const look of LOOKS) {
      for (const phone of [false, true]) {
        const alice = await world.visitor('alice', { ...look, phone, wide: !phone });
        const { page } = alice;
        await alice.enter('/city/roles');
        if (phone) await page.locator('.talk header button').first().tap();
        await page.getByText('Advertising of watches').waitFor();
        assert.deepEqual(await violations(page), [], `${look.theme}, ${look.language}`);
        if (phone) await assertNarrow(page, `the people in ${look.language}`);
        const name = `people-${phone ? 'phone-' : ''}${look.theme}-${look.language}`;
        await page.screenshot({ path: `${world.pictures}${name}.png` });
        const row = page.locator('aside li, [role=dialog] li').filter({ hasText: '@bob' });
        await row.getByRole('button').click();
        await page.getByRole('menuitem').first().click();
        await page.locator('[role=dialog] form').waitFor();
        assert.deepEqual(await violations(page), [], `the form, ${look.theme}, ${look.language}`);
        await page.screenshot({ path: `${world.pictures}${name}-form.png` });
      }
    }
  });
}
