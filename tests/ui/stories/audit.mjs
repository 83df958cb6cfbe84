// The audit log: of a channel for its moderators, of the installation for operators, with filters.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { LOOKS, violations } from '../world/axe.mjs';
import { assertNarrow } from '../world/phone.mjs';
import { until } from '../world/processes.mjs';
import { story } from '../world/story.mjs';

const records = (visitor) => visitor.page.getByRole('main').locator('ol').getByRole('listitem');
const record = (visitor, action) => records(visitor).filter({ has: visitor.page.getByText(action, { exact: true }) });

/** A channel in which things were done. */
async function livedIn(world, slug) {
  const room = await world.program.room('alice', { name: 'Court', slug });
  const as = world.program.as('alice');
  const path = `/api/messaging/channels/${room.channel_id}`;
  for (const name of ['bob', 'taras']) await world.matrix[name].join(room.matrix_room_id);
  await as.call('PATCH', path, { description: 'Where things are settled' });
  await as.call('PATCH', `${path}/members/user:bob`, { role: 'moderator' });
  await as.call('PUT', `${path}/bans/user:taras`, { reason: 'Rude' });
  return room;
}

/** The records of the file that a page gives. */
async function takenAlong(page, name) {
  const arriving = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Export' }).click();
  const download = await arriving;
  assert.equal(download.suggestedFilename(), name);
  return readFileSync(await download.path(), 'utf8').trim().split('\n').map((line) => JSON.parse(line));
}

