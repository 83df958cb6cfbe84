// What a channel shows while something of it is on its way, missing, refused or broken: it says so in
// words that everybody can read, in each theme and language.
import assert from 'node:assert/strict';
import { answers, breaksOff, goesOn, isForbidden } from '../world/answers.mjs';
import { LOOKS, violations } from '../world/axe.mjs';
import { until } from '../world/processes.mjs';
import { story } from '../world/story.mjs';

const MEMBERS = '**/members?*';
const WORDS = {
  en: {
    people: 'People', loading: 'Loading…', nobody: 'Nobody is here yet. Whoever speaks first walks in.',
    again: 'Try again', broken: 'This could not be loaded', closed: 'This is not open to you',
    lost: /^The connection is lost\./, reconnect: 'Reconnect now', back: 'Connected again.',
    failed: 'Not sent. You may not do this here.', discard: 'Discard', open: 'Open the list of rooms',
  },
  uk: {
    people: 'Люди', loading: 'Завантаження…', nobody: 'Тут ще нікого немає. Хто перший заговорить, той увійде.',
    again: 'Спробувати ще раз', broken: 'Не вдалося завантажити', closed: 'Сюди вам не можна',
    lost: /^З’єднання втрачено\./, reconnect: 'З’єднатися зараз', back: 'Знову на зв’язку.',
    failed: 'Не надіслано. Вам цього тут не дозволено.', discard: 'Відкинути', open: 'Відкрити список кімнат',
  },
};

/** A room with a few people. */
async function furnish(world) {
  const known = await world.program.as('alice').call('GET', '/api/city/rooms');
  if (known.some(({ slug }) => slug === 'facades')) return;
  const room = await world.program.room('alice', { slug: 'facades', name: 'Facades' });
  await world.program.say('bob', room, 'How does it look?');
}

/** The people's list of a wide screen. */
const list = (page, words) => page.getByRole('complementary', { name: words.people });

/** What stands in the place that it is told in: one that was there before. */
const told = (page, text) => page.locator('[data-live]').and(page.getByRole('status')).getByText(text);

/** The live stream, which breaks and stays broken until it may come back. */
async function brittle(page) {
  let current;
  await page.routeWebSocket(/\/ws\/messaging\//, (socket) => {
    socket.connectToServer();
    current = socket;
  });
  const tickets = await answers(page, '**/api/auth/ticket', goesOn);
  return {
    async tear() {
      tickets.become(breaksOff);
      await current.close({ code: 1011 });
    },
    /** Comes back by what somebody does, and not before by itself. */
    mend: (deed) => tickets.after(deed, goesOn),
  };
}

