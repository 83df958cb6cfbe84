// Messages that are written now and said later: scheduled in the composer, changed, cancelled, said.
import assert from 'node:assert/strict';
import { LOOKS, violations } from '../world/axe.mjs';
import { assertNarrow } from '../world/phone.mjs';
import { until } from '../world/processes.mjs';
import { story } from '../world/story.mjs';

const pane = (visitor) => visitor.page.getByRole('complementary', { name: 'Scheduled messages' });
const item = (visitor, text) => pane(visitor).getByRole('listitem').filter({ hasText: text });

async function sendLater(visitor, text) {
  await visitor.composer.fill(text);
  await visitor.page.getByRole('button', { name: 'Send later…' }).click();
  return visitor.page.getByRole('dialog', { name: 'Send later' });
}

export function tell(context) {
  story(context, 'a message is scheduled, changed, said at its time; another one is cancelled', async (world) => {
    const room = await world.program.room('alice', { name: 'Bakery', slug: 'bakery-later' });
    const alice = await world.visitor('alice', { wide: true });
    const bob = await world.visitor('bob', { wide: true });
    await Promise.all([alice, bob].map((visitor) => visitor.enter('/city/bakery-later')));
    assert.equal(await alice.page.getByRole('button', { name: 'Send later…' }).count(), 0, 'nothing is written yet');
    const form = await sendLater(alice, 'Bread is ready');
    await form.getByLabel('When').fill('2020-01-01T08:00');
    await form.getByRole('button', { name: 'Schedule' }).click();
    await form.getByText('This time has passed.').waitFor();
    const soon = new Date(Date.now() + 2 * 86_400_000).toISOString().slice(0, 10);
    await form.getByLabel('When').fill(`${soon}T08:30`);
    await form.getByRole('button', { name: 'Schedule' }).click();
    await form.waitFor({ state: 'detached' });
    assert.equal(await alice.composer.inputValue(), '');
    await alice.page.waitForFunction(() => document.activeElement?.id === 'composer');
    await (await sendLater(alice, 'Nobody will read this')).getByRole('button', { name: 'Schedule' }).click();
    await form.waitFor({ state: 'detached' });

    await alice.page.getByRole('button', { name: 'Scheduled messages' }).click();
    await item(alice, 'Bread is ready').getByText(/08:30/).waitFor();
    await item(alice, 'Nobody will read this').getByRole('button', { name: 'Do not send' }).click();
    await alice.page.getByRole('dialog', { name: 'Do not send this message?' }).getByRole('button', { name: 'Do not send' }).click();
    await item(alice, 'Nobody will read this').waitFor({ state: 'detached' });
    await item(alice, 'Bread is ready').getByRole('button', { name: 'Change…' }).click();
    const change = alice.page.getByRole('dialog', { name: 'Change what is scheduled' });
    assert.equal(await change.getByLabel('When').inputValue(), `${soon}T08:30`);
    await change.getByLabel('Message').fill('Bread and salt are ready');
    await change.getByRole('button', { name: 'Save' }).click();
    await item(alice, 'Bread and salt are ready').waitFor();

    // Others see nothing of it before its time, which comes now.
    await bob.page.getByRole('button', { name: 'Scheduled messages' }).click();
    await pane(bob).getByRole('heading', { name: 'Nothing is scheduled' }).waitFor();
    const as = world.program.as('alice');
    const path = `/api/messaging/channels/${room.channel_id}/scheduled`;
    const { items } = await as.call('GET', path);
    assert.deepEqual(items.map(({ text }) => text), ['Bread and salt are ready']);
    await as.call('PATCH', `${path}/${items[0].id}`, { send_at: new Date(Date.now() + 5_000).toISOString() });
    await bob.message('Bread and salt are ready').waitFor();
    await pane(alice).getByRole('heading', { name: 'Nothing is scheduled' }).waitFor();
  });

  story(context, 'what is scheduled again after a lost answer is there once, and nothing typed is lost', async (world) => {
    const room = await world.program.room('alice', { name: 'Tunnel', slug: 'tunnel' });
    const path = `/api/messaging/channels/${room.channel_id}/scheduled`;
    const alice = await world.visitor('alice', { wide: true });
    const { page } = alice;
    await alice.enter('/city/tunnel');
    let answer;
    const isAnswered = new Promise((done) => (answer = done));
    await page.route('**/scheduled', async (route) => {
      if (route.request().method() !== 'POST') return route.continue();
      await route.fetch();
      await isAnswered;
      await route.abort();
    });
    const form = await sendLater(alice, 'Said once');
    await form.getByRole('button', { name: 'Schedule' }).click();
    await form.getByRole('button', { name: 'Schedule', disabled: true }).waitFor();
    // Whoever has asked waits for the answer.
    await page.keyboard.press('Escape');
    await form.getByRole('button', { name: 'Close' }).click();
    assert.ok(await form.getByRole('button', { name: 'Cancel' }).isDisabled());
    await until('it is scheduled', 20_000, async () => (await world.program.as('alice').call('GET', path)).items.length > 0);
    answer();
    await form.getByText('The server does not answer.').waitFor();
    await page.unrouteAll();
    await form.getByRole('button', { name: 'Schedule' }).click();
    await form.waitFor({ state: 'detached' });
    assert.equal(await alice.composer.inputValue(), '');
    assert.equal((await world.program.as('alice').call('GET', path)).items.length, 1);

    // A press beside closes what nobody has typed into, and nothing else.
    await page.getByRole('button', { name: 'Scheduled messages' }).click();
    const change = page.getByRole('dialog', { name: 'Change what is scheduled' });
    await item(alice, 'Said once').getByRole('button', { name: 'Change…' }).click();
    await alice.focusIn('dialog');
    await page.mouse.click(5, 5);
    await change.waitFor({ state: 'detached' });
    await item(alice, 'Said once').getByRole('button', { name: 'Change…' }).click();
    await change.getByLabel('Message').fill('Ten lines, in the end');
    await page.mouse.click(5, 5);
    await change.getByRole('button', { name: 'Save' }).click();
    await item(alice, 'Ten lines, in the end').waitFor();
  });

  story(context, 'a scheduled message calls whom it names, and one that fails is told of', async (world) => {
    const room = await world.program.room('alice', { name: 'Belfry', slug: 'belfry' });
    for (const name of ['bob', 'olena']) await world.matrix[name].join(room.matrix_room_id);
    const as = (name, method, path, body) =>
      world.program.as(name).call(method, `/api/messaging/channels/${room.channel_id}${path}`, body);
    const at = (ms) => new Date(Date.now() + ms).toISOString();
    const mentions = ['user:alice', 'user:olena'];
    const text = '@Alice and @Олена, come at 8';
    await as('bob', 'POST', '/scheduled', { text, format: 'plain', send_at: at(86_400_000), mentions });
    const bob = await world.visitor('bob', { wide: true });
    const { page } = bob;
    await bob.enter('/city/belfry');
    await page.getByRole('complementary', { name: 'People' }).getByText('Олена', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Scheduled messages', exact: true }).click();
    await item(bob, text).getByRole('button', { name: 'Change…' }).click();
    const change = page.getByRole('dialog', { name: 'Change what is scheduled' });
    await change.getByLabel('Message').fill('All and @Олена, come at 8');
    await change.getByRole('button', { name: 'Save' }).click();
    await item(bob, 'All and @Олена').waitFor();
    const called = async () =>
      (await as('bob', 'GET', '/scheduled')).items.find((it) => it.text.startsWith('All')).mentions;
    assert.deepEqual(await called(), ['user:olena']);
    // Whoever is named anew is called, too.
    await item(bob, 'All and @Олена').getByRole('button', { name: 'Change…' }).click();
    await change.getByLabel('Message').fill('All and @Олена, and @alice, come at 8');
    await change.getByRole('button', { name: 'Save' }).click();
    await item(bob, 'and @alice').waitFor();
    assert.deepEqual(await called(), ['user:olena', 'user:alice']);

    // What is scheduled elsewhere, and what becomes of it, shows at once.
    const failing = await as('bob', 'POST', '/scheduled', { text: 'Never said', format: 'plain', send_at: at(86_400_000) });
    await item(bob, 'Never said').waitFor();

    // Its time comes while its author has no word.
    await as('alice', 'PUT', '/members/user:bob/mute', { seconds: 3_600 });
    await as('bob', 'PATCH', `/scheduled/${failing.id}`, { send_at: at(5_000) });
    await page.getByRole('button', { name: 'Scheduled messages: one was not sent' }).waitFor();
    assert.equal((await as('bob', 'GET', `/scheduled/${failing.id}`)).state, 'failed');
    await item(bob, 'Never said').getByText('Not sent').waitFor();

    // What was asked before a cancelling is too old to be shown after it.
    const kept = (await as('bob', 'GET', '/scheduled')).items.find((it) => it.text.startsWith('All'));
    const stir = () => as('bob', 'PATCH', `/scheduled/${kept.id}`, { send_at: at(90_000_000) });
    let release;
    const old = new Promise((done) => (release = done));
    let isHeld = false;
    await page.route('**/scheduled', async (route) => {
      if (isHeld) return route.continue();
      isHeld = true;
      const answer = await route.fetch();
      await old;
      await route.fulfill({ response: answer, headers: { ...answer.headers(), 'x-old': 'yes' } });
    });
    const asked = page.waitForRequest('**/scheduled');
    await stir();
    await asked;
    await item(bob, 'Never said').getByRole('button', { name: 'Do not send' }).click();
    await page.getByRole('dialog', { name: 'Do not send this message?' }).getByRole('button', { name: 'Do not send' }).click();
    await item(bob, 'Never said').waitFor({ state: 'detached' });
    const late = page.waitForResponse((answer) => answer.headers()['x-old'] === 'yes');
    release();
    await (await late).finished();
    await page.getByRole('button', { name: 'Scheduled messages', exact: true }).waitFor();
    assert.equal(await item(bob, 'Never said').count(), 0);

    // What is known stays while nothing can be read, and the page says that it may be old.
    await page.route('**/scheduled', (route) => route.abort());
    await stir();
    const stale = pane(bob).getByRole('status').filter({ hasText: 'The server does not answer.' });
    await stale.waitFor();
    await item(bob, 'All and @Олена').waitFor();
    await page.unrouteAll();
    await stale.getByRole('button', { name: 'Try again' }).click();
    await stale.waitFor({ state: 'detached' });
  });

  story(context, 'what cannot be scheduled or read says why', async (world) => {
    await world.program.room('alice', { name: 'Refused later', slug: 'refused-later' });
    const alice = await world.visitor('alice', { wide: true });
    const { page } = alice;
    await page.route('**/scheduled', (route) =>
      route.request().method() === 'POST'
        ? route.fulfill({ status: 409, json: { error: 'M_CONFLICT', message: 'too many' } })
        : route.abort());
    await alice.enter('/city/refused-later');
    const form = await sendLater(alice, 'One too many');
    await form.getByRole('button', { name: 'Schedule' }).click();
    await form.getByRole('alert').getByText('You have as many scheduled messages').waitFor();
    await form.getByRole('button', { name: 'Cancel' }).click();
    assert.equal(await alice.composer.inputValue(), 'One too many', 'nothing that was typed is lost');
    await page.getByRole('button', { name: 'Scheduled messages' }).click();
    await pane(alice).getByRole('alert').getByText('The server does not answer.').waitFor();
    await page.unrouteAll();
    await pane(alice).getByRole('button', { name: 'Try again' }).click();
    await pane(alice).getByRole('heading', { name: 'Nothing is scheduled' }).waitFor();
  });

  story(context, 'scheduled messages are readable in each look', async (world) => {
    const room = await world.program.room('alice', { name: 'Later', slug: 'looks-of-later' });
    const path = `/api/messaging/channels/${room.channel_id}/scheduled`;
    const at = new Date(Date.now() + 86_400_000).toISOString();
    for (const text of ['Завтра о восьмій відчиняємо піч, приходьте з хлібом', 'Short']) {
      await world.program.as('alice').call('POST', path, { text, format: 'plain', send_at: at });
    }
    for (const look of LOOKS) {
      for (const phone of [false, true]) {
        const alice = await world.visitor('alice', { ...look, phone, wide: !phone });
        const { page } = alice;
        const check = async (what) => {
          assert.deepEqual(await violations(page), [], `${what}, ${look.theme}, ${look.language}`);
          if (phone) await assertNarrow(page, `${what} in ${look.language}`);
          await page.screenshot({ path: `${world.pictures}later-${phone ? 'phone-' : ''}${look.theme}-${look.language}-${what}.png` });
        };
        await alice.enter('/city/looks-of-later');
        await alice.composer.fill('A message');
        await page.locator('form .box button').first().click();
        await page.locator('[role=dialog] input').waitFor();
        await check('form');
        await page.keyboard.press('Escape');
        await page.locator('[role=dialog]').waitFor({ state: 'detached' });
        if (phone) await page.locator('.talk header .narrow button').tap();
        if (phone) await page.getByRole('menuitem').nth(2).tap();
        else await page.locator('.talk header .wide button').nth(2).click();
        await page.locator('[data-scheduled]').first().waitFor();
        await check('list');
      }
    }
  });
}
