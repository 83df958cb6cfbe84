// What operators do with the tokens of services: make one, see it once, and end it.
import assert from 'node:assert/strict';
import { answers, isForbidden } from '../world/answers.mjs';
import { LOOKS, violations } from '../world/axe.mjs';
import { assertNarrow } from '../world/phone.mjs';
import { until } from '../world/processes.mjs';
import { story } from '../world/story.mjs';

const PATIENCE = { timeout: 30_000 };
const TOKENS = '**/api/admin/services';
const row = (page, name) => page.getByRole('row').filter({ has: page.getByText(name, { exact: true }) });
const isHeld = (token) => /^dst_\S{20,}$/.test(token);

/** What a program is answered that shows a token. */
async function asked({ installation }, token, path, body) {
  const headers = { 'X-Internal-Service-Token': token, 'Content-Type': 'application/json' };
  const request = { headers, method: body ? 'POST' : 'GET', body: body && JSON.stringify(body) };
  return (await fetch(installation.internal + path, request)).status;
}

export function tell(context) {
  story(context, 'a token is made for a service, shown once, copied, used and revoked', async (world) => {
    const { page, context: browser } = await world.operator('/admin');
    await browser.grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.getByRole('link', { name: 'Service tokens' }).click();
    await page.getByRole('heading', { name: 'No tokens yet' }).waitFor();
    await page.getByRole('button', { name: 'Create a token' }).click();
    const form = page.getByRole('dialog', { name: 'Create a token' });
    const create = form.getByRole('button', { name: 'Create', exact: true });
    await create.click();
    await form.getByText('A service needs a name.').waitFor();
    await form.getByLabel('Name of the service').fill('Billing!');
    await create.click();
    await form.getByText('Choose at least one thing that it may do.').waitFor();
    const first = form.getByLabel('gateway:read');
    assert.equal(await first.getAttribute('aria-invalid'), 'true');
    assert.ok(await first.evaluate((it) => it === document.activeElement), 'what is missing has the focus');
    await form.getByLabel('gateway:webhooks').check();
    await form.getByLabel('gateway:send').check();
    await create.click();
    await form.getByText(/The server refused: name/).waitFor();
    await form.getByLabel('Name of the service').fill('billing');
    await form.getByLabel('For whom it may act').fill('nobody in particular');
    await create.click();
    await form.getByText(/The server refused: act_as/).waitFor();
    await form.getByLabel('For whom it may act').fill('agent:*, user:alice');
    await form.getByLabel('Only in these Matrix rooms').fill('!one:city.localhost\n!two:city.localhost');
    await form.getByLabel('In force for').selectOption('30');
    await create.click();

    const once = page.getByRole('dialog', { name: 'The token of “billing”' });
    await once.getByText('It is shown this once.').waitFor();
    const token = await once.getByLabel('Token', { exact: true }).inputValue();
    assert.ok(isHeld(token), token);
    await once.getByRole('button', { name: 'Copy' }).click();
    await once.getByRole('button', { name: 'Copied' }).waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), token);
    await page.mouse.click(4, 4);
    assert.ok(await once.isVisible(), 'pressing beside it loses nothing');
    await once.getByRole('button', { name: 'I have kept it' }).click();
    await once.waitFor({ state: 'detached' });
    assert.ok(!(await page.content()).includes(token), 'it is nowhere any more');

    const billing = row(page, 'billing');
    for (const words of ['gateway:send', 'gateway:webhooks', '!one:city.localhost', '!two:city.localhost']) {
      await billing.getByText(words, { exact: true }).waitFor();
    }
    await billing.getByText('agent:*, user:alice').waitFor();
    await billing.getByText('in 30 days').waitFor();
    await billing.getByText('never', { exact: true }).waitFor();
    await billing.getByText('warden').waitFor();

    assert.equal(await asked(world, token, '/internal/matrix/webhook/subscribe'), 200);
    assert.equal(await asked(world, token, '/internal/agents', { id: 'agent:sly', display_name: 'Sly' }), 403, 'only what was ticked');
    await until('its use is noticed', 30_000, async () => {
      await page.reload();
      await billing.waitFor();
      return (await billing.getByText('never', { exact: true }).count()) === 0;
    });

    await page.getByRole('button', { name: 'Create a token' }).click();
    await form.getByLabel('Name of the service').fill('billing');
    await form.getByLabel('gateway:read').check();
    await create.click();
    await form.getByText('This service has a token that is in force. Revoke that one first.').waitFor();
    await page.keyboard.press('Escape');

    await billing.getByRole('button', { name: 'Revoke: billing' }).click();
    const question = page.getByRole('dialog', { name: 'Revoke the token of “billing”?' });
    await question.getByRole('button', { name: 'Cancel' }).click();
    assert.equal(await asked(world, token, '/internal/matrix/webhook/subscribe'), 200, 'a question is no deed');
    await billing.getByRole('button', { name: 'Revoke: billing' }).click();
    await question.getByRole('button', { name: 'Revoke', exact: true }).click();
    await page.getByText('The token of “billing” is revoked.').waitFor();
    await billing.getByText('Revoked', { exact: true }).waitFor();
    assert.equal(await billing.getByRole('button').count(), 0);
    assert.equal(await asked(world, token, '/internal/matrix/webhook/subscribe'), 401);
  });

  story(context, 'the page of tokens tells that it loads, fails, is closed, and what is over', async (world) => {
    const { page } = await world.operator('/admin/people');
    await page.getByRole('heading', { name: 'People online', level: 1 }).waitFor();
    let letGo;
    const held = new Promise((done) => (letGo = done));
    const reading = await answers(page, TOKENS, async (route) => {
      await held;
      await route.abort();
    });
    await page.getByRole('link', { name: 'Service tokens' }).click();
    await page.locator('main [aria-busy="true"]').waitFor();
    letGo();
    const trouble = page.getByRole('main').getByRole('alert');
    await trouble.getByText('The server does not answer.').waitFor();
    reading.become(isForbidden);
    await trouble.getByRole('button', { name: 'Try again' }).click();
    await trouble.getByRole('heading', { name: 'Only operators may look in here' }).waitFor();
    await page.unroute(TOKENS);
    const token = (name, more) => ({
      id: name, name, scopes: ['gateway:read'], act_as: [], rooms: null, created_at: '2025-01-01T00:00:00.000Z',
      created_by: 'warden', expires_at: null, last_used_at: null, revoked_at: null, is_good: true, ...more,
    });
    const scopes = ['read', 'send', 'rooms', 'members', 'users', 'media', 'webhooks'].map((it) => `gateway:${it}`);
    await page.route(TOKENS, (route) => route.fulfill({ json: { next: null, items: [
      token('worn-out', { is_good: false, expires_at: '2025-02-01T00:00:00.000Z' }),
      token('whole', { scopes: [...scopes, 'agents', 'city', 'api'] }),
      token('gate', { scopes: [...scopes, 'agents'] }),
    ] } }));
    await page.reload();
    await row(page, 'worn-out').getByText('Expired', { exact: true }).waitFor();
    await row(page, 'whole').getByText('*', { exact: true }).waitFor();
    await row(page, 'gate').getByText('gateway:*', { exact: true }).waitFor();
    await row(page, 'gate').getByText('agents', { exact: true }).waitFor();
    await row(page, 'gate').getByText('until it is revoked').waitFor();
    await row(page, 'gate').getByText('in every room').waitFor();
    assert.match(await page.locator('tbody tr').last().textContent(), /worn-out/, 'what is over stands last');
    await page.route(`${TOKENS}/gate`, (route) => route.fulfill({ status: 503, json: { error: 'STORE_UNAVAILABLE', message: 'full' } }));
    await row(page, 'gate').getByRole('button', { name: 'Revoke: gate' }).click();
    const question = page.getByRole('dialog');
    await question.getByRole('button', { name: 'Revoke', exact: true }).click();
    await question.getByRole('alert').getByText('The city cannot write to its disk').waitFor();
  });

  story(context, 'a token is made by the keyboard alone', async (world) => {
    const { page } = await world.operator('/admin/services');
    const begin = page.getByRole('button', { name: 'Create a token' });
    await begin.focus();
    await page.keyboard.press('Enter');
    const form = page.getByRole('dialog', { name: 'Create a token' });
    await form.getByLabel('Name of the service').focus();
    await page.keyboard.type('by-keyboard');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Space');
    assert.ok(await form.getByLabel('gateway:read').isChecked());
    await page.keyboard.press('Enter');
    const once = page.getByRole('dialog', { name: 'The token of “by-keyboard”' });
    await once.waitFor();
    await until('the focus is in the dialog', 20_000, () => once.evaluate((it) => it.contains(document.activeElement)));
    await page.keyboard.press('Escape');
    await once.waitFor({ state: 'detached' });
    await row(page, 'by-keyboard').waitFor(PATIENCE);
  });

  for (const look of LOOKS) {
    story(context, `the page of tokens looks well: ${look.theme}, ${look.language}`, async (world) => {
      const name = `well-${look.theme}-${look.language}`;
      await world.serviceToken({ name, scopes: ['*'], act_as: ['*'], expires_in: 86_400 });
      const { page } = await world.operator('/admin/services', look);
      await row(page, name).waitFor();
      const fine = async (state) => assert.deepEqual(await violations(page), [], state);
      await fine('filled');
      await page.locator('main header button').click();
      await page.locator('[role=dialog] form button[type=submit]').click();
      await page.locator('[role=dialog] [aria-invalid=true]').waitFor();
      await fine('the form, and what is wrong in it');
      await page.locator('[role=dialog] input').first().fill(`${name}-more`);
      await page.locator('[role=dialog] input[type=checkbox]').nth(1).check();
      await page.locator('[role=dialog] form button[type=submit]').click();
      await page.locator('[role=dialog] input[readonly]').waitFor();
      await fine('shown once');
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      await row(page, name).getByRole('button').click();
      await page.getByRole('dialog').waitFor();
      await fine('the question');
    });
  }

  story(context, 'on a phone the tokens are cards, and nothing scrolls sideways', async (world) => {
    await world.serviceToken({ name: `a-service-with-quite-a-long-name.${'x'.repeat(25)}`, scopes: ['gateway:read'], rooms: [`!${'y'.repeat(80)}:city.localhost`] });
    for (const language of ['en', 'uk']) {
      const { page } = await world.operator('/admin/services', { phone: true, language });
      await page.locator('tbody tr').first().waitFor();
      await assertNarrow(page, language);
      await page.locator('main header button').tap();
      const dialog = page.getByRole('dialog');
      await dialog.waitFor();
      await assertNarrow(page, `the form, ${language}`);
      assert.ok(await dialog.evaluate((it) => it.scrollWidth <= it.clientWidth), 'nor does the form');
    }
  });
}
