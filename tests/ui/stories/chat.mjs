// Talking: browsers and a plain Matrix client in one room, and all that a message can be.
import assert from 'node:assert/strict';
import { until } from '../world/processes.mjs';
import { story } from '../world/story.mjs';

export function tell(context) {
  story(context, 'what anybody says is on every screen, once, without asking for it', async (world) => {
    const room = await world.program.room('alice', { name: 'Square', slug: 'square' });
    const olena = world.matrix.olena;
    await olena.join(room.matrix_room_id);
    const alice = await world.visitor('alice');
    const bob = await world.visitor('bob', { language: 'uk' });
    await Promise.all([alice, bob].map((visitor) => visitor.enter('/city/square')));

    const heard = (text, ...visitors) =>
      Promise.all(visitors.map((visitor) => visitor.message(text).waitFor()));
    await alice.say('Hello from Alice');
    await Promise.all([
      heard('Hello from Alice', alice, bob),
      olena.hears(room.matrix_room_id, 'Hello from Alice'),
    ]);
    await bob.say('Привіт від Боба');
    await Promise.all([
      heard('Привіт від Боба', alice, bob),
      olena.hears(room.matrix_room_id, 'Привіт від Боба'),
    ]);
    await olena.send(room.matrix_room_id, 'Привіт з Element');
    await heard('Привіт з Element', alice, bob);

    for (const visitor of [alice, bob]) {
      assert.equal(await visitor.page.locator('[data-message]').count(), 3, 'each of them once');
      assert.equal(await visitor.page.locator('[data-outgoing]').count(), 0);
      assert.equal(await visitor.page.getByText('Олена', { exact: true }).count() > 0, true);
    }
    assert.equal(await alice.page.locator('[role="log"]').textContent(), 'Олена says: Привіт з Element');
  });

  story(context, 'Markdown is formatted, and nothing in a message can do harm', async (world) => {
    const room = await world.program.room('alice', { name: 'Markup', slug: 'markup' });
    const olena = world.matrix.olena;
    await olena.join(room.matrix_room_id);
    const alice = await world.visitor('alice');
    await alice.enter('/city/markup');
    await alice.say('**bold** and [a link](https://example.org/a) and `code`');
    const formatted = alice.message('bold');
    await formatted.locator('strong', { hasText: 'bold' }).waitFor();
    const link = formatted.getByRole('link', { name: 'a link' });
    assert.equal(await link.getAttribute('target'), '_blank');
    assert.match(await link.getAttribute('rel'), /noopener noreferrer/);
    await formatted.locator('code', { hasText: 'code' }).waitFor();

    await olena.send(room.matrix_room_id, {
      msgtype: 'm.text',
      body: 'harm',
      format: 'org.matrix.custom.html',
      formatted_body:
        '<b>harm</b><script>window.harmed = 1</script><img src="https://elsewhere.example/x.png" alt="a picture" onerror="window.harmed = 2">' +
        '<a href="javascript:window.harmed = 3">press</a><p style="position:fixed">styled</p><mx-reply>quoted</mx-reply>',
    });
    const harm = alice.message('harm');
    await harm.locator('b').waitFor();
    await harm.getByText('press').click();
    const found = await harm.evaluate((row) => ({
      harmed: window.harmed,
      bad: row.querySelectorAll('script, .text img, [onerror], .text [style], mx-reply, [href^="javascript"]').length,
    }));
    assert.deepEqual(found, { harmed: undefined, bad: 0 });
    await olena.send(room.matrix_room_id, 'see https://example.org/b, and <b>this</b>');
    const plain = alice.message('see https');
    await plain.getByRole('link', { name: 'https://example.org/b' }).waitFor();
    assert.match(await plain.textContent(), /<b>this<\/b>/);
  });

  story(context, 'a reply shows what it answers, here and in Matrix', async (world) => {
    const room = await world.program.room('alice', { name: 'Replies', slug: 'replies' });
    const first = await world.program.say('bob', room, 'Who opens the workshop?');
    const alice = await world.visitor('alice');
    await alice.enter('/city/replies');
    const question = alice.message('Who opens the workshop?');
    await alice.pressAt(question, 'Reply to Bob');
    await alice.page.getByText('Replying to Bob').waitFor({ state: 'attached' });
    await alice.say('Olena does, at ten');
    const answer = alice.message('Olena does, at ten');
    const quote = answer.getByRole('button', { name: /Bob.*Who opens the workshop/ });
    await quote.waitFor();
    const [name, quoted] = await Promise.all([answer.getByText('Alice', { exact: true }), quote].map((it) => it.boundingBox()));
    assert.ok(name.y + name.height <= quoted.y, 'who answers stands above what is answered');
    const path = `/rooms/${encodeURIComponent(room.matrix_room_id)}/messages?dir=b&limit=5`;
    const { chunk } = await world.matrix.alice.call('GET', path);
    const sent = chunk.find((event) => event.content.body?.includes('Olena does'));
    assert.equal(sent.content['m.relates_to']['m.in_reply_to'].event_id, first.matrix_event_id);
  });

  story(context, 'edits and deletions show where the message stands', async (world) => {
    const room = await world.program.room('alice', { name: 'Changes', slug: 'changes' });
    const olena = world.matrix.olena;
    await olena.join(room.matrix_room_id);
    const edited = await olena.send(room.matrix_room_id, 'at eight');
    const deleted = await olena.send(room.matrix_room_id, 'a secret');
    const alice = await world.visitor('alice');
    await alice.enter('/city/changes');
    await alice.message('at eight').waitFor();
    await olena.send(room.matrix_room_id, {
      msgtype: 'm.text',
      body: '* at nine',
      'm.new_content': { msgtype: 'm.text', body: 'at nine' },
      'm.relates_to': { rel_type: 'm.replace', event_id: edited },
    });
    await alice.message('at nine').getByText('(edited)').waitFor();
    await olena.redact(room.matrix_room_id, deleted);
    await alice.message('This message was deleted.').waitFor();
    assert.equal(await alice.page.getByText('a secret').count(), 0);
  });

  story(context, 'the room tells its people, and the way to it in Element', async (world) => {
    const room = await world.program.room('alice', { name: 'People', slug: 'people' });
    await world.matrix.olena.join(room.matrix_room_id);
    const alice = await world.visitor('alice', { wide: true });
    await alice.enter('/city/people');
    const people = alice.page.getByRole('complementary', { name: 'People' });
    await people.getByText('Олена', { exact: true }).waitFor();
    await people.getByText('Owner').waitFor();
    const link = alice.page.getByRole('link', { name: 'Open in Element' });
    assert.equal(
      await link.getAttribute('href'),
      `https://matrix.to/#/${encodeURIComponent('#city_people:city.localhost')}`,
    );
    const before = await people.getByRole('listitem').count();
    await world.matrix.taras.join(room.matrix_room_id);
    await people.getByText('Тарас', { exact: true }).waitFor();
    assert.equal(await people.getByRole('listitem').count(), before + 1);
  });

  story(context, 'an archived room can be read, and a channel of a microdao is in the sidebar', async (world) => {
    const room = await world.program.room('alice', { name: 'Closed', slug: 'closed' });
    await world.program.say('alice', room, 'The last word');
    await world.program.as('alice').call('POST', '/api/city/rooms/closed/archive');
    const garden = await world.program.channel('alice', { name: 'Garden', slug: 'garden', microdao_id: 'microdao:green' });
    const bob = await world.visitor('bob');
    await bob.enter('/city/closed');
    await bob.message('The last word').waitFor();
    await bob.page.getByText('This room is archived.').waitFor();
    assert.equal(await bob.composer.count(), 0);
    await bob.page.getByRole('region', { name: 'Channels of green' }).getByRole('link', { name: 'Garden' }).click();
    await bob.page.waitForURL(`**/channels/${garden.id}`);
    await bob.say('Water, please');
    await bob.message('Water, please').waitFor();
  });

  story(context, 'an encrypted channel is not spoken in from here', async (world) => {
    const secret = await world.program.channel('alice', { name: 'Secret', slug: 'secret', confidential: true });
    const alice = await world.visitor('alice');
    await alice.enter(`/channels/${secret.id}`);
    await alice.page.getByText('This channel is end-to-end encrypted.').waitFor();
    assert.equal(await alice.composer.count(), 0);
  });

  story(context, 'a private channel is not there for strangers, and closes for whoever is taken out', async (world) => {
    const council = await world.program.channel('alice', { name: 'Council', slug: 'council', visibility: 'private' });
    const bob = await world.visitor('bob');
    await bob.open(`/channels/${council.id}`);
    await bob.page.getByRole('heading', { name: 'Nothing is here' }).waitFor();
    const members = `/api/messaging/channels/${council.id}/members`;
    await world.program.as('alice').call('POST', members, { member_id: 'user:bob' });
    await world.matrix.bob.join(council.matrix_room_id);
    await bob.enter(`/channels/${council.id}`);
    await bob.say('I am in');
    await bob.message('I am in').waitFor();
    const kick = `/rooms/${encodeURIComponent(council.matrix_room_id)}/kick`;
    await world.matrix.alice.call('POST', kick, { user_id: '@bob:city.localhost' });
    await bob.page.getByText('You are no longer a member of this channel.').waitFor();
    await bob.page.getByText('Only members may speak here.').waitFor();
  });

  story(context, 'messages that cannot be read say so and are read again', async (world) => {
    const room = await world.program.room('alice', { name: 'Fragile', slug: 'fragile' });
    await world.program.say('alice', room, 'Still here');
    const bob = await world.visitor('bob');
    let failures = 0;
    await bob.page.route('**/messages?*', async (route) => {
      await route.abort();
      failures += 1;
    });
    await bob.enter('/city/fragile');
    const failed = bob.page.getByRole('alert').filter({ hasText: 'This could not be loaded' });
    await failed.waitFor();
    // The stream's beginning makes the page read once more by itself.
    await until('both readings have failed', 10_000, async () => failures >= 2);
    await bob.page.unroute('**/messages?*');
    await failed.getByRole('button', { name: 'Try again' }).click();
    await bob.message('Still here').waitFor();
  });

  story(context, 'what is refused stays with its reason, and can be discarded', async (world) => {
    const room = await world.program.room('alice', { name: 'Strict', slug: 'strict' });
    await world.matrix.bob.join(room.matrix_room_id);
    const bob = await world.visitor('bob');
    await bob.enter('/city/strict');
    const levels = `/rooms/${encodeURIComponent(room.matrix_room_id)}/state/m.room.power_levels`;
    const open = await world.matrix.alice.call('GET', levels);
    await world.matrix.alice.call('PUT', levels, { ...open, events_default: 50 });
    await bob.say('Let me in');
    const refused = bob.page.locator('[data-outgoing="failed"]');
    await refused.getByText('You may not do this here.').waitFor();
    await refused.getByRole('button', { name: 'Discard' }).click();
    await refused.waitFor({ state: 'detached' });
  });
}
