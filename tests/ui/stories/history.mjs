// A long conversation: read upward without jumps, days told apart, what is new marked.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { story } from '../world/story.mjs';
import { until } from '../world/processes.mjs';

const MANY = 150;

/** Where a message stands on the screen, in pixels from its top; null when it is not there. */
const placeOf = (page, text) =>
  page.evaluate((wanted) => {
    const rows = [...document.querySelectorAll('[data-message]')];
    const row = rows.find((it) => it.textContent.includes(wanted));
    return row ? row.getBoundingClientRect().top : null;
  }, text);

const topRow = (page) =>
  page.evaluate(() => {
    const frame = document.querySelector('.viewport').getBoundingClientRect();
    const rows = [...document.querySelectorAll('[data-message]')];
    const row = rows.find((it) => it.getBoundingClientRect().top >= frame.top);
    return row ? { id: row.dataset.message, top: row.getBoundingClientRect().top } : null;
  });

/** How far below the screen the end is, in pixels. */
const depth = (page) =>
  page.evaluate(() => {
    const { scrollHeight, scrollTop, clientHeight } = document.querySelector('.viewport');
    return scrollHeight - scrollTop - clientHeight;
  });

/** Turns the wheel, and waits until it shows: at an end it moves nothing. */
async function turn(page, pixels) {
  const deep = await depth(page);
  await page.mouse.wheel(0, pixels);
  for (let look = 0; look < 25 && (await depth(page)) === deep; look += 1) await sleep(20);
  // Two frames: the scrolling, and whatever was put above because of it.
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}

/** Until nothing on the screen has moved for a few looks: rows are measured as they come in. */
async function standsStill(page) {
  const LOOKS = 6;
  let before = null;
  let same = 0;
  await until('the rows stand still', 20_000, async () => {
    const now = JSON.stringify([await topRow(page), await depth(page)]);
    same = now === before ? same + 1 : 0;
    before = now;
    return same >= LOOKS;
  });
}

