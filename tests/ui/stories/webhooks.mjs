// What operators do with webhooks: make one, see what it is told, and look after what failed.
import assert from 'node:assert/strict';
import { answers } from '../world/answers.mjs';
import { LOOKS, violations } from '../world/axe.mjs';
import { assertNarrow } from '../world/phone.mjs';
import { until } from '../world/processes.mjs';
import { Receiver, signatures } from '../world/receiver.mjs';
import { story } from '../world/story.mjs';

const PATIENCE = { timeout: 30_000 };
const HOOKS = /\/api\/admin\/webhooks\?/;
const SAID = 'messaging.message.created';
const row = (page, text) => page.getByRole('row').filter({ hasText: text });
const panel = (page, name) => page.getByRole('region', { name });
const inside = (world, method, path, body) => world.program.as('alice').inside(method, `/internal/matrix/webhook/${path}`, body);

/** A room, and a webhook that is told of what is said there, made without the page. */
async function furnish(world, slug, receiver, more = {}) {
  const room = await world.program.room('alice', { name: slug, slug });
  const body = { room_id: room.matrix_room_id, webhook_url: receiver.url, events: [SAID], description: slug, ...more };
  const { subscription_id: id, secret } = await inside(world, 'POST', 'subscribe', body);
  return { room, id, secret };
}

const hook = (world, id) => inside(world, 'GET', `subscribe/${id}`);

/** Says something that the receiver refuses until it is given up. */
async function bury(world, receiver, { room, id }, texts) {
  receiver.status = 500;
  receiver.answer = 'out of order';
  for (const [at, text] of texts.entries()) {
    await world.program.say('alice', room, text);
    // One after the other: what has waited long behind another is tried once and no more.
    await until('it is given up', 30_000, async () => (await hook(world, id)).dead_letters > at);
  }
  receiver.status = 200;
  receiver.answer = 'thank you';
}

async function withReceiver(tell) {
  const receiver = await Receiver.start();
  try {
    await tell(receiver);
  } finally {
    receiver.close();
  }
}

async function act(page, name, deed) {
  await page.getByRole('button', { name: `Actions for ${name}` }).click();
  await page.getByRole('menuitem', { name: deed }).click();
}

