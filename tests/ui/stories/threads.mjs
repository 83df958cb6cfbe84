// Threads: beside the conversation, on a phone in place of it.
import assert from 'node:assert/strict';
import { answers, breaksOff, goesOn } from '../world/answers.mjs';
import { LOOKS, violations } from '../world/axe.mjs';
import { assertNarrow } from '../world/phone.mjs';
import { story } from '../world/story.mjs';

const pane = (visitor, name = 'Thread') => visitor.page.getByRole('complementary', { name, exact: true });

async function sayInThread(visitor, text) {
  const field = visitor.page.locator('#composer-thread');
  await field.fill(text);
  await field.press('Enter');
}

export function tell(context) {
  story(context, 'a thread begins with a message, and both sides see it grow', async (world) => {
    const room = await world.program.room('alice', { name: 'Weaving', slug: 'weaving' });
    const root = await world.program.say('bob', room, 'Who has wool?');
    await world.program.say('bob', room, 'And who has a loom?');
    await world.matrix.olena.join(room.matrix_room_id);
    const alice = await world.visitor('alice', { wide: true });
    const bob = await world.visitor('bob', { wide: true });
    await Promise.all([alice, bob].map((visitor) => visitor.enter('/city/weaving')));
    const question = alice.message('Who has wool?');
    await alice.pressAt(question, 'Reply in thread');
    await pane(alice).getByText('Nobody has answered here yet.').waitFor();
    await pane(alice).getByText('Who has wool?').waitFor();
    await sayInThread(alice, 'I have, a whole sack');
    await pane(alice).getByText('I have, a whole sack').waitFor();
    const main = (visitor) => visitor.page.getByRole('region', { name: 'Messages', exact: true });
    for (const visitor of [alice, bob]) {
      await main(visitor).getByRole('button', { name: /1 reply/ }).waitFor();
      assert.equal(await main(visitor).getByText('a whole sack').count(), 0, 'it is in the thread alone');
    }
    const chunk = (await world.matrix.olena.call('GET', `/rooms/${encodeURIComponent(room.matrix_room_id)}/messages?dir=b&limit=5`)).chunk;
    assert.equal(chunk[0].content['m.relates_to'].rel_type, 'm.thread');
    assert.equal(chunk[0].content['m.relates_to'].event_id, root.matrix_event_id);

    // From Matrix, and seen by whoever has the thread open.
    const said = await world.matrix.olena.send(room.matrix_room_id, {
      msgtype: 'm.text',
      body: 'Мені половину',
      'm.relates_to': { rel_type: 'm.thread', event_id: root.matrix_event_id },
    });
    await pane(alice).getByText('Мені половину').waitFor();
    const mark = main(bob).getByRole('button', { name: /2 replies/ });
    await mark.waitFor();
    assert.match(await mark.textContent(), /Alice, Олена|Олена, Alice/);
    await world.matrix.olena.redact(room.matrix_room_id, said);
    await main(bob).getByRole('button', { name: /1 reply/ }).waitFor();
    await mark.waitFor({ state: 'detached' });

    // The address leads there, for anybody.
    await main(bob).getByRole('button', { name: /1 reply/ }).click();
    await pane(bob).getByText('a whole sack').waitFor();
    const address = bob.page.url();
    assert.match(address, new RegExp(`thread=${root.id}$`));
    await bob.enter(new URL(address).pathname + new URL(address).search);
    await pane(bob).getByText('a whole sack').waitFor();
    await pane(bob).getByRole('button', { name: 'Close' }).click();
    await pane(bob).waitFor({ state: 'detached' });
    assert.doesNotMatch(bob.page.url(), /thread=/);
  });

  story(context, 'edits, reactions and replies work in a thread, and a link to a reply opens it', async (world) => {
    const room = await world.program.room('alice', { name: 'Baking', slug: 'baking' });
    const root = await world.program.say('alice', room, 'Bread on Friday');
    const reply = await world.program.say('alice', room, 'With rye?', { thread_id: root.id });
    const alice = await world.visitor('alice', { wide: true });
    await alice.enter(`/city/baking?message=${reply.id}`);
    const row = pane(alice).locator('[data-message]', { hasText: 'With rye?' });
    await row.waitFor();
    await alice.page.locator(`[data-message="${reply.id}"].found`).waitFor();
    await alice.pressAt(row, 'React');
    await alice.page.getByRole('menu').getByRole('menuitem', { name: 'Thumbs up' }).click();
    await row.getByRole('button', { name: /reacted with 👍/ }).waitFor();
    await alice.page.locator('#composer-thread').press('ArrowUp');
    assert.equal(await alice.page.locator('#composer-thread').inputValue(), 'With rye?');
    await sayInThread(alice, 'With spelt?');
    await pane(alice).getByText('With spelt?').waitFor();
    assert.equal(await pane(alice).locator('[data-message]').count(), 1);
    const spelt = pane(alice).locator('[data-message]', { hasText: 'With spelt?' });
    await alice.pressAt(spelt, 'Reply to Alice');
    await sayInThread(alice, 'Yes, spelt');
    await pane(alice).getByRole('button', { name: /Alice.*With spelt/ }).waitFor();
    await pane(alice).getByRole('button', { name: 'Show in the room' }).click();
    await alice.page.locator(`[data-message="${root.id}"].found`).waitFor();
  });

  story(context, 'the threads of a room stand in a list, the latest first', async (world) => {
    const room = await world.program.room('alice', { name: 'Council', slug: 'council-hall' });
    const alice = await world.visitor('alice', { wide: true });
    await alice.enter('/city/council-hall');
    await alice.page.getByRole('button', { name: 'Threads' }).click();
    const list = pane(alice, 'Threads');
    await list.getByRole('heading', { name: 'No threads yet' }).waitFor();
    const roots = [];
    for (const topic of ['Roads', 'Water']) roots.push(await world.program.say('bob', room, topic));
    for (const root of roots) await world.program.say('alice', room, 'Agreed', { thread_id: root.id });
    await list.getByRole('listitem').nth(1).waitFor();
    assert.match(await list.getByRole('listitem').first().textContent(), /Water.*1 reply/s);
    await world.program.say('bob', room, 'More of it', { thread_id: roots[0].id });
    await list.getByRole('listitem').first().getByText('2 replies').waitFor();
    assert.match(await list.getByRole('listitem').first().textContent(), /Roads/);
    await list.getByRole('button', { name: /Roads/ }).click();
    await pane(alice).getByText('More of it').waitFor();

    // What cannot be read says so, and is read again.
    const lists = await answers(alice.page, '**/threads?*', breaksOff);
    await alice.page.getByRole('button', { name: 'Threads' }).click();
    const failed = list.getByRole('alert').filter({ hasText: 'This could not be loaded' });
    await failed.waitFor();
    await lists.after(() => failed.getByRole('button', { name: 'Try again' }).click(), goesOn);
    await list.getByRole('button', { name: /Roads/ }).waitFor();
  });

  story(context, 'a thread without its message, and messages that cannot be read, say so', async (world) => {
    const room = await world.program.room('alice', { name: 'Loft', slug: 'loft' });
    const root = await world.program.say('alice', room, 'Old things');
    await world.program.say('alice', room, 'A clock', { thread_id: root.id });
    const bob = await world.visitor('bob', { wide: true });
    await bob.enter('/city/loft?thread=00000000-0000-0000-0000-000000000000');
    await pane(bob).getByRole('heading', { name: 'Nothing is here' }).waitFor();
    const reading = await answers(bob.page, '**/threads/*/messages?*', breaksOff);
    await bob.enter(`/city/loft?thread=${root.id}`);
    const failed = pane(bob).getByRole('alert').filter({ hasText: 'This could not be loaded' });
    await failed.waitFor();
    await reading.after(() => failed.getByRole('button', { name: 'Try again' }).click(), goesOn);
    await pane(bob).getByText('A clock').waitFor();
  });

  story(context, 'on a phone a thread takes the whole screen, and the way back leaves it', async (world) => {
    const room = await world.program.room('alice', { name: 'Pocket threads', slug: 'pocket-threads' });
    const root = await world.program.say('bob', room, 'Where do we meet?');
    await world.program.say('bob', room, 'At the well, as always, when the bell rings for the third time', { thread_id: root.id });
    for (const look of LOOKS) {
      const alice = await world.visitor('alice', { ...look, phone: true });
      const { page } = alice;
      await alice.enter('/city/pocket-threads');
      await alice.message('Where do we meet?').locator('button time').tap();
      const dialog = page.getByRole('dialog');
      await dialog.getByText('At the well').waitFor();
      const box = await dialog.boundingBox();
      assert.deepEqual([box.x, box.y, box.width, box.height], [0, 0, 360, 740]);
      await assertNarrow(page, `the thread in ${look.language}`);
      assert.deepEqual(await violations(page), [], `${look.theme}, ${look.language}`);
      await page.locator('#composer-thread').fill('I come');
      await page.screenshot({ path: `${world.pictures}thread-phone-${look.theme}-${look.language}.png` });
      await page.locator('#composer-thread').fill('');
      await page.goBack();
      await dialog.waitFor({ state: 'detached' });
      assert.equal(new URL(page.url()).pathname, '/city/pocket-threads');
      // The list of them is in the menu of the room.
      await page.locator('.narrow button').tap();
      await page.getByRole('menuitem').first().tap();
      await dialog.getByRole('listitem').first().waitFor();
      await assertNarrow(page, `the list in ${look.language}`);
      assert.deepEqual(await violations(page), [], `the list, ${look.theme}, ${look.language}`);
      await page.screenshot({ path: `${world.pictures}threads-phone-${look.theme}-${look.language}.png` });
      await dialog.getByRole('listitem').first().getByRole('button').tap();
      await dialog.getByText('At the well').waitFor();
      // The way to its beginning leaves it, too.
      await dialog.locator('.root button').tap();
      await dialog.waitFor({ state: 'detached' });
      await page.locator(`[data-message="${root.id}"].found`).waitFor();
    }
  });

  story(context, 'a thread beside the conversation is readable in each look', async (world) => {
    const room = await world.program.room('alice', { name: 'Beside', slug: 'beside' });
    const root = await world.program.say('bob', room, 'What do we plant in the long bed by the wall?');
    await world.program.say('alice', room, 'Beans, and **sunflowers** behind them', { thread_id: root.id });
    await world.program.say('taras', room, 'Гарбузи!', { thread_id: root.id });
    for (const look of LOOKS) {
      const alice = await world.visitor('alice', { ...look, wide: true });
      const { page } = alice;
      await alice.enter('/city/beside');
      await alice.message('What do we plant').locator('button time').click();
      await page.locator('aside.thread [data-message]').nth(1).waitFor();
      assert.deepEqual(await violations(page), [], `${look.theme}, ${look.language}`);
      await page.screenshot({ path: `${world.pictures}thread-${look.theme}-${look.language}.png` });
    }
  });
}
