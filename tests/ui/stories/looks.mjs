// Every screen in light and dark, English and Ukrainian, wide and on a phone: readable to assistive
// technology, and nothing sticks out.
import assert from 'node:assert/strict';
import { LOOKS, violations } from '../world/axe.mjs';
import { assertNarrow } from '../world/phone.mjs';
import { story } from '../world/story.mjs';

/** The screens, each with what to do until it stands still. */
const SCREENS = [
  { name: 'sign-in', guest: true, path: '/login' },
  { name: 'city', path: '/city', ready: (page) => page.getByRole('main').getByRole('listitem').first().waitFor() },
  { name: 'a room', path: '/city/gallery', ready: (page) => page.locator('[data-live="live"]').waitFor({ state: 'attached' }) },
  { name: 'nothing here', path: '/city/nowhere', ready: (page) => page.getByRole('alert').waitFor() },
  { name: 'style guide', guest: true, path: '/styleguide' },
  { name: 'operators sign in', guest: true, path: '/admin/login' },
  { name: 'overview', operator: true, path: '/admin', ready: (page) => page.locator('figure rect').first().waitFor() },
  { name: 'rooms and channels', operator: true, path: '/admin/rooms', ready: (page) => page.locator('tbody tr').first().waitFor() },
  { name: 'agents', operator: true, path: '/admin/agents', ready: (page) => page.locator('tbody tr').first().waitFor() },
  { name: 'people online', operator: true, path: '/admin/people', ready: (page) => page.locator('main li, main h2').first().waitFor() },
  { name: 'service tokens', operator: true, path: '/admin/services', ready: (page) => page.locator('tbody tr, main h2').first().waitFor() },
  { name: 'webhooks', operator: true, path: '/admin/webhooks', ready: (page) => page.locator('tbody tr, main h2').first().waitFor() },
  { name: 'dead letters', operator: true, path: '/admin/webhooks/dead-letters', ready: (page) => page.locator('tbody tr, main h2').first().waitFor() },
  { name: 'configuration', operator: true, path: '/admin/config', ready: (page) => page.locator('main dl').first().waitFor() },
  { name: 'doctor', operator: true, path: '/admin/doctor', ready: (page) => page.locator('main h2').first().waitFor() },
];

async function furnish(world) {
  const known = await world.program.as('alice').call('GET', '/api/city/rooms');
  if (known.some(({ slug }) => slug === 'gallery')) return;
  const room = await world.program.room('alice', { name: 'Gallery', slug: 'gallery', description: 'Everything on one wall' });
  await world.program.say('bob', room, '**Good morning**, city! See https://example.org\n\n- bread\n- salt\n\n> quoted `code`');
  const first = await world.program.say('alice', room, 'Добрий ранок');
  await world.program.say('bob', room, 'An answer', { reply_to: first.id });
  await world.program.room('alice', { name: 'Hidden', slug: 'hidden', visibility: 'private' });
  await world.program.as('alice').inside('POST', '/internal/agents', { id: 'agent:guide', display_name: 'Guide' });
}

async function look(world, screen, options) {
  const isMember = !screen.guest && !screen.operator;
  const visitor = await world.visitor(isMember ? 'alice' : undefined, { ...options, operator: screen.operator });
  await visitor.open(screen.path);
  await visitor.page.locator('h1').first().waitFor();
  await screen.ready?.(visitor.page);
  return visitor;
}

