// Who may speak and who may come in: mutes, slow mode, knocks and their answers, invitations.
import assert from 'node:assert/strict';
import { LOOKS, violations } from '../world/axe.mjs';
import { assertNarrow } from '../world/phone.mjs';
import { until } from '../world/processes.mjs';
import { story } from '../world/story.mjs';

const people = (visitor) => visitor.page.getByRole('complementary', { name: 'People' });
const person = (visitor, name) =>
  people(visitor).getByRole('listitem').filter({ has: visitor.page.getByText(name, { exact: true }) });

async function choose(visitor, name, deed) {
  await person(visitor, name).getByRole('button', { name: `What to do about ${name}` }).click();
  await visitor.page.getByRole('menuitem', { name: deed }).click();
}

/** A private channel of alice's that lets people ask. */
async function askable(world, body) {
  const channel = await world.program.channel('alice', { visibility: 'private', ...body });
  const path = `/api/messaging/channels/${channel.id}/knocking`;
  await world.program.as('alice').call('PUT', path, { accepted: true });
  return channel;
}

export function tell(context) {
  story(context, 'whoever is muted reads why and until when, and speaks again afterwards', async (world) => {
    const room = await world.program.room('alice', { name: 'Hush', slug: 'hush' });
    for (const name of ['bob', 'olena']) await world.matrix[name].join(room.matrix_room_id);
    const alice = await world.visitor('alice', { wide: true });
    const bob = await world.visitor('bob', { wide: true });
    await Promise.all([alice, bob].map((visitor) => visitor.enter('/city/hush')));
    await person(bob, 'Олена').waitFor();
    assert.equal(await person(bob, 'Олена').getByRole('button').count(), 0, 'a member mutes nobody');

    await choose(alice, 'Bob', 'Mute…');
    const form = alice.page.getByRole('dialog', { name: 'Mute Bob?' });
    await form.getByLabel('For how long').selectOption({ label: '1 day' });
    await form.getByLabel('Reason').fill('Shouting at night');
    await form.getByRole('button', { name: 'Mute', exact: true }).click();
    await form.waitFor({ state: 'detached' });
    for (const visitor of [alice, bob]) await person(visitor, 'Bob').getByText('Muted', { exact: true }).waitFor();
    await person(alice, 'Bob').getByText('Shouting at night').waitFor();
    await bob.page.getByText(/You have no word here until .* The reason: Shouting at night/).waitFor();
    assert.equal(await bob.composer.count(), 0);
    await assert.rejects(world.matrix.bob.send(room.matrix_room_id, 'All the same'), /403/);

    await bob.page.reload();
    await bob.page.getByText(/You have no word here until/).waitFor();
    await choose(alice, 'Bob', 'Unmute');
    await alice.page.getByText('Bob may speak again.').waitFor();
    await bob.composer.waitFor();
    for (const visitor of [alice, bob]) await person(visitor, 'Bob').getByText('Muted', { exact: true }).waitFor({ state: 'detached' });
    await bob.say('Thank you');
    await alice.message('Thank you').waitFor();

    await alice.page.route('**/mute', (route) => route.fulfill({ status: 403, json: { error: 'M_FORBIDDEN', message: 'no' } }));
    await choose(alice, 'Bob', 'Mute…');
    await form.getByRole('button', { name: 'Mute', exact: true }).click();
    await form.getByRole('alert').getByText('You may not do this here.').waitFor();
  });

  story(context, 'in a slow channel the composer says when the next message may be said', async (world) => {
    const room = await world.program.room('alice', { name: 'Calm', slug: 'calm' });
    await world.matrix.bob.join(room.matrix_room_id);
    const alice = await world.visitor('alice', { wide: true });
    const bob = await world.visitor('bob', { wide: true });
    await bob.enter('/city/calm');
    await alice.enter('/city/calm');
    await alice.page.getByRole('link', { name: 'Settings' }).click();
    await alice.page.getByRole('heading', { name: 'Settings of Calm' }).waitFor();
    // By keyboard: what is walked over holds for nobody, and the focus stays where it is.
    await alice.page.getByLabel('Pause between two messages of a member').focus();
    await alice.page.keyboard.press('ArrowDown');
    await alice.page.keyboard.press('ArrowDown');
    await alice.page.keyboard.press('ArrowDown');
    await alice.page.keyboard.press('ArrowUp');
    assert.equal(await bob.page.locator('[data-slow]').count(), 0);
    await alice.page.keyboard.press('Tab');
    await alice.page.keyboard.press('Enter');
    await alice.page.getByText('Saved.').waitFor();
    assert.equal(await alice.page.evaluate(() => document.activeElement?.textContent?.trim()), 'Set the pause');
    await bob.page.getByText('Slow mode: one message each 10 seconds.').waitFor();
    assert.match(await bob.composer.getAttribute('aria-describedby'), /composer-slow/);

    await bob.say('One');
    await bob.page.getByText(/Slow mode: the next message in \d+ seconds?\./).waitFor();
    await bob.composer.fill('Two');
    await bob.composer.press('Enter');
    assert.equal(await bob.composer.inputValue(), 'Two', 'it waits in the field');
    assert.ok(await bob.page.getByRole('button', { name: 'Send', exact: true }).isDisabled());
    await bob.page.locator('[data-slow=ready]').waitFor();
    await bob.composer.press('Enter');
    await bob.message('Two').waitFor();
    // Who moderates waits for nothing.
    await alice.page.getByRole('link', { name: 'To the conversation' }).click();
    await alice.message('Two').waitFor();
    await alice.say('Three');
    await alice.say('Four');
    for (const text of ['Three', 'Four']) await bob.message(text).waitFor();
    assert.equal(await alice.page.locator('[data-slow]').count(), 0);

    await alice.page.getByRole('link', { name: 'Settings' }).click();
    await alice.page.getByLabel('Pause between two messages of a member').selectOption({ label: 'None' });
    await alice.page.getByRole('button', { name: 'Set the pause' }).click();
    await bob.page.locator('[data-slow]').waitFor({ state: 'detached' });
    await bob.say('Five');
    await bob.say('Six');
    await bob.message('Six').waitFor();
  });

  story(context, 'somebody asks to be let in; one is turned away, one comes in', async (world) => {
    const channel = await askable(world, { name: 'Workshop', slug: 'workshop' });
    const alice = await world.visitor('alice', { wide: true });
    await alice.enter(`/channels/${channel.id}`);
    for (const [name, reason] of [['bob', 'I bring a kiln'], ['olena', 'Пустіть мене']]) {
      const visitor = await world.visitor(name, { wide: true });
      await visitor.open(`/channels/${channel.id}`);
      await visitor.page.getByRole('heading', { name: 'Nothing is here' }).waitFor();
      await visitor.page.getByRole('button', { name: 'Ask to be let in…' }).click();
      const form = visitor.page.getByRole('dialog', { name: 'Ask to be let in' });
      await form.getByLabel('What will you say?').fill(reason);
      await form.getByRole('button', { name: 'Ask', exact: true }).click();
      await visitor.page.getByRole('heading', { name: 'You have asked' }).waitFor();
      await people(alice).getByText(reason).waitFor();
      const told = alice.page.getByRole('button', { name: /1 asks to be let in/ });
      await told.waitFor();
      if (name === 'olena') {
        // Whoever does not look at the people is told as well, also of what was asked earlier.
        await told.click();
        await people(alice).waitFor({ state: 'detached' });
        await alice.page.reload();
        await told.waitFor();
        await people(alice).getByText(reason).waitFor();
        await people(alice).getByRole('button', { name: 'Turn away: Олена' }).click();
        await alice.page.getByText('Олена is turned away.').waitFor();
        await people(alice).getByText(reason).waitFor({ state: 'detached' });
        await told.waitFor({ state: 'detached' });
        continue;
      }
      await people(alice).getByRole('button', { name: 'Let in: Bob' }).click();
      await alice.page.getByText('Bob is invited, and comes in by joining.').waitFor();
      await visitor.page.getByRole('button', { name: 'Look again' }).click();
      await visitor.page.getByText('You are invited.').waitFor();
      await visitor.page.getByRole('button', { name: 'Join', exact: true }).click();
      await visitor.composer.waitFor();
      await visitor.say('Here I am');
      await alice.message('Here I am').waitFor();
    }
    // Where nothing is, or nobody may ask, the answer is the same.
    const closed = await world.program.channel('alice', { name: 'Closed', slug: 'closed', visibility: 'private' });
    const taras = await world.visitor('taras');
    for (const path of [`/channels/${closed.id}`, '/channels/4c0f4f4e-2f5e-4c58-9d0f-000000000000', '/city/nowhere-at-all']) {
      await taras.open(path);
      await taras.page.getByRole('button', { name: 'Ask to be let in…' }).click();
      const form = taras.page.getByRole('dialog', { name: 'Ask to be let in' });
      await form.getByRole('button', { name: 'Ask', exact: true }).click();
      await form.getByText('There is nothing here, or nobody can ask to be let in.').waitFor();
    }
    // A city room is asked for by the alias that such rooms have in this installation.
    const about = await (await fetch(`${world.url}/api/city`)).json();
    await taras.page.route('**/api/city', (route) => route.fulfill({ json: { ...about, room_prefix: 'place_' } }));
    await taras.open('/city/nowhere-at-all');
    await until('the city is read', 10_000, () =>
      taras.page.evaluate(() => localStorage.getItem('daarion.city')?.includes('place_')));
    await taras.page.getByRole('button', { name: 'Ask to be let in…' }).click();
    const asking = taras.page.waitForRequest('**/api/messaging/knock');
    await taras.page.getByRole('dialog').getByRole('button', { name: 'Ask', exact: true }).click();
    assert.equal((await asking).postDataJSON().alias, '#place_nowhere-at-all:city.localhost');
  });

  story(context, 'an answer that comes late hides nothing that was told before it', async (world) => {
    const channel = await askable(world, { name: 'Sluice', slug: 'sluice' });
    const as = (name, method, path, body) =>
      world.program.as(name).call(method, `/api/messaging/channels/${channel.id}${path}`, body);
    await as('olena', 'POST', '/knock', { reason: 'Пустіть' });
    const alice = await world.visitor('alice', { wide: true });
    const { page } = alice;
    let release;
    const letIn = new Promise((done) => (release = done));
    let isHeld = false;
    const asked = new Promise((done) => {
      void page.route('**/knocks?*', async (route) => {
        if (isHeld) return route.continue();
        isHeld = true;
        const answer = await route.fetch();
        done();
        await letIn;
        await route.fulfill({ response: answer });
      });
    });
    await alice.enter(`/channels/${channel.id}`);
    await asked;
    await as('alice', 'PUT', '/knocks/user:olena');
    await people(alice).getByRole('heading', { name: 'Invited' }).waitFor();
    const late = page.waitForResponse('**/knocks?*');
    release();
    await (await late).finished();
    await page.evaluate(() => new Promise((done) => setTimeout(done, 100)));
    await people(alice).getByRole('heading', { name: 'Invited' }).waitFor();
    assert.equal(await people(alice).getByRole('button', { name: /Let in/ }).count(), 0);
  });

  story(context, 'a mute that was prolonged holds on, and the page says until when', async (world) => {
    const room = await world.program.room('alice', { name: 'Longer', slug: 'longer' });
    await world.matrix.bob.join(room.matrix_room_id);
    const mute = (seconds) =>
      world.program.as('alice').call('PUT', `/api/messaging/channels/${room.channel_id}/members/user:bob/mute`, { seconds });
    const bob = await world.visitor('bob', { wide: true });
    await bob.enter('/city/longer');
    await people(bob).getByText('Bob', { exact: true }).waitFor();
    const { muted_until: first } = await mute(30);
    const silence = bob.page.getByText(/You have no word here until/);
    const before = await silence.textContent();
    await mute(7 * 86_400);
    await bob.page.waitForResponse(`**/members/${encodeURIComponent('user:bob')}`, { timeout: 60_000 });
    assert.ok(Date.now() >= Date.parse(first) - 1_000, 'nothing tells of it before');
    await bob.page.waitForFunction((text) => !document.body.textContent.includes(text), before.trim());
    await silence.waitFor();
    assert.equal(await bob.composer.count(), 0);
  });

  story(context, 'a moderator lets people ask, and somebody who is invited may decline', async (world) => {
    const channel = await world.program.channel('alice', { name: 'Attic', slug: 'attic', visibility: 'private' });
    const alice = await world.visitor('alice', { wide: true });
    await alice.open(`/channels/${channel.id}/settings`);
    await alice.page.route('**/knocking', (route) => route.fulfill({ status: 503, json: { error: 'M_UNAVAILABLE', message: 'no' } }));
    await alice.page.getByLabel('People may ask to be let in').click();
    await alice.page.locator('.toast').getByText('The homeserver is away').waitFor();
    assert.equal(await alice.page.getByLabel('People may ask to be let in').isChecked(), false, 'nobody may');
    await alice.page.unrouteAll();
    await alice.page.getByLabel('People may ask to be let in').focus();
    await alice.page.keyboard.press('Space');
    await alice.page.getByText('Saved.').waitFor();
    assert.equal(await alice.page.evaluate(() => document.activeElement?.type), 'checkbox');
    const now = await world.program.as('alice').call('GET', `/api/messaging/channels/${channel.id}`);
    assert.equal(now.accepts_knocks, true);

    await alice.page.getByRole('link', { name: 'To the conversation' }).click();
    await people(alice).getByRole('button', { name: 'Invite somebody…' }).click();
    const form = alice.page.getByRole('dialog', { name: 'Invite somebody' });
    await form.getByRole('button', { name: 'Invite', exact: true }).click();
    await form.getByText('Type a user name or the id of an agent.').waitFor();
    await form.getByLabel('Who').fill('@nobody-at-all');
    await form.getByRole('button', { name: 'Invite', exact: true }).click();
    await form.getByText('There is no such person or agent.').waitFor();
    await form.getByLabel('Who').fill('@olena:city.localhost');
    await form.getByRole('button', { name: 'Invite', exact: true }).click();
    await form.waitFor({ state: 'detached' });
    await people(alice).getByRole('heading', { name: 'Invited' }).waitFor();

    const olena = await world.visitor('olena', { wide: true });
    await olena.open(`/channels/${channel.id}`);
    await olena.page.getByRole('button', { name: 'Decline' }).click();
    await olena.page.waitForURL('**/city');
    await people(alice).getByRole('heading', { name: 'Invited' }).waitFor({ state: 'detached' });
  });

  story(context, 'mutes, knocks and slow mode are readable in each look', async (world) => {
    const channel = await askable(world, { name: 'Gallery of looks', slug: 'looks-of-moderation' });
    const as = (name, method, path, body) =>
      world.program.as(name).call(method, `/api/messaging/channels/${channel.id}${path}`, body);
    for (const name of ['bob', 'taras']) {
      await as('alice', 'POST', '/members', { member_id: `user:${name}` });
      await as(name, 'POST', '/join');
    }
    await as('alice', 'PUT', '/members/user:bob/mute', { seconds: 86_400, reason: 'Advertising of watches' });
    await as('olena', 'POST', '/knock', { reason: 'Доброго дня! Я з майстерні навпроти, пустіть, будь ласка' });
    await as('alice', 'PUT', '/slow-mode', { seconds: 60 });
    for (const look of LOOKS) {
      for (const phone of [false, true]) {
        const name = `moderation-${phone ? 'phone-' : ''}${look.theme}-${look.language}`;
        for (const [who, until] of [['alice', '@olena'], ['bob', null], ['taras', null]]) {
          const visitor = await world.visitor(who, { ...look, phone, wide: !phone });
          const { page } = visitor;
          await visitor.enter(`/channels/${channel.id}`);
          if (until && phone) await page.locator('.talk header button').first().tap();
          if (until) await page.getByText(until).first().waitFor();
          else await page.locator('[data-slow], .banner').first().waitFor();
          assert.deepEqual(await violations(page), [], `${who}, ${look.theme}, ${look.language}`);
          if (phone) await assertNarrow(page, `${who} in ${look.language}`);
          await page.screenshot({ path: `${world.pictures}${name}-${who}.png` });
        }
      }
    }
  });
}
