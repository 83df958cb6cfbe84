// Invite links: made for a while and for so many, shown once, followed by people who sign in first,
// revoked.
import assert from 'node:assert/strict';
import { LOOKS, violations } from '../world/axe.mjs';
import { assertNarrow } from '../world/phone.mjs';
import { story } from '../world/story.mjs';

const links = (visitor) => visitor.page.getByRole('region', { name: 'Invite links' });

/** Makes a link on the page of settings; answers its address. */
async function makeLink(visitor, { lifetime, uses } = {}) {
  await links(visitor).getByRole('button', { name: 'Make a link' }).click();
  const form = visitor.page.getByRole('dialog', { name: 'Make a link' });
  if (lifetime) await form.getByLabel('In force for').selectOption(lifetime);
  if (uses) await form.getByLabel('How many may come by it').fill(uses);
  await form.getByRole('button', { name: 'Create' }).click();
  const shown = visitor.page.getByRole('dialog', { name: /^Invite link to/ });
  const address = await shown.getByLabel('Invite link', { exact: true }).inputValue();
  await shown.getByRole('img', { name: 'QR code of the invite link' }).waitFor();
  await shown.getByRole('button', { name: 'I have kept it' }).click();
  await shown.waitFor({ state: 'detached' });
  return address;
}

export function tell(context) {
  story(context, 'a link is made, followed after signing in, counted and revoked', async (world) => {
    const channel = await world.program.channel('alice', { name: 'Choir', slug: 'choir', visibility: 'private', description: 'Sings on Fridays' });
    const alice = await world.visitor('alice');
    const { page } = alice;
    await alice.open(`/channels/${channel.id}/settings`);
    await links(alice).getByRole('heading', { name: 'No links yet' }).waitFor();
    await links(alice).getByRole('button', { name: 'Make a link' }).click();
    const form = page.getByRole('dialog', { name: 'Make a link' });
    await form.getByLabel('How many may come by it').fill('none');
    await form.getByRole('button', { name: 'Create' }).click();
    await form.getByText('Type a number from 1 to 100,000, or nothing.').waitFor();
    await form.getByRole('button', { name: 'Cancel' }).click();
    const address = await makeLink(alice, { lifetime: '30', uses: '1' });
    assert.ok(address.startsWith(`${world.url}/invite/`), address);
    assert.doesNotMatch(await page.content(), new RegExp(address.split('/').at(-1)), 'it was shown this once');
    const item = links(alice).getByRole('listitem');
    await item.getByText('0 of 1 have come by it').waitFor();
    await item.getByText('ends in 30 days').waitFor();

    // Somebody who is not signed in sees where it leads, signs in, and is there.
    const guest = await world.visitor();
    await guest.open(address);
    await guest.page.getByRole('heading', { name: 'Choir' }).waitFor();
    await guest.page.getByText('Alice invites you in.').waitFor();
    await guest.page.getByText('Sings on Fridays').waitFor();
    await guest.page.getByRole('link', { name: 'Sign in and come in' }).click();
    await guest.page.getByLabel('User name').fill('bob');
    await guest.page.getByLabel('Password').fill(world.password('bob'));
    await guest.page.getByRole('button', { name: 'Sign in' }).click();
    await guest.page.waitForURL(`**/channels/${channel.id}`);
    await guest.composer.waitFor();
    await guest.say('Good evening');

    // It was for one: nobody else comes by it.
    await page.reload();
    await item.getByText('Used up').waitFor();
    const taras = await world.visitor('taras');
    await taras.open(address);
    await taras.page.getByRole('heading', { name: 'This link leads nowhere' }).waitFor();

    const other = await makeLink(alice, { lifetime: 'ever' });
    await taras.open(other);
    await taras.page.getByText('You come in as Тарас.').waitFor();
    await taras.page.getByRole('button', { name: 'Come in' }).click();
    await taras.page.waitForURL(`**/channels/${channel.id}`);
    await taras.message('Good evening').waitFor();

    await page.reload();
    const open = links(alice).getByRole('listitem').filter({ hasText: '1 has come by it' });
    await open.getByText('until it is revoked').waitFor();
    await open.getByRole('button', { name: /^Revoke/ }).click();
    await page.getByRole('dialog', { name: 'Revoke this link?' }).getByRole('button', { name: 'Revoke' }).click();
    await page.getByText('The link is revoked.').waitFor();
    await open.waitFor({ state: 'detached' });
    const olena = await world.visitor('olena');
    await olena.open(other);
    await olena.page.getByRole('heading', { name: 'This link leads nowhere' }).waitFor();
  });

  story(context, 'a member of a public channel makes links, a stranger sees none, who is banned stays out', async (world) => {
    const channel = await world.program.channel('alice', { name: 'Market day', slug: 'market-day' });
    await world.matrix.bob.join(channel.matrix_room_id);
    const bob = await world.visitor('bob');
    await world.program.as('alice').call('POST', `/api/messaging/channels/${channel.id}/invite-links`, {});
    await bob.open(`/channels/${channel.id}/settings`);
    const address = await makeLink(bob);
    // He sees the link of somebody else, and may revoke his own.
    const of = (visitor, name) => links(visitor).getByRole('listitem').filter({ hasText: name });
    await of(bob, 'bob').getByRole('button', { name: /^Revoke/ }).waitFor();
    assert.equal(await of(bob, 'alice').getByRole('button').count(), 0);
    const alice = await world.visitor('alice');
    await alice.open(`/channels/${channel.id}/settings`);
    await of(alice, 'bob').getByRole('button', { name: /^Revoke/ }).waitFor();
    assert.equal(await bob.page.getByRole('button', { name: 'Save' }).count(), 0);
    const olena = await world.visitor('olena');
    await olena.open(`/channels/${channel.id}/settings`);
    await olena.page.getByRole('heading', { name: 'Others set this' }).waitFor();
    assert.equal(await links(olena).count(), 0);
    const ban = `/api/messaging/channels/${channel.id}/bans/user:olena`;
    await world.program.as('alice').call('PUT', ban, { reason: 'Loud' });
    await olena.open(address);
    await olena.page.getByRole('button', { name: 'Come in' }).click();
    await olena.page.getByRole('alert').getByText('You are banned there').waitFor();

    await bob.page.route('**/invite-links', (route) => route.abort());
    await bob.page.reload();
    await links(bob).getByRole('alert').getByText('The server does not answer.').waitFor();
    await bob.page.unrouteAll();
    await links(bob).getByRole('button', { name: 'Try again' }).click();
    await links(bob).getByText('Link of bob').waitFor();
  });

  story(context, 'invite links and where they lead are readable in each look', async (world) => {
    const channel = await world.program.channel('alice', { name: 'Майстерня кераміки', slug: 'invite-looks', description: 'Глина, вогонь і довгі розмови про глазур' });
    const as = world.program.as('alice');
    const path = `/api/messaging/channels/${channel.id}/invite-links`;
    const { code } = await as.call('POST', path, { expires_in: 86_400, max_uses: 5 });
    for (const look of LOOKS) {
      for (const phone of [false, true]) {
        const name = `invites-${phone ? 'phone-' : ''}${look.theme}-${look.language}`;
        const check = async (page, what) => {
          assert.deepEqual(await violations(page), [], `${what}, ${look.theme}, ${look.language}`);
          if (phone) await assertNarrow(page, `${what} in ${look.language}`);
          await page.screenshot({ path: `${world.pictures}${name}-${what}.png` });
        };
        const guest = await world.visitor(undefined, { ...look, phone });
        await guest.open(`/invite/${code}`);
        await guest.page.getByRole('heading', { name: channel.name }).waitFor();
        await check(guest.page, 'door');
        await guest.open('/invite/unknown');
        await guest.page.locator('h1').waitFor();
        await check(guest.page, 'over');
        const alice = await world.visitor('alice', { ...look, phone, height: 1000 });
        const { page } = alice;
        await alice.open(`/channels/${channel.id}/settings`);
        await page.locator('main li').first().waitFor();
        await page.locator('main section', { has: page.locator('li') }).locator('button').first().click();
        await page.locator('[role=dialog] form').waitFor();
        await check(page, 'form');
        await page.locator('[role=dialog] button[type=submit]').click();
        await page.locator('[role=dialog] svg[role=img]').waitFor();
        await check(page, 'made');
      }
    }
  });
}