export function tell(context) {
  story(context, 'a webhook is made, its secret is shown once, and it is told of what is said', (world) => withReceiver(async (receiver) => {
    const room = await world.program.room('alice', { name: 'Ledger', slug: 'ledger' });
    const { page } = await world.operator('/admin');
    await page.getByRole('link', { name: 'Webhooks' }).click();
    await page.getByRole('heading', { name: 'No webhooks yet' }).waitFor();
    await page.getByRole('link', { name: 'Dead letters' }).click();
    await page.getByRole('heading', { name: 'No dead letters' }).waitFor();
    assert.equal(await page.getByRole('link', { name: 'Webhooks', exact: true }).getAttribute('aria-current'), 'page');
    await page.getByRole('link', { name: 'All webhooks' }).click();

    await page.getByRole('button', { name: 'Create a webhook' }).click();
    const form = page.getByRole('dialog', { name: 'Create a webhook' });
    const create = form.getByRole('button', { name: 'Create', exact: true });
    await create.click();
    await form.getByText('A webhook needs an address.').waitFor();
    await form.getByLabel('Address of the receiver').fill('http://169.254.1.1/hook');
    await create.click();
    await form.getByText(/The server refused: webhook_url/).waitFor();
    await form.getByLabel('Address of the receiver').fill(receiver.url);
    await form.getByLabel('What is it for?').fill('Bookkeeping');
    await form.getByLabel('From where').selectOption({ label: 'Another Matrix room…' });
    await create.click();
    await form.getByText('Name the Matrix room.').waitFor();
    await form.getByLabel('From where').selectOption({ label: 'Ledger' });
    await form.getByLabel('Of what').selectOption({ label: 'Only what is ticked' });
    await create.click();
    await form.getByText('Tick at least one, or choose everything.').waitFor();
    await form.getByLabel('A message is sent').check();
    await form.getByText('By types of Matrix events').click();
    await form.getByLabel('m.room.topic').check();
    await create.click();
    const once = page.getByRole('dialog', { name: 'The webhook is made' });
    const secret = await once.getByLabel('Signing secret').inputValue();
    assert.match(secret, /^whsec_\S{20,}$/);
    await once.getByRole('button', { name: 'I have kept it' }).click();
    await once.waitFor({ state: 'detached' });
    assert.ok(!(await page.content()).includes(secret), 'it is nowhere any more');

    const made = row(page, 'Bookkeeping');
    await made.getByText('Active', { exact: true }).waitFor();
    await made.getByText('A message is sent', { exact: true }).waitFor();
    await made.getByText('m.room.topic', { exact: true }).waitFor();
    await made.getByText('Ledger', { exact: true }).waitFor();
    await made.getByText('nothing sent yet').waitFor();
    await world.program.say('alice', room, 'Three loaves, paid');
    const [told] = await receiver.deliveries(SAID);
    assert.equal(signatures(told, secret), 1);
    assert.equal(told.json.event.content.body, 'Three loaves, paid');
    await made.getByText('Delivered', { exact: true }).waitFor(PATIENCE);
    await made.getByText(/^HTTP 200 in [\d,]+ ms$/).waitFor();
    await made.getByText('up to date').waitFor(PATIENCE);

    await made.getByRole('link', { name: receiver.url }).click();
    await page.getByRole('heading', { name: 'Bookkeeping', level: 1 }).waitFor();
    assert.equal(await page.getByRole('link', { name: 'Webhooks', exact: true }).getAttribute('aria-current'), 'page');
    for (const words of [SAID, 'm.room.topic', 'Ledger', room.matrix_room_id, 'an operator or the shared secret']) {
      await panel(page, 'What it is told').getByText(words, { exact: true }).waitFor();
    }
    const tries = panel(page, 'Deliveries').getByRole('listitem');
    await tries.first().waitFor();
    assert.equal(await tries.count(), 1);
    await tries.getByText('A message is sent').click();
    await tries.getByText(told.headers['webhook-id']).waitFor();
    await tries.getByText(told.json.event.event_id).waitFor();
    await tries.getByRole('region', { name: 'Answer' }).getByText('thank you').waitFor();
    assert.ok(!(await page.content()).includes('Three loaves'), 'what was said is not kept');
  }));

  story(context, 'a webhook is tried out, changed, paused, resumed and deleted', (world) => withReceiver(async (receiver) => {
    const { room, secret } = await furnish(world, 'workbench', receiver);
    const { page } = await world.operator('/admin/webhooks');
    await row(page, 'workbench').waitFor();
    receiver.status = 418;
    receiver.answer = '<b>a teapot</b>';
    await act(page, 'workbench', 'Send a test event');
    const outcome = page.getByRole('dialog', { name: 'Test event' });
    await outcome.getByText(/^The test failed: HTTP 418 in [\d,]+ ms$/).waitFor();
    await outcome.getByText('<b>a teapot</b>', { exact: true }).waitFor();
    receiver.status = 204;
    await outcome.getByRole('button', { name: 'Send another' }).click();
    await outcome.getByText(/^The test arrived: HTTP 204 in [\d,]+ ms$/).waitFor();
    await outcome.getByText('The answer was empty.').waitFor();
    await outcome.locator('.actions').getByRole('button', { name: 'Close' }).click();
    await outcome.waitFor({ state: 'detached' });
    for (const test of await receiver.deliveries('webhook.test', 2)) assert.equal(signatures(test, secret), 1);
    await row(page, 'workbench').getByText('The test arrived').waitFor();

    await act(page, 'workbench', 'Edit');
    const form = page.getByRole('dialog', { name: 'Edit the webhook' });
    assert.equal(await form.getByLabel('Address of the receiver').inputValue(), receiver.url);
    assert.ok(await form.getByLabel('A message is sent').isChecked());
    assert.equal(await form.getByLabel('From where').count(), 0, 'its room stays');
    await form.getByLabel('What is it for?').fill('joinery');
    await form.getByLabel('Somebody reacts').check();
    await form.getByRole('button', { name: 'Save' }).click();
    await page.getByText('The webhook is changed.').waitFor();
    await row(page, 'joinery').getByText('Somebody reacts').waitFor();

    await act(page, 'joinery', 'Pause');
    await page.getByText('“joinery” is paused.').waitFor();
    await row(page, 'joinery').getByText('Paused', { exact: true }).waitFor();
    await row(page, 'joinery').getByText(/as somebody asked/).waitFor();
    await world.program.say('alice', room, 'While it rests');
    await row(page, 'joinery').getByText(/^[\d,]+ events? behind$/).waitFor(PATIENCE);
    assert.equal(receiver.seen.filter(({ json }) => json.name === SAID).length, 0, 'nothing is sent');
    await act(page, 'joinery', 'Resume');
    await page.getByText('“joinery” is at work again.').waitFor();
    const [told] = await receiver.deliveries(SAID);
    assert.equal(told.json.event.content.body, 'While it rests');

    await act(page, 'joinery', 'Delete');
    const question = page.getByRole('dialog', { name: 'Delete the webhook “joinery”?' });
    await question.getByRole('button', { name: 'Cancel' }).click();
    await question.waitFor({ state: 'detached' });
    await act(page, 'joinery', 'Delete');
    await question.getByRole('button', { name: 'Delete' }).click();
    await page.getByText('The webhook “joinery” is deleted.').waitFor();
    await row(page, 'joinery').waitFor({ state: 'detached' });
  }));

  story(context, 'a secret is replaced, and the old one signs beside it as long as was asked', (world) => withReceiver(async (receiver) => {
    const { room, id, secret } = await furnish(world, 'locksmith', receiver);
    const { page } = await world.operator(`/admin/webhooks/${id}`);
    const rotate = async (overlap) => {
      await act(page, 'locksmith', 'Replace the secret');
      const form = page.getByRole('dialog', { name: 'Replace the signing secret?' });
      await form.getByLabel('The old secret signs, too').selectOption({ label: overlap });
      await form.getByRole('button', { name: 'Replace the secret' }).click();
      const once = page.getByRole('dialog', { name: 'The secret is replaced' });
      const fresh = await once.getByLabel('Signing secret').inputValue();
      const words = await once.textContent();
      await once.getByRole('button', { name: 'I have kept it' }).click();
      await once.waitFor({ state: 'detached' });
      return { fresh, words };
    };
    const second = await rotate('for an hour');
    assert.match(second.words, /The old one signs beside it until .*\d{2}:\d{2}/);
    await panel(page, 'What it is told').getByText(/^signs, too, until /).waitFor();
    await world.program.say('alice', room, 'Both keys fit');
    const [both] = await receiver.deliveries(SAID);
    assert.equal(signatures(both, second.fresh), 2);
    assert.equal(signatures(both, secret), 2);
    const third = await rotate('no more: it has got about');
    assert.match(third.words, /The old one signs no more\./);
    await world.program.say('alice', room, 'One key fits');
    const [, alone] = await receiver.deliveries(SAID, 2);
    assert.equal(signatures(alone, third.fresh), 1);
    await panel(page, 'What it is told').getByText(/^signs, too, until /).waitFor({ state: 'detached' });
  }));

  story(context, 'what a receiver refuses becomes a dead letter, and is delivered when it is replayed', (world) => withReceiver(async (receiver) => {
    const made = await furnish(world, 'workshop', receiver);
    const { page } = await world.operator('/admin/webhooks');
    await bury(world, receiver, made, ['The first', 'The second', 'The third']);
    const failed = row(page, 'workshop');
    await failed.getByText('Given up', { exact: true }).waitFor(PATIENCE);
    await failed.getByText(/^HTTP 500 in [\d,]+ ms$/).waitFor();
    await failed.getByRole('link', { name: receiver.url }).click();
    const tries = panel(page, 'Deliveries').getByRole('listitem');
    await tries.first().getByText('Given up').click();
    await tries.first().getByText('try 3').waitFor();
    await tries.first().getByRole('region', { name: 'Answer' }).getByText('out of order').waitFor();
    await tries.nth(1).getByText('Failed, tried again').click();
    await tries.nth(1).getByText(/^The next try is /).waitFor();
    await page.getByRole('link', { name: '3 dead letters' }).click();

    await page.getByRole('heading', { name: 'Dead letters', level: 1 }).waitFor();
    const chosen = page.getByLabel('Webhook');
    await until('those of this one', 10_000, async () => (await chosen.inputValue()) === made.id);
    const letters = page.locator('tbody tr');
    await letters.nth(2).waitFor();
    await letters.first().getByText('3 tries').waitFor();
    await letters.first().getByText(/500/).waitFor();
    const before = receiver.seen.length;
    await letters.first().getByRole('button', { name: /^Deliver again/ }).click();
    await page.getByText('1 dead letter was sent again; nothing waits.').waitFor(PATIENCE);
    await letters.nth(2).waitFor({ state: 'detached' });
    assert.deepEqual(receiver.seen.slice(before).map(({ json }) => json.event.content.body), ['The first']);
    signatures(receiver.seen[before], made.secret);

    await page.getByLabel('Arrived from').fill('2200-01-01T00:00');
    await page.getByText('No dead letter matches this choice.').waitFor();
    await page.getByLabel('Arrived from').fill('2020-01-01T00:00');
    await page.getByLabel('Arrived before').fill('2200-01-01T00:00');
    await letters.nth(1).waitFor();
    receiver.hold();
    await page.getByRole('button', { name: 'Deliver all of these again' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Deliver again' }).click();
    const bar = page.getByRole('progressbar', { name: 'Dead letters are on their way' });
    await bar.waitFor();
    assert.equal(await bar.getAttribute('aria-valuemax'), '2');
    await page.reload();
    await bar.waitFor();
    assert.equal(await page.getByLabel('Arrived from').inputValue(), '2020-01-01T00:00', 'the choice stays');
    receiver.letGo();
    await page.getByText('2 dead letters were sent again; nothing waits.').waitFor(PATIENCE);
    await until('both arrived', 30_000, async () => (await hook(world, made.id)).pending === 0);
    const last = receiver.seen.slice(before + 1).map(({ json }) => json.event.content.body);
    assert.deepEqual([...new Set(last)], ['The second', 'The third']);
    await page.getByText('No dead letter matches this choice.').waitFor();
  }));

  story(context, 'dead letters are purged after a question, of the webhook that was chosen alone', (world) => withReceiver(async (receiver) => {
    const one = await furnish(world, 'garret', receiver);
    const other = await furnish(world, 'cellar', receiver);
    await bury(world, receiver, one, ['Old']);
    await bury(world, receiver, other, ['Older', 'Oldest']);
    const { page } = await world.operator('/admin/webhooks/dead-letters');
    await row(page, 'garret').waitFor();
    await page.getByLabel('Webhook').selectOption({ label: 'cellar' });
    await row(page, 'garret').waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Purge all of these' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Purge' }).click();
    await page.getByText('2 dead letters are purged.').waitFor();
    await page.getByText('No dead letter matches this choice.').waitFor();
    await page.getByLabel('Webhook').selectOption({ label: 'All' });
    await row(page, 'garret').waitFor();
    assert.equal((await hook(world, one.id)).dead_letters, 1);
  }));

  story(context, 'a receiver that is gone pauses its webhook', (world) => withReceiver(async (receiver) => {
    const { room } = await furnish(world, 'vacant', receiver);
    receiver.status = 410;
    await world.program.say('alice', room, 'Anybody home?');
    const { page } = await world.operator('/admin/webhooks');
    await row(page, 'vacant').getByText(/the receiver wants no more \(410\)/).waitFor(PATIENCE);
    await row(page, 'vacant').getByText('Gone, paused').waitFor(PATIENCE);
  }));

  story(context, 'a webhook says which service has made it, and rests when its token is revoked', (world) => withReceiver(async (receiver) => {
    const token = await world.serviceToken({ name: 'courier', scopes: ['gateway:webhooks'] });
    const headers = { 'X-Internal-Service-Token': token, 'Content-Type': 'application/json' };
    const body = JSON.stringify({ webhook_url: receiver.url, description: 'parcels' });
    const request = { method: 'POST', headers, body };
    const answer = await fetch(`${world.installation.internal}/internal/matrix/webhook/subscribe`, request);
    const { subscription_id: id } = await answer.json();
    const { page } = await world.operator(`/admin/webhooks/${id}`);
    const told = panel(page, 'What it is told');
    await told.getByText('courier', { exact: true }).waitFor();
    await told.getByText('Everything', { exact: true }).waitFor();
    await told.getByText('All rooms and channels').waitFor();
    await page.getByRole('link', { name: 'Service tokens' }).click();
    await page.getByRole('button', { name: 'Revoke: courier' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke', exact: true }).click();
    await page.getByText('The token of “courier” is revoked.').waitFor();
    await page.getByRole('link', { name: 'Webhooks' }).click();
    await row(page, 'parcels').getByText(/its service has no token/).waitFor(PATIENCE);
    await act(page, 'parcels', 'Resume');
    await page.getByText(/The server refused: the service courier has no token/).waitFor();
  }));

  story(context, 'the pages of webhooks tell that they load, fail, are closed, and that nothing is there', (world) => withReceiver(async (receiver) => {
    const { id } = await furnish(world, 'glasshouse', receiver);
    const closed = (route) => route.fulfill({ status: 403, json: { error: 'M_FORBIDDEN', message: 'no' } });
    for (const [path, asked] of [
      ['/admin/webhooks', HOOKS],
      ['/admin/webhooks/dead-letters', /\/api\/admin\/dead-letters\?/],
      [`/admin/webhooks/${id}`, new RegExp(`/api/admin/webhooks/${id}$`)],
    ]) {
      const { page } = await world.operator('/admin/people');
      await page.getByRole('heading', { name: 'People online', level: 1 }).waitFor();
      let letGo;
      const held = new Promise((done) => (letGo = done));
      const reading = await answers(page, asked, async (route) => {
        await held;
        await route.abort();
      });
      await page.goto(path);
      await page.locator('main [aria-busy="true"]').first().waitFor();
      letGo();
      const trouble = page.getByRole('main').getByRole('alert');
      await trouble.getByText('The server does not answer.').waitFor();
      reading.become(closed);
      await trouble.getByRole('button', { name: 'Try again' }).click();
      await trouble.getByRole('heading', { name: 'Only operators may look in here' }).waitFor();
    }
    const { page } = await world.operator(`/admin/webhooks/${id}`);
    await panel(page, 'Deliveries').getByText('Nothing was sent yet').waitFor();
    await page.goto('/admin/webhooks/sub-00000000-0000-0000-0000-000000000000');
    await page.getByRole('heading', { name: 'Nothing is here' }).waitFor();
  }));

  story(context, 'a webhook is tried out by the keyboard alone', (world) => withReceiver(async (receiver) => {
    await furnish(world, 'typist', receiver);
    const warden = await world.operator('/admin/webhooks');
    const { page } = warden;
    const actions = page.getByRole('button', { name: 'Actions for typist' });
    await actions.focus();
    await page.keyboard.press('Enter');
    await warden.focusIn('menu');
    await page.keyboard.type('send');
    await page.keyboard.press('Enter');
    const outcome = page.getByRole('dialog', { name: 'Test event' });
    await outcome.getByText(/^The test arrived/).waitFor();
    assert.ok(await outcome.evaluate((it) => it.contains(document.activeElement)), 'the focus is in the dialog');
    await page.keyboard.press('Escape');
    await outcome.waitFor({ state: 'detached' });
    assert.ok(await actions.evaluate((it) => it === document.activeElement), 'and comes back');
  }));

  for (const look of LOOKS) {
    story(context, `the pages of webhooks look well: ${look.theme}, ${look.language}`, (world) => withReceiver(async (receiver) => {
      const name = `show-${look.theme}-${look.language}`;
      const made = await furnish(world, name, receiver, { events: [SAID, 'm.reaction', 'm.room.topic'] });
      await bury(world, receiver, made, ['Lost']);
      const { page } = await world.operator('/admin/webhooks', look);
      const fine = async (state) => assert.deepEqual(await violations(page), [], state);
      const close = async () => {
        await page.keyboard.press('Escape');
        await page.getByRole('dialog').waitFor({ state: 'detached' });
      };
      await row(page, name).waitFor();
      await fine('the list');
      await page.locator('main header button').click();
      await page.locator('[role=dialog] select').last().selectOption('some');
      await page.locator('[role=dialog] summary').click();
      await page.locator('[role=dialog] form button[type=submit]').click();
      await page.locator('[role=dialog] [aria-invalid=true]').waitFor();
      await fine('the form, and what is wrong in it');
      await close();
      for (const [at, seen] of [[1, 'pre'], [4, 'select'], [6, '.actions']]) {
        await row(page, name).getByRole('button').click();
        await page.getByRole('menuitem').nth(at).click();
        await page.locator(`[role=dialog] ${seen}`).first().waitFor();
        await fine(`the dialog of deed ${at}`);
        await close();
      }
      await page.goto(`/admin/webhooks/${made.id}`);
      await page.locator('main details').first().locator('summary').click();
      await page.locator('main pre').first().waitFor();
      await fine('one of them');
      await page.goto(`/admin/webhooks/dead-letters?webhook=${made.id}`);
      await page.locator('tbody tr').first().waitFor();
      await fine('dead letters');
      receiver.hold();
      await page.locator('tbody button').first().click();
      await page.getByRole('progressbar').waitFor();
      await fine('on their way');
    }));
  }

  story(context, 'on a phone webhooks are cards, and nothing scrolls sideways', (world) => withReceiver(async (receiver) => {
    const made = await furnish(world, 'purse', receiver, { description: `${'a long description '.repeat(8)}end`, events: [] });
    await bury(world, receiver, made, ['Small']);
    for (const language of ['en', 'uk']) {
      for (const [path, ready] of [
        ['/admin/webhooks', 'tbody tr'],
        [`/admin/webhooks/${made.id}`, 'main details'],
        ['/admin/webhooks/dead-letters', 'tbody tr'],
      ]) {
        const { page } = await world.operator(path, { phone: true, language });
        await page.locator(ready).first().waitFor();
        if (ready === 'main details') await page.locator('main summary').first().tap();
        await assertNarrow(page, `${path}, ${language}`);
      }
      const { page } = await world.operator('/admin/webhooks', { phone: true, language });
      await page.locator('main header button').tap();
      const dialog = page.getByRole('dialog');
      await dialog.locator('select').last().selectOption('some');
      await assertNarrow(page, `the form, ${language}`);
      assert.ok(await dialog.evaluate((it) => it.scrollWidth <= it.clientWidth), 'nor does the form');
    }
  }));
}
