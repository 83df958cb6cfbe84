// The live stream when the network is at its worst: one connection, nothing twice, nothing missing.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { answers, breaksOff, goesOn } from '../world/answers.mjs';
import { until } from '../world/processes.mjs';
import { story } from '../world/story.mjs';

const BACK = { state: 'attached', timeout: 30_000 };
const live = ({ page }) => page.locator('[data-live="live"]');
const lost = ({ page }) => page.locator('[data-live="lost"]');

/** A request that is answered at once, and whose answer comes when somebody lets it go. */
async function late(page, url, isMeant = () => true) {
  const answers = [];
  let isOpen = false;
  await page.route(url, async (route) => {
    if (isOpen || !isMeant(route.request())) return route.fallback();
    answers.push({ route, response: route.fetch() });
  });
  return {
    async answered() {
      await until(`${url} is asked for`, 20_000, async () => answers.length > 0);
      await Promise.all(answers.map(({ response }) => response));
    },
    /** `change` makes another JSON of it. */
    async letGo(change = (json) => json) {
      isOpen = true;
      for (const { route, response: arriving } of answers) {
        const response = await arriving;
        const seen = page.waitForResponse((it) => it.request() === route.request());
        await route.fulfill({ response, json: change(await response.json()) });
        await (await seen).finished();
      }
      // The page has taken it: what it does with an answer takes no longer than two frames.
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    },
  };
}

/** The page's live stream with somebody in between, who may keep frames and make up others. */
async function tapped(page) {
  const tap = { frames: [], keeps: () => false };
  await page.routeWebSocket(/\/ws\/messaging\//, (socket) => {
    const server = socket.connectToServer();
    server.onMessage((text) => {
      const frame = text.startsWith('{') ? JSON.parse(text) : null;
      if (frame && tap.keeps(frame)) return;
      if (frame) tap.frames.push(frame);
      socket.send(text);
    });
    tap.tell = (frame) => socket.send(JSON.stringify(frame));
  });
  /** As the server does when what was missed is kept no more. */
  tap.resync = () => {
    const { channel_id, journal } = tap.frames.find((frame) => frame.journal);
    tap.tell({ type: 'resync', seq: tap.frames.at(-1).seq, journal, channel_id });
  };
  return tap;
}

