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
}
