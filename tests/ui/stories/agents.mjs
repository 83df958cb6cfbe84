// Agents: a person registers one and sets it up, its program speaks by a token, people are offered
// what it can do; operators do the same for any agent.
import assert from 'node:assert/strict';
import { LOOKS, violations } from '../world/axe.mjs';
import { assertNarrow } from '../world/phone.mjs';
import { story } from '../world/story.mjs';

const part = (visitor, name) => visitor.page.getByRole('region', { name });
const dialog = (visitor, name) => visitor.page.getByRole('dialog', { name });
const press = (form, name) => form.getByRole('button', { name, exact: true }).click();
const said = (visitor, text) => visitor.page.locator('.toast').getByText(text).waitFor();
const options = (visitor) => visitor.page.getByRole('listbox', { name: 'What agents can be asked to do' }).getByRole('option');

async function makeToken(visitor, name) {
  await press(part(visitor, 'Tokens'), 'Make a token');
  const form = dialog(visitor, 'Make a token');
  await press(form, 'Create');
  await form.getByText('A token needs a name.').waitFor();
  await form.getByLabel('Name').fill(name);
  await press(form, 'Create');
  const shown = dialog(visitor, `The token “${name}”`);
  const token = await shown.getByLabel('Token', { exact: true }).inputValue();
  await press(shown, 'I have kept it');
  await shown.waitFor({ state: 'detached' });
  return token;
}

async function addCommand(visitor, name, what, usage = '') {
  await press(part(visitor, 'Commands'), 'Add a command');
  const form = dialog(visitor, 'Add a command');
  await form.getByLabel('Name').fill(name);
  await form.getByLabel('What it does').fill(what);
  await form.getByLabel('How it goes on').fill(usage);
  await press(form, 'Add');
  await form.waitFor({ state: 'detached' });
  await part(visitor, 'Commands').getByText(what).waitFor();
}

/** Asks as a program that shows a token. */
function ask(world, token, method, path, body) {
  const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
  return fetch(world.url + path, { method, headers, body: body && JSON.stringify(body) });
}