export function tell(context) {
  story(context, 'however often it is told to come back, it opens one connection', async (world) => {
    const { installation } = world;
    const room = await world.program.room('alice', { name: 'Wires', slug: 'wires' });
    const alice = await world.visitor('alice');
    const { page } = alice;
    await alice.enter('/city/wires');
    const sockets = [];
    page.on('websocket', (socket) => sockets.push(socket));
    const tickets = await answers(page, '**/api/auth/ticket', breaksOff);
    await installation.daarion.stop();
    await lost(alice).waitFor(BACK);
    await installation.startDaarion();
    const asked = [];
    tickets.become((route) => asked.push(route));
    // As when a laptop wakes: both at once, and somebody who cannot wait.
    await page.evaluate(() => {
      for (let times = 0; times < 3; times += 1) {
        dispatchEvent(new Event('online'));
        document.dispatchEvent(new Event('visibilitychange'));
      }
    });
    await page.getByRole('button', { name: 'Reconnect now' }).click();
    await until('it asks for a ticket', 20_000, async () => asked.length > 0);
    tickets.become(goesOn);
    await Promise.all(asked.map(goesOn));
    await live(alice).waitFor(BACK);
    await world.program.say('bob', room, 'One wire is enough');
    await alice.message('One wire is enough').waitFor();
    assert.equal(sockets.filter((socket) => !socket.isClosed()).length, 1);
    assert.equal(asked.length, 1, 'one attempt was made');
  });

  story(context, 'what is deleted or edited while it is read does not come back', async (world) => {
    const room = await world.program.room('alice', { name: 'Late answers', slug: 'late' });
    const olena = world.matrix.olena;
    await olena.join(room.matrix_room_id);
    const early = await olena.send(room.matrix_room_id, 'An early secret');
    const edited = await olena.send(room.matrix_room_id, 'At eight');
    const alice = await world.visitor('alice');
    const { page } = alice;
    // The list is read at once, and again when the stream stands: that answer comes late.
    let readings = 0;
    const lists = await late(page, '**/messages?*', () => (readings += 1) > 1);
    await alice.enter('/city/late');
    await alice.message('An early secret').waitFor();
    await lists.answered();
    await olena.redact(room.matrix_room_id, early);
    await olena.send(room.matrix_room_id, {
      msgtype: 'm.text',
      body: '* At nine',
      'm.new_content': { msgtype: 'm.text', body: 'At nine' },
      'm.relates_to': { rel_type: 'm.replace', event_id: edited },
    });
    await alice.message('At nine').waitFor();
    await alice.message('This message was deleted.').waitFor();
    await lists.letGo();
    assert.equal(await page.getByText('An early secret').count(), 0, 'the list does not bring it back');
    assert.equal(await page.getByText('At eight').count(), 0, 'nor the old text');
    assert.equal(await alice.message('At nine').count(), 1);

    const one = await late(page, /\/messages\/[^/]+\?content=full/);
    const second = await olena.send(room.matrix_room_id, 'Another secret');
    await alice.message('Another secret').waitFor();
    await one.answered();
    await olena.redact(room.matrix_room_id, second);
    await alice.message('This message was deleted.').nth(1).waitFor();
    await one.letGo();
    assert.equal(await alice.message('Another secret').count(), 0, 'nor does its own reading');
    assert.equal(await page.getByText('Another secret').count(), 0, 'nor is it read out any more');
  });

  story(context, 'where the stream cannot go on, the lists begin anew, with what is said meanwhile', async (world) => {
    const room = await world.program.room('alice', { name: 'Gap', slug: 'gap' });
    await world.program.say('alice', room, 'Before the gap');
    const alice = await world.visitor('alice');
    const { page } = alice;
    const tap = await tapped(page);
    await alice.enter('/city/gap');
    await alice.message('Before the gap').waitFor();
    const lists = await late(page, '**/messages?*');
    tap.resync();
    await lists.answered();
    await world.program.say('bob', room, 'While it was read');
    await alice.message('While it was read').waitFor();
    // So much was said in the gap that nothing of the new page is known.
    await lists.letGo((list) => {
      const [known] = list.items;
      const created_at = new Date(Date.parse(known.created_at) + 1).toISOString();
      const words = { content_preview: 'Said in the gap', content: undefined };
      const unknown = { ...words, id: randomUUID(), matrix_event_id: '$gap', created_at };
      return { items: [{ ...known, ...unknown }], next: 'further-up' };
    });
    await alice.message('Said in the gap').waitFor();
    assert.equal(await alice.message('While it was read').count(), 1);
    assert.equal(await alice.message('Before the gap').count(), 0, 'it is further up now');
  });

  story(context, 'where the stream cannot go on, the room itself is asked for as well', async (world) => {
    const room = await world.program.room('alice', { name: 'Unheard', slug: 'unheard' });
    await world.program.say('alice', room, 'Still open');
    const alice = await world.visitor('alice');
    const tap = await tapped(alice.page);
    let isKept = false;
    tap.keeps = (frame) => frame.type === 'channel.updated' && (isKept = true);
    await alice.enter('/city/unheard');
    await alice.composer.waitFor();
    await world.program.as('alice').call('POST', '/api/city/rooms/unheard/archive');
    await until('the frame is lost', 20_000, async () => isKept);
    assert.equal(await alice.composer.count(), 1);
    tap.resync();
    await alice.page.getByText('This room is archived.').waitFor();
    assert.equal(await alice.composer.count(), 0);
  });

  story(context, 'who comes in while the people are read is among them', async (world) => {
    const room = await world.program.room('alice', { name: 'Arrivals', slug: 'arrivals' });
    await world.program.say('alice', room, 'Who comes?');
    const alice = await world.visitor('alice', { wide: true });
    const { page } = alice;
    const tap = await tapped(page);
    const lists = await late(page, '**/members?*');
    await alice.enter('/city/arrivals');
    await lists.answered();
    await world.matrix.taras.join(room.matrix_room_id);
    await until('it is told', 20_000, async () => tap.frames.some((frame) => frame.type === 'member.joined'));
    await lists.letGo();
    const people = page.getByRole('complementary', { name: 'People' });
    await people.getByText('Alice', { exact: true }).waitFor();
    await people.getByText('Тарас', { exact: true }).waitFor();
  });

  story(context, 'who has come in by speaking speaks on when the room becomes private', async (world) => {
    const room = await world.program.channel('alice', { name: 'Narrowing', slug: 'narrowing' });
    const bob = await world.visitor('bob');
    await bob.enter(`/channels/${room.id}`);
    await bob.say('I am in');
    await bob.message('I am in').waitFor();
    const rules = `/rooms/${encodeURIComponent(room.matrix_room_id)}/state/m.room.join_rules`;
    await world.matrix.alice.call('PUT', rules, { join_rule: 'invite' });
    await bob.page.locator('header').getByText('Private', { exact: true }).waitFor();
    assert.equal(await bob.page.getByText('Only members may speak here.').count(), 0);
    await bob.say('And I stay');
    await bob.message('And I stay').waitFor();
  });

  story(context, 'what was read while the homeserver was away is whole when it is back', async (world) => {
    const room = await world.program.room('alice', { name: 'Fog', slug: 'fog' });
    const alice = await world.visitor('alice');
    const { page } = alice;
    await page.route(/content=full/, (route) =>
      route.fulfill({ status: 503, json: { error: 'HOMESERVER_UNAVAILABLE', message: 'away' } }));
    await world.program.say('bob', room, `Said **in the fog**. ${'On and on. '.repeat(40)}The end.`);
    await alice.enter('/city/fog');
    const message = alice.message('in the fog');
    await message.waitFor();
    assert.equal(await message.locator('strong', { hasText: 'in the fog' }).count(), 0);
    await page.unroute(/content=full/);
    await message.locator('strong', { hasText: 'in the fog' }).waitFor({ timeout: 30_000 });
    await message.getByText('The end.').waitFor();
  });

  story(context, 'a channel that stays open keeps the newest, and finds the rest by scrolling', async (world) => {
    const room = await world.program.room('alice', { name: 'Wall display', slug: 'wall' });
    const said = await world.program.say('alice', room, 'The newest of all');
    const alice = await world.visitor('alice');
    const { page } = alice;
    const tap = await tapped(page);
    await alice.enter('/city/wall');
    await alice.message('The newest of all').waitFor();
    // Weeks of talk in a moment; that it is not on the server shows what is still loaded.
    const { seq, channel_id } = tap.frames.at(-1);
    const read = page.waitForRequest(/messages\?/);
    for (let number = 1; number <= 500; number += 1) {
      const created_at = new Date(Date.parse(said.created_at) - (600 - number) * 1_000).toISOString();
      const words = { content_preview: `Long ago ${number}`, content: { body: `Long ago ${number}` } };
      const message = { ...said, ...words, id: randomUUID(), matrix_event_id: `$ago${number}`, created_at };
      tap.tell({ type: 'message.created', seq: seq + number, channel_id, message });
    }
    await read;
    await alice.message('Long ago').first().waitFor({ state: 'detached' });
    await alice.message('The newest of all').waitFor();
    await page.getByText('This is where it began.').waitFor();
  });
}