export function tell(context) {
  story(context, 'a moderator sees what was done in a channel, and looks for some of it', async (world) => {
    const room = await livedIn(world, 'court');
    const bob = await world.visitor('bob');
    const { page } = bob;
    await bob.open(`/channels/${room.channel_id}/settings`);
    await page.getByRole('link', { name: 'What was done' }).click();
    await page.getByRole('heading', { name: 'What was done in Court' }).waitFor();
    const ban = record(bob, 'member.banned');
    await ban.getByText('user:alice').waitFor();
    await ban.getByText('user:taras').waitFor();
    await ban.getByText('Banned', { exact: true }).waitFor();
    await record(bob, 'member.role_changed').getByText('What changed').click();
    await record(bob, 'member.role_changed').locator('pre').first().waitFor();
    await page.getByLabel('Kind').selectOption('channel');
    await ban.waitFor({ state: 'detached' });
    await record(bob, 'channel.updated').first().waitFor();
    await page.getByLabel('Kind').selectOption('member');
    const look = () => page.getByRole('button', { name: 'Look', exact: true }).click();
    // As people write it, and as the log does.
    for (const taras of ['taras', '@taras:city.localhost', 'user:taras']) {
      await page.getByLabel('Done to').fill('user:nobody');
      await look();
      await page.getByRole('heading', { name: 'Nothing found' }).waitFor();
      await page.getByLabel('Done to').fill(taras);
      await look();
      await ban.waitFor();
      await record(bob, 'member.role_changed').waitFor({ state: 'detached' });
    }
    await page.getByLabel('Done by').fill('nobody');
    await look();
    await page.getByRole('heading', { name: 'Nothing found' }).waitFor();
    await page.getByLabel('From', { exact: true }).fill('2026-02-02');
    await page.getByLabel('To', { exact: true }).fill('2026-02-01');
    await look();
    await page.getByText('This day is before the first one.').waitFor();
    await page.getByLabel('To', { exact: true }).fill('12026-02-01');
    await look();
    await page.getByText('There is no such day.').waitFor();
    await page.getByRole('button', { name: 'Clear' }).click();
    await record(bob, 'member.role_changed').waitFor();

    // Page by page; one that fails takes nothing away.
    let isAway = false;
    await page.route(/\/audit\?/, (route) =>
      isAway ? route.abort() : route.continue({ url: route.request().url().replace('limit=50', 'limit=2') }));
    await page.getByLabel('Kind').selectOption('member');
    await ban.waitFor();
    await until('two records are there', 10_000, async () => (await records(bob).count()) === 2);
    isAway = true;
    await page.getByRole('button', { name: 'Show more' }).click();
    await page.getByRole('alert').getByText('The server does not answer.').waitFor();
    assert.equal(await records(bob).count(), 2);
    isAway = false;
    await page.getByRole('button', { name: 'Show more' }).click();
    await record(bob, 'member.joined').first().waitFor();
    await ban.waitFor();
    await page.getByRole('alert').waitFor({ state: 'detached' });

    const lines = await takenAlong(page, 'court.audit.jsonl');
    assert.equal(lines.at(-1).action, 'channel.created');
    assert.ok(lines.some(({ action, target }) => action === 'member.banned' && target === 'user:taras'));

    const olena = await world.visitor('olena');
    await olena.open(`/channels/${room.channel_id}/audit`);
    await olena.page.getByRole('heading', { name: 'This is not open to you' }).waitFor();
  });

  story(context, 'an operator looks through the log of the installation and takes it along', async (world) => {
    await livedIn(world, 'high-court');
    const warden = await world.operator('/admin/audit');
    const { page } = warden;
    await record(warden, 'member.banned').first().waitFor();
    await page.getByLabel('Kind').selectOption('sign_in');
    await record(warden, 'sign_in.succeeded').first().waitFor();
    await record(warden, 'member.banned').first().waitFor({ state: 'detached' });
    await page.getByLabel('Kind').selectOption('member');
    await record(warden, 'member.banned').first().getByText(/^in \S/).waitFor();
    // What was done in one channel, and by whom in whose name.
    const gate = await world.program.channel('alice', { name: 'Gate of the court', slug: 'gate-of-the-court', visibility: 'private' });
    const link = await world.program.as('alice').call('POST', `/api/messaging/channels/${gate.id}/invite-links`, {});
    await world.program.as('olena').call('POST', `/api/invites/${link.code}/accept`);
    await page.reload();
    await page.getByLabel('Channel').selectOption({ label: 'Gate of the court' });
    const invited = record(warden, 'member.invited').filter({ hasText: 'user:olena' });
    await invited.getByText('in Gate of the court').waitFor();
    await invited.getByText('asked for by user:olena').waitFor();
    await record(warden, 'member.banned').first().waitFor({ state: 'detached' });
    await page.getByLabel('Channel').selectOption('');
    await page.getByLabel('Kind').selectOption('');
    await page.getByLabel('From', { exact: true }).fill('2200-01-01');
    await page.getByRole('button', { name: 'Look', exact: true }).click();
    await page.getByRole('heading', { name: 'Nothing found' }).waitFor();
    const lines = await takenAlong(page, 'audit.jsonl');
    assert.ok(lines.some(({ action, target }) => action === 'member.banned' && target === 'user:taras'));

    await page.route('**/api/admin/audit?*', (route) => route.abort());
    await page.getByRole('button', { name: 'Look', exact: true }).click();
    await page.getByRole('alert').getByText('The server does not answer.').waitFor();
    await page.unrouteAll();
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByRole('heading', { name: 'Nothing found' }).waitFor();
  });

  story(context, 'the audit log is readable in each look', async (world) => {
    const room = await livedIn(world, 'court-of-looks');
    for (const look of LOOKS) {
      for (const phone of [false, true]) {
        const alice = await world.visitor('alice', { ...look, phone, height: 1000 });
        await alice.open(`/channels/${room.channel_id}/audit`);
        const warden = await world.operator('/admin/audit', { ...look, phone, height: 1000 });
        for (const [who, { page }] of Object.entries({ alice, warden })) {
          await page.locator('main ol li').nth(2).waitFor();
          await page.locator('main summary').first().click();
          assert.deepEqual(await violations(page), [], `${who}, ${look.theme}, ${look.language}`);
          if (phone) await assertNarrow(page, `the log of ${who} in ${look.language}`);
          await page.screenshot({ path: `${world.pictures}audit-${phone ? 'phone-' : ''}${look.theme}-${look.language}-${who}.png` });
        }
      }
    }
  });
}
