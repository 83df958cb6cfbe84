// What was said and is not on the server yet: whose it is, when it is tried again, in which order.
import assert from 'node:assert/strict';
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
}
