// Operators coming in, by an account of their own or as a person of the city, and what they find
// before anything has happened.
import assert from 'node:assert/strict';
import { answers, isForbidden } from '../world/answers.mjs';
import { story } from '../world/story.mjs';

const alert = (page) => page.getByRole('alert');

async function signIn(visitor, name, password) {
  await visitor.page.getByLabel('Operator name').fill(name);
  await visitor.page.getByLabel('Password').fill(password);
  await visitor.page.getByRole('button', { name: 'Sign in', exact: true }).click();
}

/** Each screen, and what it reads. */
const SCREENS = [
  { name: 'Overview', path: '/admin', reads: 'overview' },
  { name: 'Rooms and channels', path: '/admin/rooms', reads: 'channels' },
  { name: 'Agents', path: '/admin/agents', reads: 'agents' },
  { name: 'People online', path: '/admin/people', reads: 'online' },
  { name: 'Configuration', path: '/admin/config', reads: 'config' },
  { name: 'Doctor', path: '/admin/doctor', reads: 'doctor' },
];

const screen = (page, name) => page.getByRole('heading', { name, level: 1 });

export function tell(context) {
  story(context, 'before anything has happened, each screen of operators says so', async (world) => {
    const { page } = await world.operator('/admin/agents');
    await page.getByRole('heading', { name: 'No agents yet' }).waitFor();
    await page.goto('/admin/people');
    await page.getByRole('heading', { name: 'Nobody is online' }).waitFor();
    await page.goto('/admin');
    await page.getByText('No warnings and no errors since the start.').waitFor();
    await page.getByText('Every event was understood.').waitFor();
    await page.goto('/admin/rooms');
    await page.getByRole('heading', { name: 'No rooms yet' }).waitFor();
    await page.goto('/admin/config');
    // With a word typed that fits nothing, the list of keys is empty too.
    await page.getByLabel('Find a key').fill('no such key');
    await page.getByRole('heading', { name: 'No key matches “no such key”.' }).waitFor();
  });

  story(context, 'an account comes in by its password and to where it wanted, stays, and leaves', async (world) => {
    world.installation.operator('create', 'clerk', world.password('clerk'));
    const guest = await world.visitor();
    const { page } = guest;
    await guest.open('/admin/agents');
    await page.waitForURL('**/admin/login?next=%2Fadmin%2Fagents');
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByText('Tell us the operator name.').waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.name), 'username');
    await signIn(guest, 'clerk', 'not the password at all');
    await alert(page).getByText('The name or the password is wrong.').waitFor();
    await signIn(guest, 'clerk', world.password('clerk'));
    await page.waitForURL('**/admin/agents');
    await screen(page, 'Agents').waitFor();

    const [cookie] = await guest.context.cookies();
    assert.deepEqual([cookie.name, cookie.httpOnly, cookie.sameSite], ['daarion_operator', true, 'Strict']);
    const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
    assert.doesNotMatch(kept, /csrf|clerk/, 'scripts of a later visit find no proof');
    await page.reload();
    await screen(page, 'Agents').waitFor();
    await guest.open('/admin/login');
    await page.waitForURL('**/admin');

    const tab = await guest.context.newPage();
    await tab.goto('/admin');
    await screen(tab, 'Overview').waitFor();
    await page.getByRole('button', { name: 'Operator clerk' }).click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await page.waitForURL('**/admin/login');
    await tab.waitForURL(/\/admin\/login/);
    const asked = await guest.context.request.get('/api/admin/overview');
    assert.equal(asked.status(), 401, 'the cookie is worth nothing any more');
  });

  story(context, 'an operator of the city comes in without another password, and leaves without leaving the city', async (world) => {
    const mayor = await world.visitor('mayor');
    const { page } = mayor;
    await mayor.open('/city');
    await page.getByRole('button', { name: 'Account of Mayor' }).click();
    await page.getByRole('menuitem', { name: 'Administration' }).click();
    await page.waitForURL('**/admin/login?next=%2Fadmin');
    await page.getByRole('button', { name: 'Continue as @mayor:city.localhost' }).click();
    await screen(page, 'Overview').waitFor();
    await page.reload();
    await screen(page, 'Overview').waitFor();
    await page.getByText('Matrix account').waitFor();
    await page.getByRole('button', { name: /^Operator / }).click();
    await page.getByRole('menuitem', { name: 'Leave administration' }).click();
    await page.waitForURL('**/city');
    await page.getByRole('button', { name: 'Account of Mayor' }).waitFor();
  });

  story(context, 'a person who is no operator is told so, and sees nothing', async (world) => {
    const alice = await world.visitor('alice');
    await alice.open('/city');
    await alice.page.getByRole('button', { name: 'Account of Alice' }).click();
    assert.equal(await alice.page.getByRole('menuitem', { name: 'Administration' }).count(), 0);
    await alice.open('/admin/config');
    await alice.page.waitForURL('**/admin/login?next=%2Fadmin%2Fconfig');
    await alice.page.getByText('You are signed in to the city as @alice:city.localhost, who is no operator here.').waitFor();
    const { access_token: token } = await world.tokens('alice');
    const answer = await fetch(`${world.url}/api/admin/config`, { headers: { Authorization: `Bearer ${token}` } });
    assert.equal(answer.status, 403);
  });

  story(context, 'whoever loses the rights while a page is open finds it closed', async (world) => {
    const { installation } = world;
    const mayor = await world.visitor('mayor');
    const { page } = mayor;
    await mayor.open('/admin');
    await page.getByRole('button', { name: 'Continue as @mayor:city.localhost' }).click();
    await screen(page, 'Overview').waitFor();
    await installation.daarion.stop();
    await installation.startDaarion({ DAARION_AUTH__OPERATORS: 'user:alice' });
    const pages = page.getByRole('navigation', { name: 'Administration pages' });
    await pages.getByRole('link', { name: 'Agents' }).click();
    await alert(page).getByRole('heading', { name: 'Only operators may look in here' }).waitFor();
    await alert(page).getByText('Your account is not listed in auth.operators.').waitFor();
    // The page looks again by itself, so the link is followed where it cannot go away.
    const way = await alert(page).getByRole('link', { name: 'Sign in as an operator' }).getAttribute('href');
    await installation.daarion.stop();
    await installation.startDaarion();
    await page.goto(new URL(way, page.url()).href);
    await page.waitForURL('**/admin');
  });

  story(context, 'whoever guesses an operator’s password is made to wait, and told how long', async (world) => {
    world.installation.operator('create', 'porter', world.password('porter'));
    const guest = await world.visitor();
    await guest.open('/admin/login');
    const waiting = alert(guest.page).getByText(/Too many attempts. Try again in \d+ seconds?./);
    const wrong = alert(guest.page).getByText('The name or the password is wrong.');
    for (let guess = 0; guess < 20 && !(await waiting.isVisible()); guess += 1) {
      const answered = guest.page.waitForResponse('**/api/admin/login');
      await signIn(guest, 'porter', `another guess ${guess}`);
      await answered;
      await waiting.or(wrong).waitFor();
    }
    await waiting.waitFor();
  });

  story(context, 'another password ends the sessions of the old one, and the page says so', async (world) => {
    world.installation.operator('create', 'deputy', world.password('deputy'));
    const guest = await world.visitor();
    // This page asks nothing by itself.
    await guest.open('/admin/login?next=/admin/config');
    await signIn(guest, 'deputy', world.password('deputy'));
    await screen(guest.page, 'Configuration').waitFor();
    world.installation.operator('passwd', 'deputy', 'quite another password');
    await guest.page.getByRole('link', { name: 'Agents' }).click();
    await guest.page.waitForURL('**/admin/login?next=%2Fadmin%2Fagents');
    await guest.page.getByText('Your work here has ended by itself. Sign in again.').waitFor();
    await signIn(guest, 'deputy', 'quite another password');
    await guest.page.waitForURL('**/admin/agents');
  });

  story(context, 'a change without the proof of its page is refused, and the page says why', async (world) => {
    const { page } = await world.operator('/admin/agents');
    // As a page of somewhere else would send it: with the cookie, and without the header.
    await page.route('**/api/admin/agents', (route) => {
      const headers = route.request().headers();
      delete headers['x-csrf-token'];
      return route.request().method() === 'POST' ? route.continue({ headers }) : route.continue();
    });
    await page.getByRole('button', { name: 'Create an agent' }).click();
    const dialog = page.getByRole('dialog', { name: 'Create an agent' });
    await dialog.getByLabel('Id').fill('never');
    const refused = page.waitForResponse((answer) => answer.request().method() === 'POST');
    await dialog.getByRole('button', { name: 'Create', exact: true }).click();
    assert.equal((await refused).status(), 403);
    assert.match((await (await refused).json()).message, /X-CSRF-Token/);
    await dialog.getByRole('alert').getByText('The request came without the proof that this page sent it').waitFor();
    await page.unroute('**/api/admin/agents');
    const cookie = await world.operatorCookie();
    const headers = { Cookie: `${cookie.name}=${cookie.value}` };
    const agents = await (await fetch(`${world.url}/api/admin/agents`, { headers })).json();
    assert.ok(!agents.items.some(({ id }) => id === 'agent:never'), JSON.stringify(agents));
  });

  story(context, 'a proof that a newer session has made old is renewed without a word', async (world) => {
    const { page, context: browser } = await world.operator('/admin/agents');
    await page.getByRole('heading', { name: 'Agents', level: 1 }).waitFor();
    // As another tab leaves it that has signed in anew.
    await browser.addCookies([await world.signOperatorIn()]);
    await page.getByRole('button', { name: 'Create an agent' }).click();
    const dialog = page.getByRole('dialog', { name: 'Create an agent' });
    await dialog.getByLabel('Id').fill('herald');
    await dialog.getByRole('button', { name: 'Create', exact: true }).click();
    await page.getByText('The agent “herald” is registered.').waitFor();
  });

  story(context, 'what one operator does is never done as another who came in later', async (world) => {
    world.installation.operator('create', 'relief', world.password('relief'));
    const guest = await world.operator('/admin/agents');
    const { page } = guest;
    await page.getByRole('button', { name: 'Operator warden' }).waitFor();
    // As another tab leaves it where somebody else has signed in.
    await guest.context.addCookies([await world.signOperatorIn('relief')]);
    await page.getByRole('button', { name: 'Create an agent' }).click();
    const dialog = page.getByRole('dialog', { name: 'Create an agent' });
    await dialog.getByLabel('Id').fill('forged');
    await dialog.getByRole('button', { name: 'Create', exact: true }).click();
    await page.waitForURL('**/admin/login?next=%2Fadmin%2Fagents');
    await page.getByText('Another operator has signed in with this browser.').waitFor();
    const { items } = await (await guest.context.request.get('/api/admin/agents')).json();
    assert.ok(!items.some(({ id }) => id === 'agent:forged'), JSON.stringify(items));
    await signIn(guest, 'warden', world.password('warden'));
    await page.waitForURL('**/admin/agents');
    await page.getByRole('button', { name: 'Operator warden' }).waitFor();
  });

  story(context, 'an operator who cannot be signed out is told so', async (world) => {
    const guest = await world.visitor();
    await guest.open('/admin/login');
    await signIn(guest, 'warden', world.password('warden'));
    await guest.page.waitForURL('**/admin');
    const leave = async () => {
      await guest.page.getByRole('button', { name: 'Operator warden' }).click();
      await guest.page.getByRole('menuitem', { name: 'Sign out' }).click();
    };
    await guest.page.route('**/api/admin/logout', (route) => route.abort());
    await leave();
    await guest.page.getByRole('status').getByText('You are still signed in. The server does not answer.').waitFor();
    await guest.page.unroute('**/api/admin/logout');
    await leave();
    await guest.page.waitForURL('**/admin/login');
    const asked = await guest.context.request.get('/api/admin/overview');
    assert.equal(asked.status(), 401);
  });

  story(context, 'an operator ends all by which somebody comes in', async (world) => {
    const olena = await world.visitor('olena');
    await olena.open('/city');
    await olena.page.getByRole('button', { name: 'Account of Олена' }).waitFor();
    const { page } = await world.operator('/admin/people');
    await page.getByRole('button', { name: 'End somebody’s access' }).click();
    const dialog = page.getByRole('dialog', { name: 'End somebody’s access' });
    const whose = dialog.getByLabel('Whose');
    const end = () => dialog.getByRole('button', { name: 'End access' }).click();
    await end();
    await dialog.getByText('Tell us whose access it is.').waitFor();
    await whose.fill('nobody');
    await end();
    await page.waitForFunction(() => document.activeElement?.getAttribute('aria-invalid') === 'true');
    await whose.fill('user:nowhere');
    await end();
    await dialog.getByText('The homeserver knows nobody of this name.').waitFor();
    await whose.fill('@olena:city.localhost');
    await end();
    await dialog.waitFor({ state: 'detached' });
    await page.getByText(/^@olena:city\.localhost: sessions ended [1-9]\d*, keys revoked 0\.$/).waitFor();
    await olena.page.reload();
    await olena.page.waitForURL('**/login?next=*');
  });

  story(context, 'every screen of operators shows that it loads, that it failed, and that it is closed', async (world) => {
    const { page } = await world.operator('/admin/people');
    for (const { name, path, reads } of SCREENS) {
      let answer;
      const held = new Promise((done) => (answer = done));
      const asked = `**/api/admin/${reads}*`;
      const reading = await answers(page, asked, async (route) => (await held)(route));
      await page.goto(path);
      await screen(page, name).waitFor();
      await page.locator('main [aria-busy="true"], main [role="progressbar"]').first().waitFor();
      answer((route) => route.abort());
      const trouble = page.getByRole('main').getByRole('alert');
      await trouble.getByText('The server does not answer.').waitFor();
      reading.become(isForbidden);
      await trouble.getByRole('button', { name: 'Try again' }).click();
      await trouble.getByRole('heading', { name: 'Only operators may look in here' }).waitFor();
      await page.unroute(asked);
    }
  });
}
