// What operators see of the installation: how it does, who is there, and how it is set.
import assert from 'node:assert/strict';
import { answers, breaksOff, goesOn } from '../world/answers.mjs';
import { story } from '../world/story.mjs';

const panel = (page, name) => page.getByRole('region', { name });
const fact = (page, name) => page.locator('dt', { hasText: name }).locator('xpath=following-sibling::dd');
const PATIENCE = { timeout: 30_000 };

export function tell(context) {
  story(context, 'the overview tells how the link, the journal and the store do', async (world) => {
    const room = await world.program.room('alice', { name: 'Watched', slug: 'watched' });
    await world.program.say('alice', room, 'Something happens');
    const { page } = await world.operator('/admin');
    const homeserver = panel(page, 'Homeserver');
    await homeserver.getByText('Connected').waitFor();
    await homeserver.getByText('In order').waitFor(PATIENCE);
    await homeserver.getByText('city.localhost').waitFor();
    await homeserver.getByText(world.installation.synapse).waitFor();
    await homeserver.getByText(/^(just now|\d+ (second|minute)s? ago)$/).waitFor();
    const events = panel(page, 'Events');
    await events.getByText(/^[\d,]+ events? in the last minute$/).waitFor();
    await events.getByText(/^[1-9][\d,]* events? in the last hour$/).waitFor();
    assert.equal(await events.getByRole('img', { name: /Events in each of the last 60 minutes/ }).locator('rect').count(), 60);
    const store = panel(page, 'Store');
    await store.getByText(/^[\d.]+ (kB|MB)$/).waitFor();
    await store.getByText('works').waitFor();
    const readers = panel(page, 'Journal readers');
    await readers.getByRole('row', { name: /^index [\d,]+ up to date$/ }).waitFor();
    await readers.getByText(/^The journal holds events 1 to [\d,]+\.$/).waitFor();
    const tiles = page.locator('dl').first();
    await tiles.getByRole('link', { name: 'Channels' }).click();
    await page.waitForURL('**/admin/rooms');
  });

  story(context, 'an event that cannot be used is counted, with its reason and without its words', async (world) => {
    const room = await world.program.room('alice', { name: 'Odd', slug: 'odd' });
    const { page } = await world.operator('/admin');
    await page.getByRole('heading', { name: 'Skipped events' }).waitFor();
    await world.matrix.alice.send(room.matrix_room_id, { secret: 7 }, 'org.example.odd');
    const skipped = panel(page, 'Skipped events');
    await skipped.getByText(/\d+ events? of (a channel|channels) could not be used/).waitFor(PATIENCE);
    await skipped.getByRole('listitem').first().waitFor();
    const problems = panel(page, 'Latest problems');
    const problem = problems.getByRole('listitem').filter({ hasText: 'events of channels cannot be used' });
    await problem.getByText('What to do:').waitFor();
    await problem.getByText('See the skipped events below').waitFor();
    await skipped.getByText('unknown type org.example.odd').waitFor();
    assert.doesNotMatch(await page.locator('main').textContent(), /secret/);
  });

  story(context, 'a screen of operators shows that it loads, that it failed, and what it read last', async (world) => {
    const { page } = await world.operator('/admin/people');
    await page.getByRole('heading', { name: 'People online', level: 1 }).waitFor();
    let answerNow;
    const held = new Promise((done) => (answerNow = done));
    const reading = await answers(page, '**/api/admin/overview', async (route) => {
      await held;
      await route.abort();
    });
    await page.getByRole('link', { name: 'Overview' }).click();
    await page.locator('main [aria-busy="true"]').waitFor();
    answerNow();
    const failed = page.getByRole('main').getByRole('alert');
    await failed.getByText('The server does not answer.').waitFor();
    await reading.after(() => failed.getByRole('button', { name: 'Try again' }).click(), goesOn);
    await panel(page, 'Homeserver').waitFor();
    reading.become(breaksOff);
    await page.getByText('This is what was read last.').waitFor(PATIENCE);
    await panel(page, 'Homeserver').getByText('city.localhost').waitFor();
    await reading.after(() => page.getByRole('button', { name: 'Try again' }).click(), goesOn);
    await page.getByText('This is what was read last.').waitFor({ state: 'detached' });
  });

  story(context, 'what is read again every second is shown when each answer takes two', async (world) => {
    const { page } = await world.operator('/admin/people');
    let most = 0;
    let underWay = 0;
    await page.route('**/api/admin/backfill', async (route) => {
      most = Math.max(most, (underWay += 1));
      const answer = await route.fetch();
      setTimeout(() => {
        underWay -= 1;
        void route.fulfill({ response: answer });
      }, 2_000);
    });
    await page.goto('/admin/rooms');
    await page.getByRole('button', { name: 'Start a backfill' }).waitFor();
    await page.waitForResponse('**/api/admin/backfill');
    await page.waitForResponse('**/api/admin/backfill');
    assert.equal(most, 1, 'one is asked for at a time');
  });

  story(context, 'an agent is registered with the homeserver, and what is wrong is said at its field', async (world) => {
    const { page } = await world.operator('/admin/agents');
    await page.getByRole('button', { name: 'Create an agent' }).click();
    const dialog = page.getByRole('dialog', { name: 'Create an agent' });
    const create = dialog.getByRole('button', { name: 'Create', exact: true });
    await create.click();
    await dialog.getByText('An agent needs an id.').waitFor();
    await dialog.getByLabel('Id').fill('Not An Id!');
    await create.click();
    await dialog.getByText(/The server refused: id/).waitFor();
    assert.equal(await dialog.getByLabel('Id').getAttribute('aria-invalid'), 'true');
    await dialog.getByLabel('Id').fill('sofia');
    await dialog.getByLabel('Display name').fill('Софія');
    await create.click();
    await page.getByText('The agent “Софія” is registered.').waitFor();
    const row = page.getByRole('row').filter({ hasText: 'agent:sofia' });
    await row.getByText('Софія', { exact: true }).waitFor();
    await row.getByText('@agent_sofia:city.localhost').waitFor();
    await page.getByRole('button', { name: 'Create an agent' }).click();
    await dialog.getByLabel('Id').fill('sofia');
    await create.click();
    await dialog.getByText('There is an agent with this id already.').waitFor();
    const profile = await world.matrix.alice.call('GET', '/profile/@agent_sofia:city.localhost');
    assert.equal(profile.displayname, 'Софія');
  });

  story(context, 'people come and go on the page of who is online', async (world) => {
    const room = await world.program.room('alice', { name: 'Present', slug: 'present' });
    await world.matrix.taras.join(room.matrix_room_id);
    const presence = (state) =>
      world.matrix.taras.call('PUT', '/presence/@taras:city.localhost/status', { presence: state });
    await presence('online');
    const { page } = await world.operator('/admin/people');
    const taras = page.getByRole('main').getByRole('listitem').filter({ hasText: '@taras:city.localhost' });
    await taras.getByText('Тарас', { exact: true }).waitFor(PATIENCE);
    await taras.getByText(/^in \d+ channels?$/).waitFor();
    await page.getByRole('status').getByText(/^\d+ (person|people)$/).waitFor();
    await presence('offline');
    await taras.waitFor({ state: 'detached', ...PATIENCE });
  });

  story(context, 'of a long list the first page is read again and again, the others when somebody asks', async (world) => {
    const { page } = await world.operator('/admin');
    const person = (name) => ({ entity_id: `user:${name}`, matrix_user_id: `@${name}:city.localhost`, display_name: name, channels: 1 });
    const asked = [];
    await page.route('**/api/admin/online*', (route) => {
      const cursor = new URL(route.request().url()).searchParams.get('cursor');
      asked.push(cursor);
      const json = cursor ? { items: [person('second')], next: null } : { items: [person('first')], next: 'behind-first' };
      return route.fulfill({ json });
    });
    await page.goto('/admin/people');
    await page.getByRole('button', { name: 'Show more' }).click();
    await page.getByText('@second:city.localhost').waitFor();
    for (let round = 0; round < 2; round += 1) await page.waitForResponse('**/api/admin/online*');
    assert.ok(await page.getByText('@second:city.localhost').isVisible());
    assert.deepEqual(asked.filter(Boolean), ['behind-first']);
  });

  story(context, 'the configuration is shown with its sources, and no secret is anywhere in it', async (world) => {
    const { page } = await world.operator('/admin/config');
    await panel(page, '[matrix]').waitFor();
    const setting = (key) => page.locator('.setting').filter({ has: page.getByText(key, { exact: true }) });
    await setting('server_name').getByText('city.localhost').waitFor();
    await setting('server_name').getByText('File', { exact: true }).waitFor();
    await setting('heal_interval').getByText('Default', { exact: true }).waitFor();
    for (const key of ['as_token', 'hs_token', 'secret']) await setting(key).getByText('hidden', { exact: true }).waitFor();
    const text = await page.content();
    for (const secret of Object.values(world.installation.secrets)) assert.ok(!text.includes(secret));
    await page.getByLabel('Find a key').fill('heal');
    await setting('server_name').waitFor({ state: 'detached' });
    await setting('heal_interval').waitFor();
  });

  story(context, 'the doctor tells what it found', async (world) => {
    const { page } = await world.operator('/admin');
    // A first examination waits for its canary.
    const asked = page.waitForResponse((answer) => answer.url().endsWith('/api/admin/doctor') && answer.ok(), { timeout: 60_000 });
    await page.getByRole('link', { name: 'Doctor' }).click();
    await page.getByRole('heading', { name: 'Doctor', level: 1 }).waitFor();
    assert.equal((await asked).request().method(), 'POST', 'looking at it sets nothing in motion');
    await page.getByRole('heading', { name: /The homeserver answers/ }).waitFor();
    await page.route('**/api/admin/doctor', (route) => route.fulfill({ json: { status: 'failed', examined_at: new Date().toISOString(), findings: [
      { id: 'homeserver', status: 'ok', seen: 'it answers in 3 ms' },
      { id: 'disk', status: 'warning', seen: '1 GB is free', advice: 'free some space' },
      { id: 'hs_token', status: 'failed', seen: 'it shows another hs_token', advice: 'daarion setup' },
      { id: 'canary', status: 'skipped', seen: 'it does not reach us' },
    ] } }));
    await page.reload();
    await page.getByText('1 thing is wrong').waitFor();
    await page.getByText('1 thing could be better').waitFor();
    await page.getByText('Examined just now').waitFor();
    const found = page.getByRole('main').getByRole('listitem');
    assert.match(await found.first().textContent(), /The homeserver’s token\s*Wrong.*Mend it:\s*daarion setup/s);
    await page.getByRole('button', { name: 'Run again' }).click();
    await page.getByText('1 thing is wrong').waitFor();
  });

  story(context, 'the documents of the API are a link away', async (world) => {
    const { page } = await world.operator('/admin');
    const link = page.getByRole('link', { name: 'API documentation' });
    assert.equal(await link.getAttribute('href'), '/docs');
    await link.click();
    await page.getByRole('heading', { name: /daarion/i, level: 1 }).or(page.locator('.title')).first().waitFor();
  });
}