export function tell(context) {
  story(context, 'a person registers an agent, sets it up, and it answers a command of the composer', async (world) => {
    const room = await world.program.room('alice', { name: 'Sky', slug: 'sky' });
    const alice = await world.visitor('alice', { wide: true });
    const { page } = alice;
    await alice.open('/city');
    await page.getByRole('link', { name: 'Agents' }).click();
    await page.getByRole('heading', { name: 'You have no agents yet' }).waitFor();
    await page.getByRole('button', { name: 'Register an agent' }).click();
    const form = dialog(alice, 'Register an agent');
    await press(form, 'Create');
    await form.getByText('An agent needs an id.').waitFor();
    await form.getByLabel('Id').fill('meteo');
    await form.getByLabel('Display name').fill('Meteo');
    await press(form, 'Create');
    await page.waitForURL('**/agents/meteo');
    await page.getByRole('heading', { name: 'Meteo', level: 1 }).waitFor();

    const about = part(alice, 'What people see');
    await about.getByLabel('Display name').fill('Meteo station');
    await about.getByLabel('What is it for?').fill('Looks at the sky');
    await about.getByLabel('Picture').fill('not a picture');
    await press(about, 'Save');
    await about.locator('[aria-invalid=true]').waitFor();
    await about.getByLabel('Picture').fill('mxc://city.localhost/cloud');
    await press(about, 'Save');
    await said(alice, 'Saved.');
    await page.getByRole('heading', { name: 'Meteo station', level: 1 }).waitFor();

    await part(alice, 'Commands').getByRole('heading', { name: 'No commands' }).waitFor();
    await addCommand(alice, 'weather', 'Says what weather it will be', '<city> [day]');
    await addCommand(alice, 'wind', 'Says how windy it is');
    await addCommand(alice, 'storm', 'Warns of storms');
    await part(alice, 'Commands').getByRole('button', { name: 'Remove: storm' }).click();
    await press(dialog(alice, 'Remove /storm?'), 'Remove');
    await said(alice, '/storm is removed.');
    const token = await makeToken(alice, 'Raspberry on the roof');
    assert.match(token, /^da_/);
    assert.doesNotMatch(await page.content(), new RegExp(token));

    // It comes in by an invitation, and what it can do is offered.
    const path = `/api/messaging/channels/${room.channel_id}`;
    await alice.enter('/city/sky');
    await page.getByRole('button', { name: 'Invite somebody…' }).click();
    const invitation = dialog(alice, 'Invite somebody');
    await invitation.getByLabel('Who').fill('agent:meteo');
    await press(invitation, 'Invite');
    await said(alice, 'Meteo station is in the room.');
    await alice.composer.pressSequentially('/w');
    await options(alice).nth(1).waitFor();
    await options(alice).getByText('Says what weather it will be').waitFor();
    await alice.composer.press('ArrowDown');
    assert.equal(await options(alice).nth(1).getAttribute('aria-selected'), 'true');
    await alice.composer.press('Escape');
    await options(alice).first().waitFor({ state: 'detached' });
    await alice.composer.fill('');
    await alice.composer.pressSequentially('/we');
    await options(alice).first().waitFor();
    await alice.composer.press('Enter');
    assert.equal(await alice.composer.inputValue(), '/weather ');
    await alice.composer.pressSequentially('Kyiv');
    await alice.composer.press('Enter');
    await alice.message('/weather Kyiv').waitFor();
    const answer = await ask(world, token, 'POST', `${path}/messages`, { text: 'Sun, 21 degrees', format: 'plain' });
    assert.equal(answer.status, 201, await answer.text());
    await alice.message('Sun, 21 degrees').waitFor();

    // Its token is revoked, and it is sent off its work and put to it again.
    await alice.open('/agents/meteo');
    const item = part(alice, 'Tokens').getByRole('listitem');
    await item.getByText(/^used/).waitFor();
    await item.getByRole('button', { name: 'Revoke: Raspberry on the roof' }).click();
    await press(dialog(alice, 'Revoke “Raspberry on the roof”?'), 'Revoke');
    await part(alice, 'Tokens').getByRole('heading', { name: 'No tokens yet' }).waitFor();
    assert.equal((await ask(world, token, 'GET', `${path}/messages`)).status, 401);
    await press(page, 'Deactivate');
    await press(dialog(alice, 'Deactivate Meteo station?'), 'Deactivate');
    await page.getByText('This agent is deactivated: it has left its rooms').waitFor();
    assert.equal(await part(alice, 'Tokens').count(), 0);
    // What an operator has ended is not begun again by its owner, who is told so.
    await world.asOperator('POST', '/api/admin/agents/agent:meteo/deactivate');
    await press(page, 'Put to work again');
    const again = dialog(alice, 'Put Meteo station to work again?');
    await press(again, 'Put to work again');
    await again.getByRole('alert').getByText('An operator has deactivated it').waitFor();
    await world.asOperator('POST', '/api/admin/agents/agent:meteo/reactivate');
    await world.program.as('alice').call('POST', '/api/agents/agent:meteo/deactivate');
    await page.reload();
    await press(page, 'Put to work again');
    await press(dialog(alice, 'Put Meteo station to work again?'), 'Put to work again');
    await said(alice, 'Meteo station is at work again.');
    await part(alice, 'Tokens').waitFor();

    // Others see what it can do, and no more.
    const bob = await world.visitor('bob');
    await bob.open('/agents');
    await bob.page.getByRole('link', { name: /Meteo station/ }).click();
    await part(bob, 'Commands').getByText('/wind').waitFor();
    for (const name of ['Tokens', 'What people see']) assert.equal(await part(bob, name).count(), 0, name);
    assert.equal(await bob.page.getByRole('button', { name: /Deactivate|Add a command/ }).count(), 0);
    await bob.open('/agents/nobody');
    await bob.page.getByRole('heading', { name: 'Nothing is here' }).waitFor();
  });

  story(context, 'what an agent’s program sets stands, and the list of its commands stays shut once they are said', async (world) => {
    const as = world.program.as('alice');
    const room = await world.program.room('alice', { name: 'Harbour', slug: 'harbour' });
    await as.inside('POST', '/internal/agents', { id: 'agent:pilot', display_name: 'Pilot', owner: 'user:alice' });
    await as.call('POST', `/api/messaging/channels/${room.channel_id}/members`, { member_id: 'agent:pilot' });
    const alice = await world.visitor('alice', { wide: true });
    const { page } = alice;
    await alice.open('/agents/pilot');
    await part(alice, 'Commands').getByRole('heading', { name: 'No commands' }).waitFor();
    const own = ['tide', 'wind'].map((name) => ({ name, description: `Says the ${name}` }));
    await as.inside('PUT', '/internal/agents/agent:pilot/commands', own);
    await addCommand(alice, 'help', 'Says what there is');
    await part(alice, 'Commands').getByText('Says the tide').waitFor();
    await press(part(alice, 'Commands'), 'Add a command');
    const form = dialog(alice, 'Add a command');
    await form.getByLabel('Name').fill('tide');
    await form.getByLabel('What it does').fill('Something else');
    await press(form, 'Add');
    await form.getByText('The agent has this command already.').waitFor();
    await press(form, 'Cancel');

    // The list comes when what was typed is sent already.
    await alice.enter('/city/harbour');
    let release;
    const sent = new Promise((done) => (release = done));
    await page.route('**/commands', async (route) => {
      await sent;
      await route.continue();
    });
    await alice.composer.pressSequentially('/help');
    await alice.composer.press('Enter');
    await alice.message('/help').waitFor();
    const list = page.waitForResponse('**/commands');
    release();
    await (await list).finished();
    await alice.composer.press('ArrowUp');
    await page.getByText('Editing your message').waitFor();
    assert.equal(await options(alice).count(), 0);
  });

  story(context, 'who may not register agents is told so, and what cannot be read is read again', async (world) => {
    const olena = await world.visitor('olena');
    const { page } = olena;
    await page.route('**/api/agents', (route) =>
      route.fulfill({ status: 403, json: { error: 'M_FORBIDDEN', message: 'only operators' } }));
    await page.route('**/api/agents?*', (route) => route.abort());
    await olena.open('/agents');
    await part(olena, 'All agents').getByRole('alert').getByText('The server does not answer.').waitFor();
    await page.unroute('**/api/agents?*');
    await press(part(olena, 'Yours'), 'Try again');
    await page.getByRole('heading', { name: 'You have no agents yet' }).waitFor();
    await page.getByRole('button', { name: 'Register an agent' }).click();
    const form = dialog(olena, 'Register an agent');
    await form.getByLabel('Id').fill('mine');
    await press(form, 'Create');
    await form.getByRole('alert').getByText('Only operators register agents here.').waitFor();
    // Where the city says so beforehand, nobody is offered it.
    await page.route('**/api/city', async (route) => {
      const answer = await route.fetch();
      await route.fulfill({ response: answer, json: { ...(await answer.json()), create_agents: 'operators' } });
    });
    await olena.open('/agents');
    await part(olena, 'Yours').getByText('Only operators register agents here. They can make you answer for one.').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Register an agent' }).count(), 0);
  });

  story(context, 'an operator sets up any agent', async (world) => {
    await world.program.as('alice').inside('POST', '/internal/agents', { id: 'agent:porter', display_name: 'Porter' });
    const warden = await world.operator('/admin/agents');
    const { page } = warden;
    await page.getByRole('link', { name: /Porter/ }).click();
    await page.waitForURL('**/admin/agents/porter');
    await page.getByRole('heading', { name: 'Porter', level: 1 }).waitFor();
    await part(warden, 'What people see').getByLabel('Display name').fill('Night porter');
    await press(part(warden, 'What people see'), 'Save');
    await said(warden, 'Saved.');
    // What others change shows, and is not put back.
    const path = '/internal/agents/agent:porter';
    await world.program.as('alice').inside('PATCH', path, { display_name: 'Day porter' });
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
    await page.getByRole('heading', { name: 'Day porter', level: 1 }).waitFor();
    const about = part(warden, 'What people see');
    assert.equal(await about.getByLabel('Display name').inputValue(), 'Day porter');
    assert.ok(await about.getByRole('button', { name: 'Save' }).isDisabled());
    await about.getByLabel('What is it for?').fill('Opens the gate');
    await world.program.as('alice').inside('PATCH', path, { display_name: 'Night porter' });
    await press(about, 'Save');
    await page.getByRole('heading', { name: 'Night porter', level: 1 }).waitFor();
    const now = await world.program.as('alice').inside('GET', path);
    assert.deepEqual([now.display_name, now.description], ['Night porter', 'Opens the gate']);
    await addCommand(warden, 'open', 'Opens the door');
    const token = await makeToken(warden, 'Lodge');
    assert.equal((await ask(world, token, 'GET', '/api/messaging/channels')).status, 200);

    // Somebody else answers for it from now on: the tokens that others know end.
    const owner = part(warden, 'Who answers for it');
    const give = async (who, title) => {
      await owner.getByLabel('Owner').fill(who);
      await press(owner, 'Change');
      await press(dialog(warden, title), 'Change');
      await dialog(warden, title).waitFor({ state: 'detached' });
    };
    await give('nobody', 'Let nobody answer for Night porter?');
    await owner.getByText('There is no such person on this homeserver.').waitFor();
    await give('@olena:city.localhost', 'Let olena answer for Night porter?');
    await part(warden, 'Tokens').getByRole('heading', { name: 'No tokens yet' }).waitFor();
    assert.equal(await owner.getByLabel('Owner').inputValue(), 'olena');
    assert.equal((await ask(world, token, 'GET', '/api/messaging/channels')).status, 401);
    assert.equal((await world.program.as('alice').inside('GET', path)).owner, 'user:olena');
    const own = await world.visitor('olena');
    await own.open('/agents/porter');
    await part(own, 'What people see').waitFor();
    await give('', 'Let operators alone answer for Night porter?');
    assert.equal((await world.program.as('alice').inside('GET', path)).owner, null);

    await press(page, 'Deactivate');
    await press(dialog(warden, 'Deactivate Night porter?'), 'Deactivate');
    await page.getByText('This agent is deactivated: it has left its rooms').waitFor();
    assert.equal(await owner.count(), 0);
  });

  story(context, 'agents and the list of commands are readable in each look', async (world) => {
    const as = world.program.as('alice');
    const room = await world.program.room('alice', { name: 'Tower', slug: 'tower' });
    const { access_token: token } = await world.tokens('alice');
    const call = async (method, path, body) => {
      const answer = await ask(world, token, method, path, body);
      assert.ok(answer.ok, `${path}: ${answer.status} ${await answer.text()}`);
    };
    await call('POST', '/api/agents', { id: 'agent:looks', display_name: 'Дзвонар міської вежі', description: 'Каже котра година, і дзвонить, коли треба' });
    await call('PUT', '/api/agents/agent:looks/commands', [
      { name: 'time', description: 'Каже, котра година в місті, і скільки лишилося до вечора', usage: '[city]' },
      { name: 'ring', description: 'Rings', usage: '<how often>' },
    ]);
    await call('POST', '/api/agents/agent:looks/tokens', { name: 'Tower' });
    await as.call('POST', `/api/messaging/channels/${room.channel_id}/members`, { member_id: 'agent:looks' });
    for (const look of LOOKS) {
      for (const phone of [false, true]) {
        const name = `agents-${phone ? 'phone-' : ''}${look.theme}-${look.language}`;
        const alice = await world.visitor('alice', { ...look, phone, height: 1000 });
        const { page } = alice;
        const check = async (what) => {
          assert.deepEqual(await violations(page), [], `${what}, ${look.theme}, ${look.language}`);
          if (phone) await assertNarrow(page, `${what} in ${look.language}`);
          await page.screenshot({ path: `${world.pictures}${name}-${what}.png` });
        };
        await alice.open('/agents');
        await page.locator('main section').nth(1).locator('li').first().waitFor();
        await check('list');
        await alice.open('/agents/looks');
        await page.locator('main li').nth(2).waitFor();
        await check('one');
        await alice.enter('/city/tower');
        await alice.composer.pressSequentially('/');
        await page.getByRole('option').nth(1).waitFor();
        await check('commands');
      }
    }
  });

  story(context, 'a key of one’s own is lent to an agent, and its program speaks as the agent', async (world) => {
    const room = await world.program.room('alice', { name: 'Harbour', slug: 'harbour-gauge' });
    const { access_token: token } = await world.tokens('alice');
    const made = await ask(world, token, 'POST', '/api/agents', { id: 'agent:gauge', display_name: 'Gauge' });
    assert.equal(made.status, 201);
    const members = `/api/messaging/channels/${room.channel_id}/members`;
    await world.program.as('alice').call('POST', members, { member_id: 'agent:gauge' });
    const alice = await world.visitor('alice');
    const { page } = alice;
    await alice.open('/account');
    const keys = part(alice, 'API keys');
    await press(keys, 'Make a key');
    const form = dialog(alice, 'Make a key');
    await form.getByLabel('Name').fill('Tide');
    await form.getByLabel('messages:send').check();
    // What is no agent, and one that there is not.
    for (const wrong of ['gauge', 'agent:nobody']) {
      await form.getByLabel('Acts as agents').fill(wrong);
      await press(form, 'Create');
      await form.locator('[aria-invalid="true"]').waitFor();
      assert.equal(await form.getByLabel('Acts as agents').getAttribute('aria-invalid'), 'true');
    }
    await form.getByLabel('Acts as agents').fill('agent:gauge');
    await press(form, 'Create');
    const shown = dialog(alice, 'The key “Tide”');
    const key = await shown.getByLabel('API key').inputValue();
    await press(shown, 'I have kept it');
    await keys.getByRole('listitem').filter({ hasText: 'Tide' }).getByText('agent:gauge').waitFor();

    const said = await fetch(`${world.url}/api/messaging/channels/${room.channel_id}/messages`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${key}`, 'X-User-Id': 'agent:gauge', 'Content-Type': 'application/json' },
      body: JSON.stringify({ text: 'High water' }),
    });
    assert.equal(said.status, 201);
    assert.equal((await said.json()).sender_id, 'agent:gauge');
  });
}
