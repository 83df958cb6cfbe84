// The daemon is killed while somebody types, and nothing is lost, doubled or forgotten.
import assert from 'node:assert/strict';
import { story } from '../world/story.mjs';

async function arrived(visitor, text) {
  const patience = { timeout: 30_000 };
  await visitor.message(text).waitFor(patience);
  await visitor.page.locator('[data-outgoing]').waitFor({ state: 'detached', ...patience });
  await visitor.page.locator('[data-live="live"]').waitFor({ state: 'attached', ...patience });
}

const once = (texts, text) => texts.filter((it) => it === text).length;

export function tell(context) {
  story(context, 'killed while one types: the page says so, keeps the draft, and sends once', async (world) => {
    const { installation } = world;
    const room = await world.program.room('alice', { name: 'Storm', slug: 'storm' });
    const olena = world.matrix.olena;
    await olena.join(room.matrix_room_id);
    const alice = await world.visitor('alice');
    const bob = await world.visitor('bob');
    await Promise.all([alice, bob].map((visitor) => visitor.enter('/city/storm')));
    await alice.say('Before the storm');
    await bob.message('Before the storm').waitFor();

    await alice.composer.pressSequentially('Half a sen');
    await installation.daarion.kill();
    for (const { page } of [alice, bob]) {
      await page.getByRole('status').filter({ hasText: 'The connection is lost.' }).waitFor();
    }
    await alice.composer.pressSequentially('tence, whole');
    assert.equal(await alice.composer.inputValue(), 'Half a sentence, whole');
    // A reload is answered by nobody, so the draft is looked for where a reload would find it.
    const kept = await alice.page.evaluate(() => JSON.stringify({ ...sessionStorage }));
    assert.match(kept, /Half a sentence, whole/);
    await alice.composer.press('Enter');
    await alice.page.locator('[data-outgoing="waiting"]', { hasText: 'Half a sentence, whole' }).waitFor();
    await olena.send(room.matrix_room_id, 'Said in the storm, one');
    await olena.send(room.matrix_room_id, 'Said in the storm, two');

    await installation.startDaarion();
    for (const visitor of [alice, bob]) {
      await visitor.page.locator('[data-live="live"]').waitFor({ state: 'attached', timeout: 30_000 });
      for (const text of ['Half a sentence, whole', 'Said in the storm, one', 'Said in the storm, two']) {
        await visitor.message(text).waitFor({ timeout: 20_000 });
        assert.equal(await visitor.message(text).count(), 1, text);
      }
      assert.equal(await visitor.page.locator('[data-outgoing]').count(), 0);
      await visitor.page.getByText('The connection is lost.').waitFor({ state: 'detached' });
    }
    assert.equal(await alice.composer.inputValue(), '');
    assert.equal(once(await olena.texts(room.matrix_room_id), 'Half a sentence, whole'), 1);
  });

  story(context, 'killed while a message is on its way: it is said once all the same', async (world) => {
    const { installation } = world;
    const room = await world.program.room('alice', { name: 'Thunder', slug: 'thunder' });
    const alice = await world.visitor('alice');
    await alice.enter('/city/thunder');
    await alice.say('The first');
    await alice.message('The first').waitFor();
    const sending = (request) => request.method() === 'POST' && request.url().endsWith('/messages');

    // Killed as soon as the request is out: whether the homeserver has it, nobody here knows.
    const asked = alice.page.waitForRequest(sending);
    await alice.say('Under way 1');
    await asked;
    await installation.daarion.kill();
    await installation.startDaarion();
    await arrived(alice, 'Under way 1');

    // Killed when the homeserver has it and the page has no answer.
    let restarts;
    const restarted = new Promise((resolve) => (restarts = resolve));
    let isFirst = true;
    await alice.page.route('**/messages', async (route) => {
      if (!isFirst || !sending(route.request())) return route.continue();
      isFirst = false;
      await route.fetch();
      await installation.daarion.kill();
      await route.abort();
      restarts(installation.startDaarion());
    });
    await alice.say('Under way 2');
    // The live stream may show it before the kill: what counts is what is there after it.
    await restarted;
    await arrived(alice, 'Under way 2');

    const said = (await world.matrix.alice.texts(room.matrix_room_id)).filter((text) => text.startsWith('Under way'));
    assert.deepEqual(said, ['Under way 1', 'Under way 2']);
    assert.equal(await alice.page.locator('[data-message]', { hasText: 'Under way' }).count(), 2);
  });

  story(context, 'a draft outlives a reload and a look elsewhere', async (world) => {
    const alice = await world.visitor('alice');
    await alice.enter('/city/storm');
    await alice.composer.fill('Not finished');
    await alice.page.getByRole('link', { name: 'City', exact: true }).click();
    await alice.page.waitForURL('**/city');
    await alice.enter('/city/storm');
    assert.equal(await alice.composer.inputValue(), 'Not finished');
    await alice.page.reload();
    await alice.composer.waitFor();
    assert.equal(await alice.composer.inputValue(), 'Not finished');
  });
}
