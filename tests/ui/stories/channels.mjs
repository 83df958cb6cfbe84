// Channels as their people set them up: made, changed, archived, brought from Matrix, kept secret;
// and the microdaos that they belong to.
import assert from 'node:assert/strict';
import { LOOKS, violations } from '../world/axe.mjs';
import { assertNarrow } from '../world/phone.mjs';
import { until } from '../world/processes.mjs';
import { story } from '../world/story.mjs';

const dialog = (visitor, name) => visitor.page.getByRole('dialog', { name });
const press = (form, name) => form.getByRole('button', { name, exact: true }).click();
const said = (visitor, text) => visitor.page.locator('.toast').getByText(text).waitFor();

export function tell(context) {
  story(context, 'an owner changes a channel, archives it and takes it back into use', async (world) => {
    const channel = await world.program.channel('alice', { name: 'Draft', slug: 'draft' });
    await world.matrix.bob.join(channel.matrix_room_id);
    const alice = await world.visitor('alice');
    const bob = await world.visitor('bob');
    await bob.enter(`/channels/${channel.id}`);
    await alice.enter(`/channels/${channel.id}`);
    await alice.page.getByRole('link', { name: 'Settings' }).click();
    const { page } = alice;
    await page.getByRole('heading', { name: 'Settings of Draft' }).waitFor();
    assert.ok(await page.getByRole('button', { name: 'Save' }).isDisabled(), 'nothing is changed yet');
    await page.getByLabel('Name').fill('');
    await press(page, 'Save');
    await page.getByText('A room needs a name.').waitFor();
    await page.getByLabel('Name').fill('Final');
    await page.getByLabel('What is it for?').fill('What is done');
    await page.getByLabel('Who may come in').selectOption('private');
    await press(page, 'Save');
    await said(alice, 'Saved.');
    await bob.page.getByRole('heading', { name: 'Final', level: 1 }).waitFor();
    await bob.page.getByText('What is done').waitFor();
    await bob.page.locator('header').getByText('Private').waitFor();
    const name = await world.matrix.bob.call('GET', `/rooms/${encodeURIComponent(channel.matrix_room_id)}/state/m.room.name/`);
    assert.equal(name.name, 'Final');

    await press(page, 'Archive');
    const question = dialog(alice, 'Archive Final?');
    await press(question, 'Archive');
    await said(alice, 'Final is archived.');
    await bob.page.getByText('This room is archived.').waitFor();
    await page.getByRole('heading', { name: 'It is archived' }).waitFor();
    assert.equal(await page.getByLabel('Name').count(), 0, 'what is archived is not changed');
    await press(page, 'Take back into use');
    await press(dialog(alice, 'Take Final back into use?'), 'Take back into use');
    await said(alice, 'Final is in use again.');
    await bob.composer.waitFor();
    assert.equal(await bob.page.getByRole('link', { name: 'Settings' }).count(), 0, 'nothing is his to set');
    await bob.open(`/channels/${channel.id}/settings`);
    await bob.page.getByRole('heading', { name: 'Others set this' }).waitFor();
    assert.equal(await bob.page.getByRole('button', { name: 'Archive' }).count(), 0);

    await page.route(`**/channels/${channel.id}`, (route) =>
      route.request().method() === 'PATCH'
        ? route.fulfill({ status: 503, json: { error: 'M_UNAVAILABLE', message: 'no' } })
        : route.continue());
    await page.getByLabel('Name').fill('Never');
    await press(page, 'Save');
    await page.getByRole('alert').getByText('The homeserver is away').waitFor();
  });

  story(context, 'a microdao is named, a channel is made in it, and its people stand there', async (world) => {
    const alice = await world.visitor('alice');
    const { page } = alice;
    await alice.open('/city');
    await page.getByRole('link', { name: 'Microdaos' }).click();
    await page.getByRole('button', { name: 'More…' }).click();
    await page.getByRole('menuitem', { name: 'New microdao' }).click();
    const form = dialog(alice, 'New microdao');
    await press(form, 'Create');
    await form.getByText('A microdao needs an id.').waitFor();
    await form.getByLabel('Id').fill('potters');
    await form.getByLabel('Name').fill('Potters’ guild');
    await form.getByLabel('What is it for?').fill('Clay and fire');
    await press(form, 'Create');
    await page.waitForURL('**/microdaos/potters');
    await page.getByRole('heading', { name: 'Potters’ guild', level: 1 }).waitFor();
    await page.getByRole('heading', { name: 'No channels yet' }).waitFor();
    await page.getByRole('button', { name: 'New channel' }).click();
    const channel = dialog(alice, 'New channel');
    await channel.getByLabel('Name').fill('Kiln hours');
    await channel.getByLabel('Address').fill('kiln');
    await press(channel, 'Create');
    await page.waitForURL('**/channels/*');
    await page.getByRole('heading', { name: 'Kiln hours', level: 1 }).waitFor();
    const made = await world.program.as('alice').call('GET', `/api/messaging/channels/${page.url().split('/').at(-1)}`);
    assert.equal(made.matrix_room_alias, '#kiln-potters:city.localhost');
    await world.matrix.olena.join(made.matrix_room_id);
    const members = `/api/messaging/channels/${made.id}/members`;
    await until('she is known', 20_000, async () =>
      (await world.program.as('alice').call('GET', members)).items.some((it) => it.member_id === 'user:olena'));

    await page.getByRole('link', { name: 'Microdaos' }).click();
    const card = page.getByRole('main').getByRole('link', { name: /Potters/ });
    await card.getByText('1 channel', { exact: true }).waitFor();
    await card.click();
    const listed = page.getByRole('main').getByRole('region', { name: 'Channels' });
    await listed.getByRole('link', { name: 'Kiln hours' }).waitFor();
    await page.getByRole('region', { name: 'People' }).getByText('Олена').waitFor();
    await page.getByRole('button', { name: 'Rename' }).click();
    const change = dialog(alice, 'Rename');
    await change.getByLabel('Name').fill('Guild of potters');
    await press(change, 'Save');
    await page.getByRole('heading', { name: 'Guild of potters', level: 1 }).waitFor();
    await page.getByRole('region', { name: 'Channels of Guild of potters' }).waitFor();

    // Taken, and unknown.
    await page.getByRole('link', { name: 'Microdaos' }).first().click();
    await page.getByRole('button', { name: 'More…' }).click();
    await page.getByRole('menuitem', { name: 'New microdao' }).click();
    await form.getByLabel('Id').fill('potters');
    await press(form, 'Create');
    await form.getByText('It is named already').waitFor();
    await alice.open('/microdaos/nobody-has-made-it');
    await page.getByRole('heading', { name: 'Nothing is here' }).waitFor();
  });

  story(context, 'a room that was made in a Matrix client becomes a channel', async (world) => {
    const room = await world.matrix.bob.call('POST', '/createRoom', { name: 'Old friends', preset: 'private_chat' });
    await world.matrix.bob.send(room.room_id, 'Said long ago');
    const bob = await world.visitor('bob');
    await bob.open('/microdaos');
    await bob.page.getByRole('button', { name: 'More…' }).click();
    await bob.page.getByRole('menuitem', { name: 'Make a channel of a Matrix room…' }).click();
    const form = dialog(bob, 'Make a channel of a Matrix room');
    await form.getByLabel('Room').fill('!nowhere:city.localhost');
    await press(form, 'Make it a channel');
    await form.getByText('There is no such room that you are in.').waitFor();
    await form.getByLabel('Room').fill(room.room_id);
    await form.getByLabel('Address').fill('old-friends');
    await press(form, 'Make it a channel');
    await bob.page.waitForURL('**/channels/*');
    await bob.page.getByRole('heading', { name: 'Old friends', level: 1 }).waitFor();
    await bob.message('Said long ago').waitFor();
    await bob.say('And today');
    await world.matrix.bob.hears(room.room_id, 'And today', 30_000);
  });

  story(context, 'a confidential channel says why nothing is shown', async (world) => {
    const alice = await world.visitor('alice');
    const { page } = alice;
    await alice.open('/microdaos');
    await page.getByRole('button', { name: 'New channel' }).click();
    const form = dialog(alice, 'New channel');
    await press(form, 'Create');
    await form.getByText('A room needs a name.').waitFor();
    await form.getByLabel('Name').fill('Inner circle');
    await form.getByLabel('Only for those who are invited').check();
    await form.getByLabel('Confidential').check();
    await press(form, 'Create');
    await page.waitForURL('**/channels/*');
    await page.getByRole('heading', { name: 'Only its members’ devices can read this' }).waitFor();
    for (const badge of ['Private', 'Encrypted']) await page.locator('header').getByText(badge, { exact: true }).waitFor();
    await page.getByText('This channel is end-to-end encrypted.').waitFor();
    assert.equal(await alice.composer.count(), 0);
    await page.getByRole('main').getByRole('link', { name: /Element|Matrix/ }).last().waitFor();
  });

  story(context, 'settings and microdaos are readable in each look', async (world) => {
    const channel = await world.program.channel('taras', {
      name: 'Довга назва каналу для перевірки', slug: 'looks-of-settings', microdao_id: 'microdao:looks', visibility: 'private',
      description: 'What is said of it in a line that does not end soon and goes on for quite a while',
    });
    await world.program.as('taras').call('POST', '/api/messaging/channels', { name: 'Secret', slug: 'secret', microdao_id: 'microdao:looks', confidential: true });
    for (const look of LOOKS) {
      for (const phone of [false, true]) {
        const taras = await world.visitor('taras', { ...look, phone, height: 1000 });
        const { page } = taras;
        for (const [name, path] of [['settings', `/channels/${channel.id}/settings`], ['microdaos', '/microdaos'], ['microdao', '/microdaos/looks']]) {
          await taras.open(path);
          await page.locator('main h1').waitFor();
          for (const part of await page.locator('main [aria-busy=true]').all()) await part.waitFor({ state: 'detached' });
          await page.locator('main section, main .cards li').first().waitFor();
          assert.deepEqual(await violations(page), [], `${name}, ${look.theme}, ${look.language}`);
          if (phone) await assertNarrow(page, `${name} in ${look.language}`);
          await page.screenshot({ path: `${world.pictures}${name}-${phone ? 'phone-' : ''}${look.theme}-${look.language}.png` });
        }
        await page.locator('main header button').last().click();
        await page.locator('[role=dialog] form').waitFor();
        assert.deepEqual(await violations(page), [], `the form, ${look.theme}, ${look.language}`);
        if (phone) await assertNarrow(page, `the form in ${look.language}`);
        await page.screenshot({ path: `${world.pictures}channel-form-${phone ? 'phone-' : ''}${look.theme}-${look.language}.png` });
      }
    }
  });
}