export function tell(context) {
  story(context, 'a long history is read upward, whole, and without a jump', async (world) => {
    const room = await world.program.room('alice', { name: 'Archive', slug: 'long' });
    for (let number = 1; number <= MANY; number += 1) {
      const lines = number % 7 === 0 ? '\n\nand a second paragraph, so that rows differ in height' : '';
      await world.program.say(number % 3 ? 'alice' : 'bob', room, `Line ${number} of many.${lines}`);
    }
    const alice = await world.visitor('alice');
    await alice.enter('/city/long');
    await alice.message(`Line ${MANY} of many.`).waitFor();
    const { page } = alice;
    await standsStill(page);
    const viewport = page.locator('.viewport');
    const box = await viewport.boundingBox();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    const rows = await page.locator('[data-message]').count();
    assert.ok(rows < 40, `${rows} rows are on the page of those that are near`);

    const seen = new Set();
    let jumps = 0;
    await until('the beginning is reached', 60_000, async () => {
      for (const text of await page.locator('[data-message]').allTextContents()) {
        seen.add(Number(/Line (\d+) of many/.exec(text)?.[1]));
      }
      const before = await topRow(page);
      await turn(page, -240);
      const after = before && (await page.evaluate((id) => {
        const row = document.querySelector(`[data-message="${id}"]`);
        return row ? row.getBoundingClientRect().top : null;
      }, before.id));
      // It moves down by what was scrolled, or by less at the upper end; never further, never up.
      if (after !== null && before && (after - before.top > 300 || after - before.top < -60)) jumps += 1;
      const beginning = page.getByText('This is where it began.');
      return (await beginning.isVisible()) && (await beginning.boundingBox()).y >= box.y;
    });
    assert.equal(jumps, 0);
    assert.equal(seen.size, MANY, 'each line was on the screen');
    await page.getByRole('button', { name: 'To the newest' }).click();
    await until('the end is on the screen again', 20_000, async () => (await placeOf(page, `Line ${MANY} of`)) !== null);
  });

  story(context, 'small steps lead away from the end, though rows are measured meanwhile', async (world) => {
    const alice = await world.visitor('alice');
    await alice.enter('/city/long');
    const { page } = alice;
    await alice.message(`Line ${MANY} of many.`).waitFor();
    await standsStill(page);
    assert.ok((await depth(page)) < 1);
    const box = await page.locator('.viewport').boundingBox();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    // The last row is another height in each frame, for some seconds.
    await page.evaluate((text) => {
      const row = [...document.querySelectorAll('[data-message]')].find((it) => it.textContent.includes(text));
      const resize = (frame) => {
        row.style.paddingBottom = `${frame % 2}px`;
        if (frame > 0) requestAnimationFrame(() => resize(frame - 1));
        else window.isResized = true;
      };
      resize(200);
    }, `Line ${MANY} of many.`);
    for (let step = 0; step < 40; step += 1) await page.mouse.wheel(0, -10);
    await until('the steps are gone', 20_000, async () => (await depth(page)) > 300);
    await page.waitForFunction(() => window.isResized);
    // Who turns it a little is still at the end, and stays there.
    const toEnd = page.getByRole('button', { name: 'To the newest' });
    await toEnd.click();
    await toEnd.waitFor({ state: 'detached' });
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await page.mouse.wheel(0, -20);
    await until('it has been turned', 20_000, async () => (await depth(page)) > 1);
    const channel = await world.program.as('bob').call('GET', '/api/city/rooms/long');
    await world.program.say('bob', channel, 'Nobody has gone far');
    await alice.message('Nobody has gone far').waitFor();
    await until('they are taken along', 20_000, async () => (await depth(page)) < 1);
  });

  story(context, 'what comes while one reads above is counted, and marked', async (world) => {
    const alice = await world.visitor('alice');
    await alice.enter('/city/long');
    const { page } = alice;
    await alice.message(`Line ${MANY} of many.`).waitFor();
    await standsStill(page);
    const box = await page.locator('.viewport').boundingBox();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await page.mouse.wheel(0, -1500);
    await page.getByRole('button', { name: 'To the newest' }).waitFor();
    await standsStill(page);
    const before = await topRow(page);
    const channel = await world.program.as('bob').call('GET', '/api/city/rooms/long');
    await world.program.say('bob', channel, 'While you were reading, one');
    await world.program.say('bob', channel, 'While you were reading, two');
    const pill = page.getByRole('button', { name: '2 new messages' });
    await pill.waitFor();
    assert.deepEqual(await topRow(page), before, 'nothing has moved');
    await pill.click();
    await alice.message('While you were reading, two').waitFor();
    await page.locator('[data-divider="new"]').waitFor();
    assert.equal(await page.locator('[data-divider="new"]').count(), 1, 'one marker');
  });

  story(context, 'above a very busy talk no more is held than a limit, and below it nothing is missing', async (world) => {
    const BEFORE = 60;
    const MEANWHILE = 600;
    const LONGEST = 500;
    const room = await world.program.room('alice', { name: 'Busy', slug: 'busy' });
    const { bob } = world.matrix;
    await bob.join(room.matrix_room_id);
    // A few at once; the order in which they arrive is the server's.
    const say = async (from, to) => {
      for (let number = from; number <= to; number += 10) {
        const some = Array.from({ length: Math.min(10, to - number + 1) }, (_, index) => number + index);
        await Promise.all(some.map((it) => bob.send(room.matrix_room_id, `Car ${it} of the day`)));
      }
    };
    await say(1, BEFORE);
    const alice = await world.visitor('alice');
    const { page } = alice;
    await alice.enter('/city/busy');
    await alice.message(`of the day`).first().waitFor();
    await standsStill(page);
    const box = await page.locator('.viewport').boundingBox();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await page.mouse.wheel(0, -600);
    await page.getByRole('button', { name: 'To the newest' }).waitFor();
    await standsStill(page);
    const before = await topRow(page);
    await say(BEFORE + 1, BEFORE + MEANWHILE);
    const pill = page.getByRole('button', { name: `${MEANWHILE} new messages` });
    await pill.waitFor({ timeout: 120_000 });
    assert.deepEqual(await topRow(page), before, 'nothing has moved');
    const height = (await page.locator('[data-message]').first().boundingBox()).height;
    const isHeld = async (most) => {
      const rows = await page.evaluate((row) => document.querySelector('.viewport').scrollHeight / row, height);
      assert.ok(rows < most, `about ${Math.round(rows)} rows are held`);
    };
    await isHeld(LONGEST * 1.1);
    assert.ok((await page.locator('[data-message]').count()) < 40, 'and few of them are on the page');

    // At the end of what is held is the newest, and one's own word is not lost on the way.
    await pill.click();
    // The pointer stood upon the way back, which would have the wheel.
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    const wayBack = page.getByRole('button', { name: /new message|To the newest/ });
    await wayBack.waitFor({ state: 'detached' });
    await alice.say('What a day');
    await alice.message('What a day').waitFor();
    await isHeld(200);
    const read = new Map();
    const look = async () => {
      const rows = await page.locator('[data-message]').evaluateAll((all) => all.map((row) => [row.dataset.message, row.textContent]));
      for (const [id, text] of rows) read.set(id, /Car \d+ of|What a day/.exec(text)?.[0]);
      assert.equal(new Set(rows.map(([id]) => id)).size, rows.length, 'nothing is there twice');
    };
    await until('all of it was read upward', 120_000, async () => {
      await look();
      await turn(page, -500);
      const beginning = page.getByText('This is where it began.');
      return (await beginning.isVisible()) && (await beginning.boundingBox()).y >= box.y;
    });
    await look();
    const cars = [...read.values()].filter((text) => text?.startsWith('Car'));
    assert.equal(new Set(cars).size, BEFORE + MEANWHILE, 'no gap');
    assert.equal(cars.length, BEFORE + MEANWHILE, 'no double');
    // So far up the newest are let go as well, and come back by scrolling down.
    await isHeld(LONGEST * 1.1);
    await until('the end is reached by scrolling down', 60_000, async () => {
      await page.mouse.wheel(0, 2_000);
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
      return (await placeOf(page, 'What a day')) !== null && (await depth(page)) < 60;
    });
    await wayBack.waitFor({ state: 'detached' });
    await world.program.say('bob', room, 'Good night');
    await alice.message('Good night').waitFor();
    assert.equal(await alice.message('What a day').count(), 1);
  }, { limitMs: 900_000 });

  story(context, 'what was said since the last visit stands below the marker', async (world) => {
    const room = await world.program.room('alice', { name: 'Marker', slug: 'marker' });
    await world.program.say('alice', room, 'Before you left');
    const bob = await world.visitor('bob');
    await bob.enter('/city/marker');
    await bob.message('Before you left').waitFor();
    await bob.page.getByText('Today').waitFor();
    assert.equal(await bob.page.locator('[data-divider="new"]').count(), 0);
    await bob.page.getByRole('link', { name: 'City', exact: true }).click();
    await bob.page.getByRole('heading', { name: 'Rooms of the city' }).first().waitFor();
    await world.program.say('alice', room, 'While you were away');
    await bob.enter('/city/marker');
    await bob.message('While you were away').waitFor();
    const order = await bob.page.evaluate(() =>
      [...document.querySelectorAll('[data-message], [data-divider="new"]')]
        .sort((one, other) => one.getBoundingClientRect().top - other.getBoundingClientRect().top)
        .map((it) => it.dataset.divider ?? it.textContent.match(/Before|While/)[0]));
    assert.deepEqual(order, ['Before', 'new', 'While']);
  });

  story(context, 'what cannot be read further up says so, and waits to be asked again', async (world) => {
    const alice = await world.visitor('alice');
    const { page } = alice;
    let failures = 0;
    await page.route('**/messages?*cursor=*', (route) => {
      failures += 1;
      return route.fulfill({ status: 500, json: { error: 'M_UNKNOWN', message: 'broken' } });
    });
    await alice.enter('/city/long');
    await alice.message(`Line ${MANY} of many.`).waitFor();
    const box = await page.locator('.viewport').boundingBox();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    const notice = page.getByText('Earlier messages could not be loaded.');
    await until('the beginning of what is loaded is reached', 20_000, async () => {
      await page.mouse.wheel(0, -400);
      return (await notice.count()) > 0 && (await notice.boundingBox()).y >= box.y;
    });
    assert.equal(failures, 1, 'it does not ask again by itself');
    for (const step of [200, -400, 200, -400]) {
      await page.mouse.wheel(0, step);
      await standsStill(page);
    }
    assert.equal(failures, 1, 'nor because somebody scrolls');
    await page.unroute('**/messages?*cursor=*');
    await page.getByRole('button', { name: 'Try again' }).click();
    await notice.waitFor({ state: 'detached' });
    await until('what stands further up is there', 10_000, async () => {
      await page.mouse.wheel(0, -400);
      return (await placeOf(page, `Line ${MANY - 50} of many.`)) !== null;
    });
  });
}
