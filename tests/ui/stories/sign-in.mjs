// Coming in, staying, and leaving.
import assert from 'node:assert/strict';
import { story } from '../world/story.mjs';

/** Addresses of elsewhere, as browsers read them. */
const FOREIGN = [
  'https://elsewhere.example/',
  '//elsewhere.example',
  '/\\elsewhere.example',
  '/\t/elsewhere.example',
  '/\n/elsewhere.example',
  '/.//elsewhere.example',
  'javascript:alert(1)',
];

const alert = (page) => page.getByRole('alert');

async function signIn(visitor, user, password) {
  await visitor.page.getByLabel('User name').fill(user);
  await visitor.page.getByLabel('Password').fill(password);
  await visitor.page.getByRole('button', { name: 'Sign in' }).click();
}

/** The cookie's token, as a thief would have it. */
async function cookieOf(visitor) {
  const cookies = await visitor.context.cookies();
  return cookies.find(({ name }) => name.endsWith('daarion_refresh'));
}

const refresh = (world, token) =>
  fetch(`${world.url}/api/auth/refresh`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ refresh_token: token }),
  });

export function tell(context) {
  story(context, 'who is not signed in comes to the door and from there to where they wanted', async (world) => {
    const guest = await world.visitor();
    await guest.open('/city?from=outside');
    await guest.page.waitForURL('**/login?next=%2Fcity%3Ffrom%3Doutside');
    assert.equal(await guest.page.title(), 'Sign in · DAARION City');
    await signIn(guest, 'alice', world.password('alice'));
    await guest.page.waitForURL('**/city?from=outside');
    await guest.page.getByRole('heading', { name: 'Rooms of the city', level: 1 }).waitFor();
    const cookie = await cookieOf(guest);
    assert.ok(cookie.httpOnly && cookie.sameSite === 'Strict', JSON.stringify(cookie));
    const kept = await guest.page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
    assert.doesNotMatch(kept, /eyJ/, 'no token is where scripts can find it');
  });

  story(context, 'a session outlives a reload, and the full Matrix id is as good as the name', async (world) => {
    const guest = await world.visitor();
    await guest.open('/login');
    await signIn(guest, '@bob:city.localhost', world.password('bob'));
    await guest.page.waitForURL('**/city');
    await guest.page.reload();
    await guest.page.getByRole('button', { name: 'Account of Bob' }).waitFor();
    await guest.open('/login');
    await guest.page.waitForURL('**/city');
  });

  story(context, 'what is missing or wrong is said at the form', async (world) => {
    const guest = await world.visitor();
    await guest.open('/login');
    await guest.page.getByRole('button', { name: 'Sign in' }).click();
    await guest.page.getByText('Tell us your user name.').waitFor();
    assert.equal(await guest.page.evaluate(() => document.activeElement.name), 'username');
    await signIn(guest, 'alice', 'not the password');
    await alert(guest.page).getByText('The user name or the password is wrong.').waitFor();
    assert.equal(await guest.page.getByLabel('User name').inputValue(), 'alice');
    await signIn(guest, 'Alice Smith', world.password('alice'));
    await alert(guest.page).getByText('There can be no such user here. Type the name alone, or in full @name:city.localhost.').waitFor();
    await guest.context.setOffline(true);
    await signIn(guest, 'alice', world.password('alice'));
    await alert(guest.page).getByText('The server does not answer.').waitFor();
    await guest.context.setOffline(false);
    await signIn(guest, 'alice', world.password('alice'));
    await guest.page.waitForURL('**/city');
  });

  story(context, 'whoever guesses passwords is made to wait, and told how long', async (world) => {
    const guest = await world.visitor();
    await guest.open('/login');
    const waiting = alert(guest.page).getByText(/Too many attempts. Try again in \d+ seconds?./);
    const wrong = alert(guest.page).getByText('The user name or the password is wrong.');
    for (let guess = 0; guess < 20 && !(await waiting.isVisible()); guess += 1) {
      const answered = guest.page.waitForResponse('**/api/auth/login');
      await signIn(guest, 'taras', `guess ${guess}`);
      await answered;
      await waiting.or(wrong).waitFor();
    }
    await waiting.waitFor();
  });

  story(context, 'signing out ends it in every tab', async (world) => {
    const alice = await world.visitor('alice');
    await alice.open('/city');
    const tab = await alice.context.newPage();
    await tab.goto('/city');
    await tab.getByRole('heading', { level: 1 }).waitFor();
    await alice.page.getByRole('button', { name: 'Account of Alice' }).click();
    await alice.page.getByRole('menuitem', { name: 'Sign out' }).click();
    await alice.page.waitForURL('**/login');
    await tab.waitForURL('**/login?next=%2Fcity');
    assert.equal(await cookieOf(alice), undefined);
    await alice.open('/city');
    await alice.page.waitForURL('**/login?next=%2Fcity');
  });

  story(context, 'whoever cannot be signed out is told so, until they have read it', async (world) => {
    const alice = await world.visitor('alice');
    await alice.page.clock.install();
    await alice.open('/city');
    const leave = async () => {
      await alice.page.getByRole('button', { name: 'Account of Alice' }).click();
      await alice.page.getByRole('menuitem', { name: 'Sign out' }).click();
    };
    await alice.page.route('**/api/auth/logout', (route) => route.abort());
    await leave();
    const told = alice.page.getByRole('status').getByText('You are still signed in. The server does not answer.');
    await told.waitFor();
    await alice.page.clock.fastForward('01:00');
    assert.ok(await told.isVisible());
    assert.equal(new URL(alice.page.url()).pathname, '/city');
    await alice.page.unroute('**/api/auth/logout');
    await leave();
    await alice.page.waitForURL('**/login');
    assert.equal(await cookieOf(alice), undefined);
  });

  story(context, 'who signs in in another tab stays signed in, and the first tab follows', async (world) => {
    const alice = await world.visitor('alice');
    await alice.open('/city');
    await alice.page.getByRole('button', { name: 'Account of Alice' }).waitFor();
    const tab = await alice.context.newPage();
    // The door is open though somebody is in: nobody could be asked who.
    await tab.route('**/api/auth/refresh', (route) => route.abort());
    await tab.goto('/login');
    await tab.getByLabel('User name').waitFor();
    await tab.unroute('**/api/auth/refresh');
    await signIn({ page: tab }, 'bob', world.password('bob'));
    await tab.waitForURL('**/city');
    await alice.page.getByRole('button', { name: 'Account of Bob' }).waitFor();
    await tab.reload();
    await tab.getByRole('button', { name: 'Account of Bob' }).waitFor();
    assert.equal(new URL(tab.url()).pathname, '/city');
  });

  story(context, 'an access token that ends is renewed without a word', async (world) => {
    const alice = await world.visitor('alice');
    await alice.page.clock.install();
    await alice.open('/city');
    await alice.page.getByRole('heading', { level: 1 }).waitFor();
    // The next look at the rooms is due only when the first one is back.
    await alice.page.waitForLoadState('networkidle');
    const renewed = alice.page.waitForResponse('**/api/auth/refresh');
    const read = alice.page.waitForResponse((answer) => answer.url().endsWith('/api/city/rooms') && answer.ok());
    await alice.page.clock.fastForward('16:00');
    assert.equal((await renewed).status(), 200);
    await read;
  });

  story(context, 'a refresh token that is used twice ends the session, and the page says so', async (world) => {
    const alice = await world.visitor('alice');
    await alice.open('/city');
    await alice.page.getByRole('heading', { level: 1 }).waitFor();
    // The thief's copy is good once; the one that it replaced, two steps later, ends everything.
    const stolen = (await cookieOf(alice)).value;
    const second = await (await refresh(world, stolen)).json();
    const third = await (await refresh(world, second.refresh_token)).json();
    assert.ok(third.refresh_token);
    const reuse = await refresh(world, stolen);
    assert.equal(reuse.status, 401);
    assert.equal((await reuse.json()).error, 'M_UNKNOWN_TOKEN');
    await alice.page.getByRole('button', { name: 'Create a room' }).first().click();
    await alice.page.getByLabel('Name', { exact: true }).fill('Never made');
    await alice.page.getByRole('button', { name: 'Create', exact: true }).click();
    await alice.page.waitForURL('**/login?next=%2Fcity');
    await alice.page.getByText('Your session has ended. Sign in again.').waitFor();
  });

  story(context, 'a page of elsewhere can neither use the cookie nor the stream', async (world) => {
    const alice = await world.visitor('alice');
    const headers = { Origin: 'https://elsewhere.example' };
    const answer = await alice.context.request.post('/api/auth/refresh', { headers });
    assert.equal(answer.status(), 403, await answer.text());
    const own = await alice.context.request.post('/api/auth/refresh', { headers: { Origin: world.url } });
    assert.equal(own.status(), 200, await own.text());
  });

  story(context, 'the next address is one of ours, whatever the link said', async (world) => {
    const alice = await world.visitor('alice');
    const operator = await world.operator();
    for (const next of FOREIGN) {
      await alice.open(`/login?next=${encodeURIComponent(next)}`);
      await alice.page.waitForURL(`${world.url}/city`);
      await operator.open(`/admin/login?next=${encodeURIComponent(next)}`);
      await operator.page.waitForURL(`${world.url}/admin`);
    }
    await alice.open(`/login?next=${encodeURIComponent('/city?from=a/b#c')}`);
    await alice.page.waitForURL(`${world.url}/city?from=a/b#c`);
    await operator.open(`/admin/login?next=${encodeURIComponent('/admin/people?a=b')}`);
    await operator.page.waitForURL(`${world.url}/admin/people?a=b`);
  });

  story(context, 'who signs in by a link made elsewhere stays here', async (world) => {
    const guest = await world.visitor();
    await guest.open(`/login?next=${encodeURIComponent('/\t/elsewhere.example')}`);
    await signIn(guest, 'bob', world.password('bob'));
    await guest.page.waitForURL(`${world.url}/city`);
  });
}
