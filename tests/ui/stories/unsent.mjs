// What was said and is not on the server yet: whose it is, when it is tried again, in which order.
import assert from 'node:assert/strict';
import { breaksOff, goesOn, isForbidden } from '../world/answers.mjs';
import { violations } from '../world/axe.mjs';
import { until } from '../world/processes.mjs';
import { story } from '../world/story.mjs';

const PATIENCE = { timeout: 40_000 };

const isSending = (request) => request.method() === 'POST' && request.url().endsWith('/messages');

/** Answers whatever is sent by this, until the answer is called; other requests go on. */
async function hold(page, answer) {
  const handler = (route) => (isSending(route.request()) ? answer(route) : route.continue());
  await page.route('**/messages', handler);
  return () => page.unroute('**/messages', handler);
}

const outgoing = (visitor, text) => visitor.page.locator('[data-outgoing]', { hasText: text });
const waiting = (visitor, text) => visitor.page.locator('[data-outgoing="waiting"]', { hasText: text });

async function signIn({ page, world }, name) {
  await page.getByLabel('User name').fill(name);
  await page.getByLabel('Password').fill(world.password(name));
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.waitForURL('**/city');
}

async function signOut(page, shown) {
  await page.getByRole('button', { name: `Account of ${shown}` }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await page.waitForURL('**/login');
}

export function tell(context) {
  story(context, 'what one has typed is neither seen nor sent by who signs in next', async (world) => {
    const room = await world.program.room('alice', { name: 'Shared desk', slug: 'desk' });
    await world.program.say('alice', room, 'The desk is open');
    const visitor = await world.visitor();
    const { page } = visitor;
    await visitor.open('/login');
    await signIn(visitor, 'alice');
    await visitor.enter('/city/desk');
    const letGo = await hold(page, (route) => route.abort());
    await visitor.say('Only Alice may say this');
    await waiting(visitor, 'Only Alice may say this').waitFor();
    await visitor.composer.fill('A secret of Alice');
    await signOut(page, 'Alice');
    await letGo();
    const left = await page.evaluate(() => JSON.stringify({ ...sessionStorage }));
    assert.doesNotMatch(left, /Alice/, 'nothing of it is left in the tab');

    await signIn(visitor, 'bob');
    await visitor.enter('/city/desk');
    assert.equal(await visitor.composer.inputValue(), '');
    assert.equal(await page.locator('[data-outgoing]').count(), 0);
    await visitor.say('Bob speaks for himself');
    await visitor.message('Bob speaks for himself').waitFor();
    const said = await world.matrix.alice.texts(room.matrix_room_id);
    assert.deepEqual(said, ['The desk is open', 'Bob speaks for himself']);
  });

  story(context, 'two that are said while the homeserver is away are sent in order when it is back', async (world) => {
    const { installation } = world;
    const room = await world.program.room('alice', { name: 'Queue', slug: 'queue' });
    const alice = await world.visitor('alice');
    await alice.enter('/city/queue');
    await installation.server.stop();
    try {
      await alice.say('The first of two');
      await waiting(alice, 'The first of two').waitFor();
      await alice.say('The second of two');
      await waiting(alice, 'The second of two').waitFor();
      await waiting(alice, 'The second of two').getByRole('button', { name: 'Discard' }).waitFor();
    } finally {
      await installation.startSynapse();
    }
    await alice.message('The second of two').waitFor(PATIENCE);
    await alice.page.locator('[data-outgoing]').waitFor({ state: 'detached' });
    const said = await world.matrix.alice.texts(room.matrix_room_id);
    assert.deepEqual(said, ['The first of two', 'The second of two']);
  });

  story(context, 'a message that the server always fails at lets the others pass', async (world) => {
    const room = await world.program.room('alice', { name: 'Stubborn', slug: 'stubborn' });
    const alice = await world.visitor('alice');
    const { page } = alice;
    await alice.enter('/city/stubborn');
    let tries = 0;
    const letGo = await hold(page, (route) => {
      if (!route.request().postData().includes('breaks it')) return route.continue();
      tries += 1;
      return route.fulfill({ status: 500, json: { error: 'M_UNKNOWN', message: 'broken' } });
    });
    await alice.say('This breaks it');
    await waiting(alice, 'This breaks it').waitFor();
    await alice.say('This does not');
    for (const before of [1, 2]) {
      await until('it was tried again', 10_000, async () => {
        const again = waiting(alice, 'This breaks it').getByRole('button', { name: 'Try again' });
        // It is tried again by itself as well.
        if (tries === before && (await again.count()) > 0) await again.click({ timeout: 2_000 }).catch(() => undefined);
        return tries > before;
      });
    }
    const failed = page.locator('[data-outgoing="failed"]', { hasText: 'This breaks it' });
    await failed.getByText('Something went wrong on our side.').waitFor();
    await alice.message('This does not').waitFor();
    await letGo();
    await failed.getByRole('button', { name: 'Try again' }).click();
    await alice.message('This breaks it').waitFor();
  });

  story(context, 'the same words from elsewhere do not hide what was refused', async (world) => {
    const room = await world.program.room('alice', { name: 'Echo', slug: 'echo' });
    const alice = await world.visitor('alice');
    const { page } = alice;
    await alice.enter('/city/echo');
    const answers = [];
    const letGo = await hold(page, (route) => answers.push(route));
    await alice.say('Yes');
    await until('it is on its way', 10_000, async () => answers.length > 0);
    await world.program.say('alice', room, 'Yes');
    await alice.message('Yes').waitFor();
    await outgoing(alice, 'Yes').waitFor({ state: 'detached' });
    await answers[0].fulfill({ status: 403, json: { error: 'M_FORBIDDEN', message: 'no' } });
    const failed = page.locator('[data-outgoing="failed"]', { hasText: 'Yes' });
    await failed.getByText('You may not do this here.').waitFor();
    await letGo();
    await failed.getByRole('button', { name: 'Discard' }).click();
    await failed.waitFor({ state: 'detached' });
  });

  story(context, 'above what was not sent one reads on undisturbed', async (world) => {
    const room = await world.program.room('alice', { name: 'Tall', slug: 'tall' });
    for (let number = 1; number <= 60; number += 1) await world.program.say('bob', room, `Brick ${number}`);
    const alice = await world.visitor('alice');
    const { page } = alice;
    await alice.enter('/city/tall');
    await alice.message('Brick 60').waitFor();
    const letGo = await hold(page, isForbidden);
    await alice.say('Not for here');
    await page.locator('[data-outgoing="failed"]').waitFor();
    const box = await page.locator('.viewport').boundingBox();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    // One turn has been without effect here on a busy machine.
    await until('the end is left', 20_000, async () => {
      await page.mouse.wheel(0, -1200);
      return page.getByRole('button', { name: 'To the newest' }).isVisible();
    });
    await world.program.say('bob', room, 'Another brick');
    await page.getByRole('button', { name: '1 new message' }).waitFor();
    // Up to the beginning, past another page of messages, without being taken back.
    await until('the beginning is reached', 20_000, async () => {
      await page.mouse.wheel(0, -400);
      return page.getByText('This is where it began.').isVisible();
    });
    assert.equal(await page.locator('[data-outgoing]').count(), 0, 'it is far below');
    await letGo();
    await page.getByRole('button', { name: '1 new message' }).click();
    await page.locator('[data-outgoing="failed"]').waitFor();
  });

  for (const [language, words] of [
    ['en', { waits: 'A message waits to be sent', failed: 'A message was not sent', city: 'City', again: 'Try again', discard: 'Discard' }],
    ['uk', { waits: 'Повідомлення чекає на надсилання', failed: 'Повідомлення не надіслано', city: 'Місто', again: 'Спробувати ще раз', discard: 'Відкинути' }],
  ]) {
    story(context, `the sidebar marks where something is still to be sent, in ${language}`, async (world) => {
      const slug = `marked-${language}`;
      await world.program.room('alice', { name: `Marked ${language}`, slug });
      const channel = await world.program.channel('alice', { name: `Branch ${language}`, slug: `branch-${language}` });
      const alice = await world.visitor('alice', { language });
      const { page } = alice;
      const sidebar = page.getByRole('navigation').first();
      const room = sidebar.getByRole('link', { name: new RegExp(`^Marked ${language}`) });
      const branch = sidebar.getByRole('link', { name: new RegExp(`^Branch ${language}`) });
      const mark = (link, text) => link.getByText(text, { exact: true });
      await alice.enter(`/city/${slug}`);
      await alice.say('Sent at once');
      await alice.message('Sent at once').waitFor();
      assert.equal(await sidebar.locator('[data-unsent]').count(), 0, 'what is sent leaves no mark');

      let answer = breaksOff;
      await hold(page, (route) => answer(route));
      await alice.say('Left in the room');
      await mark(room, words.waits).waitFor({ state: 'attached' });
      assert.ok(await room.locator('[data-unsent] svg').isVisible());
      await branch.click();
      await page.waitForURL(`**/channels/${channel.id}`);
      await alice.say('Left in the channel');
      await mark(branch, words.waits).waitFor({ state: 'attached' });
      // On another page, and after a reload of it, both are marked.
      await page.getByRole('link', { name: words.city, exact: true }).click();
      await page.waitForURL('**/city');
      page.once('dialog', (dialog) => dialog.accept());
      await page.reload();
      for (const link of [room, branch]) await mark(link, words.waits).waitFor({ state: 'attached' });
      assert.equal(await sidebar.locator('[data-unsent]').count(), 2);
      assert.deepEqual(await violations(page), []);

      // What is refused says so, until it is sent or discarded.
      answer = isForbidden;
      await room.click();
      await mark(room, words.failed).waitFor({ state: 'attached', ...PATIENCE });
      await page.locator('[data-outgoing="failed"]').getByRole('button', { name: words.discard }).click();
      await room.locator('[data-unsent]').waitFor({ state: 'detached' });
      await mark(branch, words.failed).waitFor({ state: 'attached', ...PATIENCE });
      answer = goesOn;
      await branch.click();
      await page.locator('[data-outgoing="failed"]').getByRole('button', { name: words.again }).click();
      await alice.message('Left in the channel').waitFor();
      await branch.locator('[data-unsent]').waitFor({ state: 'detached' });
    });
  }

  story(context, 'one speaks in a local network without HTTPS as well', async (world) => {
    const { installation } = world;
    await world.program.room('alice', { name: 'Attic', slug: 'attic' });
    const url = world.url.replace('127.0.0.1', 'city.lan');
    await installation.daarion.stop();
    await installation.startDaarion({ DAARION_LISTEN__PUBLIC_URL: url });
    const alice = await world.visitor(undefined, { url });
    await alice.open('/login');
    assert.equal(await alice.page.evaluate(() => isSecureContext), false);
    await signIn(alice, 'alice');
    await alice.enter('/city/attic');
    await alice.say('Up here, too');
    await alice.message('Up here, too').waitFor();
    await installation.daarion.stop();
    await installation.startDaarion();
  });

  story(context, 'what waits is sent while one is elsewhere, and after a reload of any page', async (world) => {
    const room = await world.program.room('alice', { name: 'Letterbox', slug: 'letterbox' });
    const alice = await world.visitor('alice');
    const { page } = alice;
    await alice.enter('/city/letterbox');
    const letGo = await hold(page, (route) => route.abort());
    await alice.say('Sent from elsewhere');
    await waiting(alice, 'Sent from elsewhere').waitFor();
    await page.getByRole('link', { name: 'City', exact: true }).click();
    await page.waitForURL('**/city');
    await letGo();
    await world.matrix.alice.hears(room.matrix_room_id, 'Sent from elsewhere', 20_000);

    await page.getByRole('main').getByRole('link', { name: /Letterbox/ }).click();
    await alice.message('Sent from elsewhere').waitFor();
    const heldAgain = await hold(page, (route) => route.abort());
    await alice.say('Sent after a reload');
    await waiting(alice, 'Sent after a reload').waitFor();
    // Whoever closes the tab is warned, since this would be lost.
    const warned = page.waitForEvent('dialog');
    const gone = page.goto('/city');
    const dialog = await warned;
    assert.equal(dialog.type(), 'beforeunload');
    await dialog.accept();
    await gone;
    await heldAgain();
    await world.matrix.alice.hears(room.matrix_room_id, 'Sent after a reload', 20_000);
    const said = await world.matrix.alice.texts(room.matrix_room_id);
    assert.deepEqual(said, ['Sent from elsewhere', 'Sent after a reload']);
  });
}
