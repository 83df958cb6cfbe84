// What is refused to protect people, and what they are told of it.
import assert from 'node:assert/strict';
import { answers, goesOn } from '../world/answers.mjs';
import { handshake } from '../world/clients.mjs';
import { until } from '../world/processes.mjs';
import { strayProxy } from '../world/proxy.mjs';
import { story } from '../world/story.mjs';

const FOREIGN = { Origin: 'https://elsewhere.example' };

async function ticketOf(world, name) {
  const { access_token: token } = await world.tokens(name);
  const headers = { Authorization: `Bearer ${token}` };
  const answer = await fetch(`${world.url}/api/auth/ticket`, { method: 'POST', headers });
  assert.equal(answer.status, 200);
  return (await answer.json()).ticket;
}

export function tell(context) {
  story(context, 'a page at an address that is not the city’s lets nobody in, and says why', async (world) => {
    const proxy = await strayProxy(world.url);
    try {
      const guest = await world.visitor(undefined, { url: proxy.url });
      const refused = guest.page.getByRole('alert').getByText('This is not the city’s own address');
      await guest.open('/login');
      await guest.page.getByLabel('User name').fill('alice');
      await guest.page.getByLabel('Password').fill(world.password('alice'));
      await guest.page.getByRole('button', { name: 'Sign in', exact: true }).click();
      await refused.waitFor();
      await guest.open('/admin/login');
      await guest.page.getByLabel('Operator name').fill('warden');
      await guest.page.getByLabel('Password').fill(world.password('warden'));
      await guest.page.getByRole('button', { name: 'Sign in', exact: true }).click();
      await refused.waitFor();
      assert.deepEqual(await guest.context.cookies(), []);
    } finally {
      proxy.close();
    }
  });

  story(context, 'what is made again after a lost answer is made once', async (world) => {
    const alice = await world.visitor('alice');
    const { page } = alice;
    /** Lets the first answer to a POST be lost, and presses again. */
    const twice = async (address, form) => {
      const create = form.getByRole('button', { name: 'Create', exact: true });
      await page.route(address, async (route) => {
        if (route.request().method() !== 'POST') return route.continue();
        await route.fetch();
        await route.abort();
      });
      await create.click();
      await form.getByText('The server does not answer.').waitFor();
      await page.unrouteAll();
      await create.click();
      await form.waitFor({ state: 'detached' });
    };
    await alice.open('/microdaos');
    await page.getByRole('button', { name: 'More…' }).click();
    await page.getByRole('menuitem', { name: 'New microdao' }).click();
    const microdao = page.getByRole('dialog', { name: 'New microdao' });
    await microdao.getByLabel('Id').fill('ferrymen');
    await twice('**/api/messaging/microdaos', microdao);
    await page.waitForURL('**/microdaos/ferrymen');
    await page.getByRole('button', { name: 'New channel' }).click();
    const channel = page.getByRole('dialog', { name: 'New channel' });
    await channel.getByLabel('Name').fill('Ferry');
    await channel.getByLabel('Address').fill('ferry-once');
    await twice('**/api/messaging/channels', channel);
    await page.waitForURL('**/channels/*');
    const id = new URL(page.url()).pathname.split('/').at(-1);
    await alice.open(`/channels/${id}/settings`);
    await page.getByRole('button', { name: 'Make a link' }).click();
    await twice('**/invite-links', page.getByRole('dialog', { name: 'Make a link' }));
    await page.getByRole('dialog', { name: 'Invite link to Ferry' }).waitFor();
    const { items } = await world.program.as('alice').call('GET', `/api/messaging/channels/${id}/invite-links`);
    assert.equal(items.length, 1);
  });

  story(context, 'a ticket is good once, and from the city’s own pages only', async (world) => {
    const room = await world.program.room('alice', { name: 'Ticketed', slug: 'ticketed' });
    const stream = (ticket) => `${world.url}/ws/messaging/${room.channel_id}?ticket=${ticket}`;
    const foreign = await handshake(stream(await ticketOf(world, 'alice')), FOREIGN);
    assert.equal(foreign.status, 403);
    assert.match(foreign.body.message, /Origin.*is not where this city lives/);
    const ticket = await ticketOf(world, 'alice');
    assert.equal((await handshake(stream(ticket), { Origin: world.url })).status, 101);
    const again = await handshake(stream(ticket));
    assert.equal(again.status, 401);
    assert.match(again.body.message, /ticket/);

    // A page that is given the used one says that it is not connected, and asks for another.
    const alice = await world.visitor('alice');
    const used = (route) => route.fulfill({ json: { ticket, expires_in: 60 } });
    const tickets = await answers(alice.page, '**/api/auth/ticket', used);
    await alice.open('/city/ticketed');
    const lost = alice.page.getByRole('status').filter({ hasText: 'The connection is lost.' });
    await lost.waitFor();
    await tickets.after(() => alice.page.getByRole('button', { name: 'Reconnect now' }).click(), goesOn);
    await alice.page.locator('[data-live="live"]').waitFor({ state: 'attached' });
    await lost.waitFor({ state: 'detached' });
  });

  story(context, 'tokens that have expired are refused; the page renews its own, and says when it cannot', async (world) => {
    const { installation } = world;
    await installation.daarion.stop();
    await installation.startDaarion({
      DAARION_AUTH__ACCESS_TOKEN_LIFETIME: '1s',
      DAARION_AUTH__REFRESH_TOKEN_LIFETIME: '25s',
    });
    const alice = await world.visitor('alice');
    const { access_token: token } = await world.tokens('alice');
    await alice.open('/city');
    await alice.page.getByRole('heading', { name: 'Rooms of the city', level: 1 }).waitFor();
    const headers = { Authorization: `Bearer ${token}` };
    const expired = await until('the access token has expired', 10_000, async () => {
      const answer = await fetch(`${world.url}/api/auth/me`, { headers });
      return answer.status === 401 ? answer.json() : null;
    });
    assert.match(expired.message, /expired|ended/, JSON.stringify(expired));
    // The page has had tokens of that age, too, and goes on.
    await alice.page.getByRole('button', { name: 'Create a room' }).first().click();
    const dialog = alice.page.getByRole('dialog');
    await dialog.getByLabel('Name', { exact: true }).fill('Still signed in');
    await dialog.getByRole('button', { name: 'Create', exact: true }).click();
    await alice.page.waitForURL('**/city/still-signed-in');
    await alice.page.goto('about:blank');
    await until('the browser has dropped the cookie', 60_000, async () => (await alice.context.cookies()).length === 0);
    await alice.page.goto(`${world.url}/city`);
    await alice.page.waitForURL('**/login?next=%2Fcity');
    await alice.page.getByText('Your session has ended. Sign in again.').waitFor();
    await installation.daarion.stop();
    await installation.startDaarion();
  });
}
