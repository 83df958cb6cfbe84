// The live stream when the network is at its worst: one connection, nothing twice, nothing missing.
import assert from 'node:assert/strict';
import { until } from '../world/processes.mjs';
import { story } from '../world/story.mjs';

const BACK = { state: 'attached', timeout: 30_000 };
const live = ({ page }) => page.locator('[data-live="live"]');
const lost = ({ page }) => page.locator('[data-live="lost"]');

/** A request that is held until somebody lets it go. */
async function held(page, url) {
  const routes = [];
  let isOpen = false;
  await page.route(url, (route) => (isOpen ? route.fallback() : routes.push(route)));
  return {
    routes,
    asked: () => until(`it asks for ${url}`, 10_000, async () => routes.length > 0),
    async letGo() {
      isOpen = true;
      await Promise.all(routes.map((route) => route.continue()));
    },
  };
}

/** A request that is answered at once, and whose answer comes when somebody lets it go. */
async function late(page, url, isMeant = () => true) {
  const answers = [];
  let isOpen = false;
  await page.route(url, async (route) => {
    if (isOpen || !isMeant(route.request())) return route.fallback();
    const index = answers.push(null) - 1;
    answers[index] = { route, response: await route.fetch() };
  });
  return {
    answered: () => until(`${url} is answered`, 10_000, async () => answers.length > 0 && answers.every(Boolean)),
    /** `change` makes another JSON of it. */
    async letGo(change = (json) => json) {
      isOpen = true;
      for (const { route, response } of answers) {
        const seen = page.waitForResponse((it) => it.request() === route.request());
        await route.fulfill({ response, json: change(await response.json()) });
        await (await seen).finished();
      }
      // The page has taken it: what it does with an answer takes no longer than two frames.
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    },
  };
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
    const tickets = await held(page, '**/api/auth/ticket');
    await installation.daarion.stop();
    await lost(alice).waitFor(BACK);
    await installation.startDaarion();
    await tickets.asked();
    // As when a laptop wakes: both at once, and somebody who cannot wait.
    await page.evaluate(() => {
      for (let times = 0; times < 3; times += 1) {
        dispatchEvent(new Event('online'));
        document.dispatchEvent(new Event('visibilitychange'));
      }
    });
    await page.getByRole('button', { name: 'Reconnect now' }).click();
    await tickets.letGo();
    await live(alice).waitFor(BACK);
    await world.program.say('bob', room, 'One wire is enough');
    await alice.message('One wire is enough').waitFor();
    assert.equal(sockets.filter((socket) => !socket.isClosed()).length, 1);
    assert.equal(tickets.routes.length, 1, 'one attempt was made');
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
  });
}
