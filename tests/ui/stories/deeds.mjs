// What is done with a message: reactions, edits, deletions, pins, links. Each is seen by everybody,
// here and in Matrix.
import assert from 'node:assert/strict';
import { LOOKS, violations } from '../world/axe.mjs';
import { assertNarrow, longPress } from '../world/phone.mjs';
import { until } from '../world/processes.mjs';
import { story } from '../world/story.mjs';

const chip = (row, key) => row.getByRole('button', { name: new RegExp(`reacted with ${key}`) });

/** Opens the menu of a message with the pointer. */
export async function menuOf(visitor, text) {
  const row = visitor.message(text);
  await visitor.pressAt(row, /^More for the message of/);
  return visitor.page.getByRole('menu', { name: 'What to do with the message' });
}

async function choose(visitor, text, deed) {
  const menu = await menuOf(visitor, text);
  await menu.getByRole('menuitem', { name: deed, exact: true }).click();
}

const relations = async (client, room, event) => {
  const path = `/rooms/${encodeURIComponent(room)}/messages?dir=b&limit=50`;
  const { chunk } = await client.call('GET', path);
  return chunk.filter((it) => it.content['m.relates_to']?.event_id === event);
};

export function tell(context) {
  story(context, 'reactions are counted on every screen, and taken back by pressing once more', async (world) => {
    const room = await world.program.room('alice', { name: 'Applause', slug: 'applause' });
    const said = await world.program.say('alice', room, 'The roof is done');
    await world.matrix.olena.join(room.matrix_room_id);
    const alice = await world.visitor('alice');
    const bob = await world.visitor('bob');
    await Promise.all([alice, bob].map((visitor) => visitor.enter('/city/applause')));
    const rows = [alice, bob].map((visitor) => visitor.message('The roof is done'));

    await bob.pressAt(rows[1], 'React');
    await bob.page.getByRole('menu').getByRole('menuitem', { name: 'Party' }).click();
    for (const row of rows) await chip(row, '🎉').getByText('1').waitFor();
    assert.equal(await chip(rows[1], '🎉').getAttribute('aria-pressed'), 'true');
    assert.equal(await chip(rows[0], '🎉').getAttribute('aria-pressed'), 'false');
    const sent = await relations(world.matrix.olena, room.matrix_room_id, said.matrix_event_id);
    assert.equal(sent[0].content['m.relates_to'].key, '🎉');

    // One from Matrix, and one by the chip.
    const react = { 'm.relates_to': { rel_type: 'm.annotation', event_id: said.matrix_event_id, key: '🎉' } };
    await world.matrix.olena.send(room.matrix_room_id, react, 'm.reaction');
    for (const row of rows) await chip(row, '🎉').getByText('2').waitFor();
    await chip(rows[0], '🎉').click();
    for (const row of rows) await chip(row, '🎉').getByText('3').waitFor();
    assert.equal(await chip(rows[0], '🎉').getAttribute('aria-pressed'), 'true');
    await alice.composer.hover();
    await chip(rows[0], '🎉').hover();
    await alice.page.getByText(/Олена/).and(alice.page.getByText(/Bob/)).first().waitFor();

    await choose(alice, 'The roof is done', 'Who reacted');
    const who = alice.page.getByRole('dialog', { name: 'Who reacted' });
    for (const name of ['Alice', 'Bob', 'Олена']) await who.getByText(name, { exact: true }).waitFor();
    await alice.page.keyboard.press('Escape');
    await who.waitFor({ state: 'detached' });

    await chip(rows[1], '🎉').click();
    for (const row of rows) await chip(row, '🎉').getByText('2').waitFor();
    assert.equal(await chip(rows[1], '🎉').getAttribute('aria-pressed'), 'false');
    // It is one's own after a reload, too.
    await alice.enter('/city/applause');
    await until('it is marked as one’s own', 20_000, async () =>
      (await chip(rows[0], '🎉').getAttribute('aria-pressed')) === 'true');
  });

  story(context, 'a reaction that is refused is not shown as given', async (world) => {
    const room = await world.program.room('alice', { name: 'Quiet', slug: 'quiet' });
    await world.program.say('alice', room, 'Hush');
    const bob = await world.visitor('bob');
    await bob.enter('/city/quiet');
    await bob.page.route('**/reactions/*', (route) =>
      route.request().method() === 'PUT'
        ? route.fulfill({ status: 403, json: { error: 'M_FORBIDDEN', message: 'no' } })
        : route.continue());
    const row = bob.message('Hush');
    await bob.pressAt(row, 'React');
    await bob.page.getByRole('menu').getByRole('menuitem', { name: 'Heart' }).click();
    await bob.page.getByText('You may not do this here.').waitFor();
    assert.equal(await row.getByRole('button', { name: /reacted with/ }).count(), 0);
  });

  story(context, 'one’s own message is edited in the composer, and says so everywhere', async (world) => {
    const room = await world.program.room('alice', { name: 'Second thoughts', slug: 'thoughts' });
    await world.program.say('alice', room, 'The market opens at **eight**');
    await world.program.say('bob', room, 'Good');
    const alice = await world.visitor('alice');
    const bob = await world.visitor('bob');
    await Promise.all([alice, bob].map((visitor) => visitor.enter('/city/thoughts')));
    await alice.composer.fill('a draft that waits');
    await choose(alice, 'The market opens', 'Edit');
    await alice.page.getByText('Editing your message').waitFor();
    assert.equal(await alice.composer.inputValue(), 'The market opens at **eight**');
    await alice.composer.press('Escape');
    assert.equal(await alice.composer.inputValue(), 'a draft that waits');
    await alice.composer.fill('');
    // The arrow leads to the last one of one's own.
    await alice.composer.press('ArrowUp');
    await alice.page.getByText('Editing your message').waitFor();
    await alice.composer.fill('The market opens at **nine**');
    await alice.composer.press('Enter');
    for (const visitor of [alice, bob]) {
      const row = visitor.message('The market opens at nine');
      await row.locator('strong', { hasText: 'nine' }).waitFor();
      const mark = row.getByText('(edited)');
      assert.match(await mark.getAttribute('title'), /\d{2}:\d{2}/);
    }
    await until('the field is empty again', 20_000, async () => (await alice.composer.inputValue()) === '');
    assert.equal(await alice.page.locator('[data-message]').count(), 2, 'nothing new was said');

    // What is refused stays in the field.
    await alice.page.route('**/messages/*', (route) =>
      route.request().method() === 'PATCH'
        ? route.fulfill({ status: 403, json: { error: 'M_FORBIDDEN', message: 'no' } })
        : route.continue());
    await alice.composer.press('ArrowUp');
    await alice.page.getByText('Editing your message').waitFor();
    await alice.composer.fill('The market never opens');
    await alice.composer.press('Enter');
    await alice.page.getByRole('alert').getByText('You may not do this here.').waitFor();
    assert.equal(await alice.composer.inputValue(), 'The market never opens');
    // Nobody edits what others say.
    const menu = await menuOf(bob, 'The market opens');
    await menu.getByRole('menuitem', { name: 'Reply', exact: true }).waitFor();
    assert.equal(await menu.getByRole('menuitem', { name: 'Edit' }).count(), 0);
    assert.equal(await menu.getByRole('menuitem', { name: 'Delete' }).count(), 0);
  });

  story(context, 'a deletion is asked about first, and whoever owns the room deletes what others say', async (world) => {
    const room = await world.program.room('alice', { name: 'Cleaning', slug: 'cleaning' });
    await world.program.say('bob', room, 'Buy my lottery');
    await world.program.say('alice', room, 'A typing errror');
    const alice = await world.visitor('alice');
    const bob = await world.visitor('bob');
    await Promise.all([alice, bob].map((visitor) => visitor.enter('/city/cleaning')));
    await choose(alice, 'A typing errror', 'Delete');
    const question = alice.page.getByRole('dialog', { name: 'Delete this message?' });
    await question.getByRole('button', { name: 'Cancel' }).click();
    await question.waitFor({ state: 'detached' });
    assert.equal(await alice.message('A typing errror').count(), 1);
    for (const text of ['A typing errror', 'Buy my lottery']) {
      await choose(alice, text, 'Delete');
      await question.getByRole('button', { name: 'Delete', exact: true }).click();
      await question.waitFor({ state: 'detached' });
      for (const visitor of [alice, bob]) await visitor.message(text).waitFor({ state: 'detached' });
    }
    assert.equal(await bob.message('This message was deleted.').count(), 2);
    assert.deepEqual(await world.matrix.alice.texts(room.matrix_room_id), []);
  });

  story(context, 'what is pinned is marked, stands in a list, and leads back to where it was said', async (world) => {
    const room = await world.program.room('alice', { name: 'Board', slug: 'board' });
    await world.program.say('bob', room, 'The rules of the board');
    for (let line = 1; line <= 60; line += 1) await world.program.say('bob', room, `Notice ${line} of sixty`);
    const alice = await world.visitor('alice', { wide: true });
    const bob = await world.visitor('bob', { wide: true });
    await bob.enter('/city/board');
    await alice.enter('/city/board');
    const panel = (visitor) => visitor.page.getByRole('complementary', { name: 'Pinned messages' });
    await bob.page.getByRole('button', { name: 'Pinned messages' }).click();
    await panel(bob).getByRole('heading', { name: 'Nothing is pinned' }).waitFor();
    await choose(alice, 'Notice 60 of sixty', 'Pin');
    await alice.message('Notice 60 of sixty').getByText('Pinned', { exact: true }).waitFor();
    await bob.message('Notice 60 of sixty').getByText('Pinned', { exact: true }).waitFor();
    await panel(bob).getByText('Notice 60 of sixty').waitFor();
    // From Matrix, one that this page does not hold.
    const { items } = await world.program.as('alice').call('GET', `/api/messaging/channels/${room.channel_id}/messages?order=asc&limit=1`);
    const path = `/rooms/${encodeURIComponent(room.matrix_room_id)}/state/m.room.pinned_events/`;
    const { pinned } = await world.matrix.alice.call('GET', path);
    await world.matrix.alice.call('PUT', path, { pinned: [...pinned, items[0].matrix_event_id] });
    await panel(bob).getByRole('button', { name: /The rules of the board/ }).click();
    const rules = bob.message('The rules of the board');
    await rules.waitFor();
    assert.match(await rules.getAttribute('class'), /found/);
    await bob.page.getByRole('button', { name: 'To the newest' }).click();
    await bob.message('Notice 60 of sixty').waitFor();
    assert.equal(await panel(bob).getByRole('button', { name: /^Unpin/ }).count(), 0, 'bob may not');
    await alice.page.getByRole('button', { name: 'Pinned messages' }).click();
    await panel(alice).getByRole('listitem').filter({ hasText: 'Notice 60' }).getByRole('button', { name: /^Unpin/ }).click();
    for (const visitor of [alice, bob]) {
      await panel(visitor).getByText('Notice 60 of sixty').waitFor({ state: 'detached' });
    }
    // What cannot be read says so, and is read again.
    await bob.page.route('**/pins?*', (route) => route.abort());
    await panel(bob).getByRole('button', { name: 'Close' }).click();
    await bob.page.getByRole('button', { name: 'Pinned messages' }).click();
    const failed = panel(bob).getByRole('alert').filter({ hasText: 'This could not be loaded' });
    await failed.waitFor();
    await bob.page.unroute('**/pins?*');
    await failed.getByRole('button', { name: 'Try again' }).click();
    await panel(bob).getByText('The rules of the board').waitFor();
  });

  story(context, 'a link leads to its message, and from there everything is read on', async (world) => {
    const room = await world.program.room('alice', { name: 'Archive', slug: 'archive-of-talk' });
    const { channel_id: channel } = room;
    await world.matrix.bob.join(room.matrix_room_id);
    for (let line = 1; line <= 150; line += 1) await world.matrix.bob.send(room.matrix_room_id, `Page ${line} of the book`);
    await until('all of it is there', 20_000, async () => {
      const { items } = await world.program.as('alice').call('GET', `/api/messaging/channels/${channel}/messages?limit=200`);
      return items.length === 150;
    });
    const alice = await world.visitor('alice');
    await alice.context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: world.url });
    await alice.enter('/city/archive-of-talk');
    await choose(alice, 'Page 150 of the book', 'Copy link');
    await alice.page.getByText('The link is copied.').waitFor();
    const link = await alice.page.evaluate(() => navigator.clipboard.readText());
    const { items } = await world.program.as('alice').call('GET', `/api/messaging/channels/${channel}/messages?order=asc&limit=40`);
    const old = items[19];
    const one = await world.program.as('alice').call('GET', `/api/messaging/channels/${channel}/messages/${items[0].id}`);
    const last = /message=(.+)$/.exec(link)[1];
    assert.equal(link.replace(last, items[0].id), one.links.page, 'the server says the same of it');

    const bob = await world.visitor('bob');
    await bob.enter(`/city/archive-of-talk?message=${old.id}`);
    const row = bob.message('Page 20 of the book');
    await row.waitFor();
    assert.match(await row.getAttribute('class'), /found/);
    await bob.page.getByRole('button', { name: 'To the newest' }).waitFor();
    // Down to the end by scrolling, without a gap.
    const seen = new Set();
    const box = await bob.page.locator('.viewport').boundingBox();
    await bob.page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await until('the newest is reached by scrolling', 40_000, async () => {
      for (const text of await bob.page.locator('[data-message]').allTextContents()) {
        seen.add(Number(/Page (\d+) of/.exec(text)?.[1]));
      }
      await bob.page.mouse.wheel(0, 300);
      await bob.page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
      return seen.has(150);
    });
    for (let page = 20; page <= 150; page += 1) assert.ok(seen.has(page), `page ${page} was there`);
    await world.program.say('alice', room, 'And a last word');
    await bob.message('And a last word').waitFor();

    await bob.open('/city/archive-of-talk?message=00000000-0000-0000-0000-000000000000');
    await bob.page.getByText('That message is not here, or not any more.').waitFor();
    await bob.message('And a last word').waitFor();
  });

  story(context, 'a day of the past is one jump away, and so is the present', async (world) => {
    const room = await world.program.room('alice', { name: 'Calendar', slug: 'calendar' });
    const { channel_id: channel } = room;
    const bob = await world.visitor('bob');
    const day = (text) => new Date(text).toISOString();
    await bob.page.route(`**/channels/${channel}/messages?*`, async (route) => {
      const asked = new URL(route.request().url()).searchParams;
      if (!asked.has('at')) return route.continue();
      const answer = await route.fetch({ url: `${world.url}/api/messaging/channels/${channel}/messages` });
      const { items } = await answer.json();
      const then = { ...items[0], id: '11111111-1111-5111-8111-111111111111', matrix_event_id: '$old', content_preview: 'Long ago', content: { body: 'Long ago' }, created_at: day('2025-03-04T09:00:00Z') };
      assert.equal(asked.get('at'), day('2025-03-03T22:00:00Z'), 'midnight in Kyiv');
      return route.fulfill({ json: asked.get('order') === 'asc' ? { items: [then], next: 'more' } : { items: [], next: null } });
    });
    await world.program.say('alice', room, 'Today');
    await bob.enter('/city/calendar');
    await bob.page.getByRole('button', { name: 'Jump to a day' }).click();
    const dialog = bob.page.getByRole('dialog', { name: 'Jump to a day' });
    await dialog.getByLabel('Day').fill('');
    await dialog.getByRole('button', { name: 'Go there' }).click();
    await dialog.getByText('Choose a day.').waitFor();
    await dialog.getByLabel('Day').fill('2025-03-04');
    await dialog.getByRole('button', { name: 'Go there' }).click();
    await bob.message('Long ago').waitFor();
    await dialog.waitFor({ state: 'detached' });
    await bob.page.unroute(`**/channels/${channel}/messages?*`);
    await bob.page.getByRole('button', { name: 'To the newest' }).click();
    await bob.message('Today').waitFor();
    await bob.message('Long ago').waitFor({ state: 'detached' });
  });

  story(context, 'all of it by keyboard alone', async (world) => {
    const room = await world.program.room('alice', { name: 'Keys', slug: 'keys' });
    await world.program.say('alice', room, 'Press something');
    const alice = await world.visitor('alice');
    const { page } = alice;
    await alice.enter('/city/keys');
    const row = alice.message('Press something');
    await page.getByRole('region', { name: 'Messages', exact: true }).focus();
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.getAttribute('aria-label')), 'React');
    await page.keyboard.press('Shift+Tab');
    await page.getByRole('region', { name: 'Messages', exact: true }).focus();
    await page.keyboard.press('ArrowUp');
    const menu = page.getByRole('menu');
    await page.keyboard.press('Shift+F10');
    await alice.focusIn('menu');
    await page.keyboard.type('hea');
    await page.keyboard.press('Enter');
    await chip(row, '❤️').waitFor();
    await page.keyboard.press('Shift+F10');
    await alice.focusIn('menu');
    await page.keyboard.press('Escape');
    await menu.waitFor({ state: 'detached' });
    assert.equal(await row.evaluate((it) => it === document.activeElement), true, 'the focus is back at the message');
    await page.keyboard.press('Shift+F10');
    await alice.focusIn('menu');
    await page.keyboard.press('End');
    await page.keyboard.press('Enter');
    const question = page.getByRole('dialog', { name: 'Delete this message?' });
    await question.waitFor();
    await alice.focusIn('dialog');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await alice.message('This message was deleted.').waitFor();
  });

  story(context, 'on a phone a long press opens the menu of a message', async (world) => {
    const room = await world.program.room('alice', { name: 'Fingers', slug: 'fingers' });
    await world.program.say('bob', room, 'Press long');
    for (const look of LOOKS) {
      const alice = await world.visitor('alice', { ...look, phone: true });
      const { page } = alice;
      await alice.enter('/city/fingers');
      const row = alice.message('Press long');
      await longPress(alice, row);
      const menu = page.getByRole('menu');
      await menu.waitFor();
      await assertNarrow(page, `the menu in ${look.language}`);
      const box = await menu.boundingBox();
      assert.ok(box.x >= 0 && box.x + box.width <= 360 && box.y >= 0 && box.y + box.height <= 740, 'on the screen');
      assert.deepEqual(await violations(page), [], `${look.theme}, ${look.language}`);
      await page.screenshot({ path: `${world.pictures}deeds-phone-${look.theme}-${look.language}.png` });
      await menu.getByRole('menuitem').first().tap();
      await row.getByRole('button', { name: /👍/ }).waitFor();
      await row.getByRole('button', { name: /👍/ }).tap();
      await row.getByRole('button', { name: /👍/ }).waitFor({ state: 'detached' });
    }
  });

  story(context, 'reactions, edits and pins are readable in each look', async (world) => {
    const room = await world.program.room('alice', { name: 'Looks', slug: 'looks-of-deeds' });
    const said = await world.program.say('bob', room, 'A fine **morning**');
    const call = (user, method, path, body) =>
      world.program.as(user).call(method, `/api/messaging/channels/${room.channel_id}${path}`, body);
    for (const [user, key] of [['alice', '👍'], ['bob', '👍'], ['taras', '🎉']]) {
      await call(user, 'PUT', `/messages/${said.id}/reactions/${encodeURIComponent(key)}`);
    }
    await call('bob', 'PATCH', `/messages/${said.id}`, { text: 'A very fine **morning**', format: 'markdown' });
    await call('alice', 'PUT', `/pins/${said.id}`);
    for (const look of LOOKS) {
      const alice = await world.visitor('alice', { ...look, wide: true });
      const { page } = alice;
      await alice.enter('/city/looks-of-deeds');
      const row = alice.message('A very fine');
      await row.hover();
      await row.locator('[aria-pressed="true"]').waitFor();
      await page.locator('header .wide button').nth(1).click();
      await page.locator('aside.pins li').waitFor();
      await row.hover();
      assert.deepEqual(await violations(page), [], `${look.theme}, ${look.language}`);
      await page.screenshot({ path: `${world.pictures}deeds-${look.theme}-${look.language}.png` });
    }
  });
}
