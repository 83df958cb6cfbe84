// The whole way without a pointer: sign in, make a room, talk, answer, leave.
import assert from 'node:assert/strict';
import { story } from '../world/story.mjs';

/** Presses Tab until what has the focus is called so. */
async function tabTo(page, name, key = 'Tab') {
  for (let presses = 0; presses < 150; presses += 1) {
    await page.keyboard.press(key);
    const found = await page.evaluate(() => {
      const focused = document.activeElement;
      const labels = focused.labels ? [...focused.labels].map((label) => label.textContent) : [];
      return [focused.getAttribute('aria-label'), ...labels, focused.textContent].map((text) => text?.trim() ?? '');
    });
    if (found.some((text) => (name instanceof RegExp ? name.test(text) : text === name))) return;
  }
  assert.fail(`no way by ${key} to ${name}`);
}

export function tell(context) {
  story(context, 'everything is done by keyboard alone', async (world) => {
    const guest = await world.visitor();
    const { page } = guest;
    await guest.open('/login');
    await page.getByRole('heading', { level: 1 }).waitFor();
    await tabTo(page, 'User name');
    await page.keyboard.type('olena');
    await tabTo(page, 'Password');
    await page.keyboard.type(world.password('olena'));
    await page.keyboard.press('Enter');
    await page.waitForURL('**/city');
    await page.getByRole('heading', { level: 1 }).waitFor();

    await page.keyboard.press('Tab');
    const ring = await page.evaluate(() => {
      const { text, shadow } = { text: document.activeElement.textContent, shadow: getComputedStyle(document.activeElement).boxShadow };
      return { text, hasRing: shadow !== 'none' };
    });
    assert.deepEqual(ring, { text: 'Skip to content', hasRing: true });
    await page.keyboard.press('Enter');
    await tabTo(page, 'Create a room');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    assert.equal(await page.evaluate(() => document.activeElement.textContent.trim()), 'Create a room');
    await page.keyboard.press('Enter');
    await tabTo(page, 'Name');
    await page.keyboard.type('By keyboard');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/city/by-keyboard');
    await page.locator('[data-live="live"]').waitFor({ state: 'attached' });

    await tabTo(page, 'Message to By keyboard');
    await page.keyboard.type('The first line');
    await page.keyboard.press('Shift+Enter');
    await page.keyboard.type('and the second');
    await page.keyboard.press('Enter');
    await guest.message('The first line').waitFor();
    assert.match(await guest.message('The first line').textContent(), /line\s*and the second/);
    await tabTo(page, 'Messages', 'Shift+Tab');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('Enter');
    await page.keyboard.type('My own answer');
    await page.keyboard.press('Enter');
    await guest.message('My own answer').getByText('The first line').waitFor();

    await tabTo(page, /Account of Олена/, 'Shift+Tab');
    await page.keyboard.press('Enter');
    await guest.focusIn('menu');
    await page.keyboard.press('End');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/login');
  });

  story(context, 'what is wrong with a message is told where it was silent before', async (world) => {
    await world.program.room('alice', { name: 'Long letters', slug: 'letters' });
    const alice = await world.visitor('alice', { phone: true });
    await alice.enter('/city/letters');
    // A reader tells what changes inside of what it knows already.
    await alice.page.evaluate(() => {
      window.told = document.querySelector('form [role="alert"]');
    });
    await alice.composer.fill('ї'.repeat(16_000));
    await alice.page.getByRole('alert').getByText('The message is too long').waitFor();
    assert.match(await alice.page.evaluate(() => window.told?.textContent ?? ''), /too long/);
    assert.equal(await alice.composer.getAttribute('aria-invalid'), 'true');
    await alice.composer.fill('Short');
    await alice.page.getByText('The message is too long').waitFor({ state: 'detached' });
  });

  story(context, 'operators work by keyboard alone, too', async (world) => {
    const guest = await world.visitor();
    const { page } = guest;
    await guest.open('/admin/login');
    await page.getByRole('heading', { level: 1 }).waitFor();
    await tabTo(page, 'Operator name');
    await page.keyboard.type('warden');
    await tabTo(page, 'Password');
    await page.keyboard.type(world.password('warden'));
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor();
    await tabTo(page, 'Rooms and channels');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/admin/rooms');
    await page.getByRole('heading', { name: 'Rooms and channels', level: 1 }).waitFor();
    await tabTo(page, 'Create a city room');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await tabTo(page, 'Name');
    await page.keyboard.type('Zebra crossing');
    await page.keyboard.press('Enter');
    await page.getByText('The room “Zebra crossing” is open.').waitFor();
    await page.getByRole('button', { name: 'Actions for Zebra crossing' }).waitFor();
    await tabTo(page, 'Actions for Zebra crossing');
    await page.keyboard.press('Enter');
    await guest.focusIn('menu');
    await page.keyboard.press('End');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'Archive “Zebra crossing”?' }).waitFor();
    await tabTo(page, 'Archive');
    await page.keyboard.press('Enter');
    await page.getByText('“Zebra crossing” is archived.').waitFor();
    await tabTo(page, /Operator warden/, 'Shift+Tab');
    await page.keyboard.press('Enter');
    await guest.focusIn('menu');
    await page.keyboard.press('End');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/admin/login');
  });
}