export function tell(context) {
  story(context, 'a page that reads too much at once waits a moment, and is whole', async (world) => {
    await furnish(world);
    const { page } = await world.visitor('alice', { wide: true });
    const refused = new Set();
    await page.route('**/api/{city,messaging}/**', (route) => {
      const request = route.request();
      if (request.method() !== 'GET' || refused.has(request.url())) return route.continue();
      refused.add(request.url());
      return route.fulfill({ status: 429, headers: { 'Retry-After': '1' }, json: { error: 'M_LIMIT_EXCEEDED', message: 'too often' } });
    });
    await page.goto('/city/facades');
    await page.locator('[data-message]', { hasText: 'How does it look?' }).waitFor();
    await page.getByRole('navigation').getByRole('link', { name: 'Facades' }).waitFor();
    await list(page, WORDS.en).getByText('Alice', { exact: true }).waitFor();
    assert.equal((await page.getByRole('alert').allTextContents()).join(''), '');
    assert.ok(refused.size >= 5, `refused at first: ${[...refused].join(', ')}`);
  });

  for (const look of LOOKS) {
    const words = WORDS[look.language];
    const where = `${look.theme}, ${look.language}`;

    story(context, `the list of people tells that it loads, fails, is closed or empty: ${where}`, async (world) => {
      await furnish(world);
      const visitor = await world.visitor('alice', { ...look, wide: true });
      const { page } = visitor;
      const people = list(page, words);
      const fine = async (state) => assert.deepEqual(await violations(page), [], state);

      let letGo;
      const isHeld = new Promise((done) => (letGo = done));
      await page.route(MEMBERS, async (route) => {
        await isHeld;
        await route.abort();
      });
      await visitor.enter('/city/facades');
      const busy = people.locator('[aria-busy="true"]');
      assert.equal((await busy.textContent()).trim(), words.loading);
      assert.ok((await busy.boundingBox()).height > 60, 'a few lines where the people will be');
      await page.getByRole('button', { name: words.people, exact: true }).waitFor();
      await fine('loading');

      letGo();
      const failed = people.getByRole('alert');
      await failed.getByRole('heading', { name: words.broken, level: 3 }).waitFor();
      assert.equal(await busy.count(), 0);
      assert.equal(await people.getByRole('listitem').count(), 0);
      await fine('failed');
      await page.unroute(MEMBERS);
      await failed.getByRole('button', { name: words.again }).click();
      await people.getByText('Alice', { exact: true }).waitFor();
      assert.equal(await failed.count(), 0);
      await fine('filled');

      await page.route(MEMBERS, isForbidden);
      await visitor.enter('/city/facades');
      await failed.getByRole('heading', { name: words.closed, level: 3 }).waitFor();
      assert.equal(await failed.getByRole('button').count(), 0, 'trying again would not help');
      await fine('closed');
      await page.unroute(MEMBERS);

      // Where daarion itself has left, too.
      await page.route(MEMBERS, (route) => route.fulfill({ json: { items: [], next: null } }));
      await visitor.enter('/city/facades');
      await people.getByText(words.nobody).waitFor();
      assert.equal(await people.getByRole('listitem').count(), 0);
      assert.equal(await people.getByRole('alert').count(), 0);
      await fine('empty');
    });

    story(context, `the connection that is lost, that is back, and what was not sent: ${where}`, async (world) => {
      await furnish(world);
      const visitor = await world.visitor('alice', look);
      const { page } = visitor;
      const stream = await brittle(page);
      await visitor.enter('/city/facades');
      const place = page.locator('[data-live]');
      assert.equal((await place.textContent()).trim(), '', 'while all is well nothing is said');
      const fine = async (state) => assert.deepEqual(await violations(page), [], state);

      // It is said for a few seconds, which a busy machine may need for the look itself.
      let isSeen = false;
      for (let look = 0; look < 5 && !isSeen; look += 1) {
        await stream.tear();
        await told(page, words.lost).waitFor();
        await fine('lost');
        await stream.mend(() => page.getByRole('button', { name: words.reconnect }).click());
        // On a busy machine it is over before anybody looks.
        await told(page, words.back).waitFor().catch(() => undefined);
        await fine('back');
        isSeen = await told(page, words.back).isVisible();
      }
      assert.ok(isSeen, 'it was there while axe looked');
      await until('it is said once, and for a moment', 20_000, async () => (await place.textContent()).trim() === '');

      await page.route('**/messages', isForbidden);
      await visitor.say('Can you hear me?');
      const failed = page.locator('[data-outgoing="failed"]', { hasText: 'Can you hear me?' });
      await failed.waitFor();
      assert.equal((await failed.getByRole('status').textContent()).replace(/\s+/g, ' ').trim(), words.failed);
      await failed.getByRole('button', { name: words.discard }).waitFor();
      await fine('not-sent');
      await page.unroute('**/messages');
      await failed.getByRole('button', { name: words.again }).click();
      await visitor.message('Can you hear me?').last().waitFor();
      await failed.waitFor({ state: 'detached' });
    });

    story(context, `the drawers of a phone: ${where}`, async (world) => {
      await furnish(world);
      const visitor = await world.visitor('alice', { ...look, phone: true });
      const { page } = visitor;
      await visitor.enter('/city/facades');
      const drawer = page.getByRole('dialog');
      const fine = async (state) => {
        assert.deepEqual(await violations(page), [], state);
        const box = await drawer.boundingBox();
        assert.ok(box.x >= 0 && box.x + box.width <= 360, 'it is on the screen');
      };
      await page.getByRole('button', { name: words.open }).tap();
      await drawer.getByRole('link', { name: /^Facades/ }).waitFor();
      await fine('drawer-rooms');
      await page.keyboard.press('Escape');
      await drawer.waitFor({ state: 'detached' });
      await page.locator('.talk header button').first().tap();
      await drawer.getByText('Alice', { exact: true }).waitFor();
      await fine('drawer-people');
    });
  }
}