export function tell(context) {
  for (const options of LOOKS) {
    story(context, `axe finds nothing serious in ${options.theme}, ${options.language}`, async (world) => {
      await furnish(world);
      for (const screen of SCREENS) {
        const { page } = await look(world, screen, options);
        assert.equal(await page.locator('html').getAttribute('lang'), options.language);
        assert.deepEqual(await violations(page), [], screen.name);
      }
      // What opens.
      const { page } = await look(world, SCREENS[1], options);
      await page.locator('main header button').click();
      await page.getByRole('dialog').waitFor();
      await page.locator('[role=dialog] form button[type=submit]').click();
      await page.locator('[role=dialog] [aria-invalid=true]').waitFor();
      assert.deepEqual(await violations(page), [], 'the form of a new room, and what is wrong in it');
      await page.keyboard.press('Escape');
      await page.locator('aside button').last().click();
      await page.getByRole('menu').waitFor();
      assert.deepEqual(await violations(page), [], 'the menu of the account');
      await page.route('**/api/auth/logout', (route) => route.abort());
      await page.getByRole('menuitem').last().click();
      await page.locator('.toast').waitFor();
      assert.deepEqual(await violations(page), [], 'what the page says in passing');
      const { page: rooms } = await look(world, SCREENS.find(({ path }) => path === '/admin/rooms'), options);
      await rooms.locator('main header button').click();
      await rooms.getByRole('dialog').waitFor();
      assert.deepEqual(await violations(rooms), [], 'the form of a room that belongs to nobody');
      await rooms.keyboard.press('Escape');
      await rooms.getByRole('dialog').waitFor({ state: 'detached' });
      await rooms.locator('tbody button').first().click();
      await rooms.getByRole('menu').waitFor();
      assert.deepEqual(await violations(rooms), [], 'the menu of a room');
    });
  }

  story(context, 'on a phone of 360 × 740 nothing scrolls sideways', async (world) => {
    await furnish(world);
    for (const language of ['en', 'uk']) {
      for (const screen of SCREENS) {
        const { page } = await look(world, screen, { phone: true, language });
        await assertNarrow(page, `${screen.name} in ${language}`);
      }
    }
  });

  story(context, 'a phone has the rooms in a drawer and the people in another', async (world) => {
    await furnish(world);
    const { page } = await look(world, SCREENS[2], { phone: true });
    await page.getByRole('button', { name: 'Open the list of rooms' }).tap();
    const drawer = page.getByRole('dialog', { name: 'DAARION City' });
    await drawer.getByRole('link', { name: 'Hidden' }).tap();
    await page.waitForURL('**/city/hidden');
    await drawer.waitFor({ state: 'detached' });
    await page.getByRole('button', { name: /\d+ (person|people) in the room/ }).tap();
    await page.getByRole('dialog', { name: 'People' }).getByText('Alice', { exact: true }).waitFor();
  });

  story(context, 'a phone has the pages of operators in a drawer', async (world) => {
    const { page } = await world.operator('/admin', { phone: true });
    await page.getByRole('button', { name: 'Open the list of pages' }).tap();
    const drawer = page.getByRole('dialog', { name: 'Administration' });
    await drawer.getByRole('link', { name: 'People online' }).tap();
    await page.waitForURL('**/admin/people');
    await drawer.waitFor({ state: 'detached' });
  });

  story(context, 'the browser’s language comes first, a choice stays, and so does a theme', async (world) => {
    const guest = await world.visitor(undefined, { language: 'uk' });
    await guest.open('/login');
    await guest.page.getByRole('heading', { name: 'Вітаємо в місті' }).waitFor();
    await guest.page.getByLabel('Ім’я користувача').fill('typed before');
    await guest.page.getByLabel('Мова').selectOption('en');
    await guest.page.getByRole('heading', { name: 'Welcome to the city' }).waitFor();
    assert.equal(await guest.page.getByLabel('User name').inputValue(), 'typed before');
    const ground = () => guest.page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    const light = await ground();
    await guest.page.getByLabel('Theme').selectOption('dark');
    assert.notEqual(await ground(), light);
    const dark = await ground();
    await guest.page.reload();
    await guest.page.getByRole('heading', { name: 'Welcome to the city' }).waitFor();
    assert.equal(await ground(), dark);
  });

  story(context, 'numbers of people have the right form in Ukrainian', async (world) => {
    const bob = await world.visitor('bob', { language: 'uk' });
    const online = new Map([[1, '1 людина онлайн'], [3, '3 людини онлайн'], [5, '5 людей онлайн'], [21, '21 людина онлайн']]);
    await bob.page.route('**/api/city/rooms', async (route) => {
      const answer = await route.fetch();
      const [room] = await answer.json();
      const json = [...online.keys()].map((count) => ({ ...room, id: `room_city_${count}`, slug: `of-${count}`, members_online: count }));
      await route.fulfill({ response: answer, json });
    });
    await bob.open('/city');
    for (const words of online.values()) await bob.page.getByRole('main').getByText(words, { exact: true }).waitFor();
  });
}
