// One's own sessions and keys, and the homeserver's own page to sign in at.
import assert from 'node:assert/strict';
import { LOOKS, violations } from '../world/axe.mjs';
import { assertNarrow } from '../world/phone.mjs';
import { story } from '../world/story.mjs';

const section = (visitor, name) => visitor.page.getByRole('region', { name });

export function tell(context) {
  story(context, 'sessions elsewhere are seen and ended, one or all of them', async (world) => {
    const [here, there, third] = [await world.visitor('bob'), await world.visitor('bob'), await world.visitor('bob')];
    await world.tokens('bob');
    for (const visitor of [there, third]) {
      await visitor.open('/city');
      await visitor.page.getByRole('button', { name: 'Account of Bob' }).waitFor();
    }
    await here.open('/city');
    await here.page.getByRole('button', { name: 'Account of Bob' }).click();
    await here.page.getByRole('menuitem', { name: 'Sessions and keys' }).click();
    await here.page.getByRole('heading', { name: 'Sessions and keys', level: 1 }).waitFor();
    const sessions = section(here, 'Where you are signed in');
    const first = sessions.getByRole('listitem').first();
    await first.getByText('This one').waitFor();
    assert.match(await first.textContent(), /Chrome on Linux/);
    const count = await sessions.getByRole('listitem').count();
    assert.ok(count >= 4, `${count} of them`);
    // The newest but one is the third visitor's; whichever it is, one goes.
    await sessions.getByRole('button', { name: /^End it/ }).first().click();
    await here.page.getByText('That session has ended.').waitFor();
    assert.equal(await sessions.getByRole('listitem').count(), count - 1);
    await sessions.getByRole('button', { name: 'End all others' }).click();
    const question = here.page.getByRole('dialog', { name: 'End all other sessions?' });
    await question.getByRole('button', { name: 'End all others' }).click();
    await here.page.getByText(/\d+ sessions? ha(s|ve) ended\./).waitFor();
    await question.waitFor({ state: 'detached' });
    assert.equal(await sessions.getByRole('listitem').count(), 1);
    assert.equal(await sessions.getByRole('button', { name: 'End all others' }).count(), 0);
    for (const visitor of [there, third]) {
      await visitor.page.reload();
      await visitor.page.waitForURL('**/login?next=*');
    }
    // Ending this one is signing out.
    await sessions.getByRole('button', { name: /^Sign out/ }).click();
    await here.page.waitForURL('**/login');
  });

  story(context, 'an API key is made, shown once, used and revoked', async (world) => {
    const channel = await world.program.channel('alice', { name: 'Meters', slug: 'meters' });
    const alice = await world.visitor('alice');
    const { page } = alice;
    await alice.open('/account');
    const keys = section(alice, 'API keys');
    await keys.getByRole('heading', { name: 'No keys yet' }).waitFor();
    await keys.getByRole('button', { name: 'Make a key' }).click();
    const form = page.getByRole('dialog', { name: 'Make a key' });
    await form.getByRole('button', { name: 'Create' }).click();
    await form.getByText('A key needs a name.').waitFor();
    await form.getByLabel('Name').fill('Weather station');
    await form.getByRole('button', { name: 'Create' }).click();
    await form.getByText('Choose at least one thing that it may do.').waitFor();
    await form.getByLabel('messages:read').check();
    await form.getByLabel('messages:send').check();
    await form.getByLabel('Where', { exact: true }).selectOption('some');
    await form.getByLabel('Meters').check();
    await form.getByLabel('In force for').selectOption('30');
    await form.getByRole('button', { name: 'Create' }).click();
    const shown = page.getByRole('dialog', { name: 'The key “Weather station”' });
    const key = await shown.getByLabel('API key').inputValue();
    assert.match(key, /^dk_/);
    await shown.getByRole('button', { name: 'I have kept it' }).click();
    await shown.waitFor({ state: 'detached' });
    assert.doesNotMatch(await page.content(), new RegExp(key));
    const item = keys.getByRole('listitem').filter({ hasText: 'Weather station' });
    await item.getByText('never used').waitFor();
    for (const text of ['messages:send', 'Meters']) await item.getByText(text).waitFor();

    const read = () => fetch(`${world.url}/api/messaging/channels/${channel.id}/messages`, { headers: { Authorization: `Bearer ${key}` } });
    assert.equal((await read()).status, 200);
    await page.reload();
    await item.getByText(/^used/).waitFor();
    await item.getByRole('button', { name: 'Revoke: Weather station' }).click();
    const question = page.getByRole('dialog', { name: 'Revoke “Weather station”?' });
    await question.getByRole('button', { name: 'Revoke' }).click();
    await page.getByText('“Weather station” is revoked.').waitFor();
    await item.waitFor({ state: 'detached' });
    assert.equal((await read()).status, 401);
  });

  story(context, 'what cannot be read of the account says so and is read again', async (world) => {
    const alice = await world.visitor('alice');
    await alice.page.route('**/api/keys', (route) => route.abort());
    await alice.page.route('**/api/auth/sessions', (route) => route.fulfill({ status: 503, json: { error: 'STORE_UNAVAILABLE', message: 'no' } }));
    await alice.open('/account');
    const [sessions, keys] = ['Where you are signed in', 'API keys'].map((name) => section(alice, name));
    await sessions.getByText('The city cannot write to its disk').waitFor();
    await keys.getByRole('alert').getByText('The server does not answer.').waitFor();
    await alice.page.unrouteAll();
    for (const part of [sessions, keys]) await part.getByRole('button', { name: 'Try again' }).click();
    await sessions.getByText('This one').waitFor();
    await keys.getByRole('heading', { name: 'No keys yet' }).waitFor();
  });

  story(context, 'the account is readable in each look, wide and on a phone', async (world) => {
    const { access_token: token } = await world.tokens('taras');
    const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
    const body = JSON.stringify({ name: 'Archive of the library', scopes: ['messages:read', 'channels:read'], expires_in: 86_400 });
    const made = await fetch(`${world.url}/api/keys`, { method: 'POST', headers, body });
    assert.equal(made.status, 201, await made.text());
    for (const look of LOOKS) {
      for (const phone of [false, true]) {
        const taras = await world.visitor('taras', { ...look, phone, height: 1000 });
        const { page } = taras;
        await taras.open('/account');
        await page.locator('main li').nth(2).waitFor();
        assert.deepEqual(await violations(page), [], `${look.theme}, ${look.language}`);
        if (phone) await assertNarrow(page, `the account in ${look.language}`);
        const name = `account-${phone ? 'phone-' : ''}${look.theme}-${look.language}`;
        await page.screenshot({ path: `${world.pictures}${name}.png`, fullPage: true });
        await page.locator('main section').last().locator('button').first().click();
        await page.getByRole('dialog').waitFor();
        assert.deepEqual(await violations(page), [], `the form, ${look.theme}, ${look.language}`);
        if (phone) await assertNarrow(page, `the form in ${look.language}`);
        await page.screenshot({ path: `${world.pictures}${name}-form.png` });
      }
    }
  });

  story(context, 'the homeserver’s own page is offered where there is one, and alone where there is no password', async (world) => {
    const guest = await world.visitor();
    const { page } = guest;
    let ways = { password: true, sso: true };
    await page.route('**/api/auth/methods', (route) => route.fulfill({ json: ways }));
    await guest.open('/login?next=%2Fcity%3Ffrom%3Ddoor');
    const button = page.getByRole('link', { name: 'Sign in at the homeserver’s page' });
    await button.waitFor();
    await page.getByLabel('Password').waitFor();
    await page.screenshot({ path: `${world.pictures}sign-in-sso.png` });
    assert.deepEqual(await violations(page), []);
    const back = new URL(await button.getAttribute('href'), world.url);
    assert.equal(back.pathname, '/api/auth/sso');
    assert.equal(back.searchParams.get('redirect'), '/login?sso&next=%2Fcity%3Ffrom%3Ddoor');

    // There and back, as a browser sees it: the page has signed them in, and a cookie says so.
    await page.route('**/api/auth/sso?*', async (route) => {
      const data = { user: 'olena', password: world.password('olena'), cookie: true };
      await guest.context.request.post('/api/auth/login', { data });
      const location = new URL(route.request().url()).searchParams.get('redirect');
      await route.fulfill({ status: 303, headers: { location } });
    });
    await button.click();
    await page.waitForURL('**/city?from=door');
    await page.getByRole('button', { name: 'Account of Олена' }).waitFor();

    const other = await world.visitor();
    ways = { password: false, sso: true };
    await other.page.route('**/api/auth/methods', (route) => route.fulfill({ json: ways }));
    await other.open('/login?sso&next=/city');
    await other.page.getByText('The homeserver’s page did not sign you in.').waitFor();
    await other.page.getByRole('link', { name: 'Sign in at the homeserver’s page' }).waitFor();
    await other.page.getByLabel('Password').waitFor({ state: 'detached' });
  });
}
