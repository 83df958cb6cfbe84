// A test as the stories tell it: whatever the browsers complained about fails it, and a failure
// leaves a picture of each browser behind.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

const LIMIT_MS = 300_000;

/** Ends a story that has hung. The test's own limit would leave its browsers to the next story. */
async function limit(ms, signal) {
  await sleep(ms, undefined, { signal, ref: false });
  throw new Error(`it takes longer than ${ms / 1000} s`);
}

/** `isAllowed` knows the complaints that this story brings about on purpose. */
export function story(context, name, tell, { isAllowed = () => false, limitMs = LIMIT_MS } = {}) {
  test(name, async () => {
    const { world } = context;
    const ended = new AbortController();
    try {
      await Promise.race([tell(world), limit(limitMs, ended.signal)]);
    } catch (error) {
      await world.pictureAll(name.replace(/[^a-z0-9]+/gi, '-'));
      throw error;
    } finally {
      ended.abort();
      const complaints = (await world.dismiss()).filter((text) => !isAllowed(text));
      assert.deepEqual(complaints, [], 'what the browsers complained about');
    }
  });
}
