// A test as the stories tell it: whatever the browsers complained about fails it, and a failure
// leaves a picture of each browser behind.
import assert from 'node:assert/strict';
import { test } from 'node:test';

const LIMIT_MS = 120_000;

/** `isAllowed` knows the complaints that this story brings about on purpose. */
export function story(context, name, tell, { isAllowed = () => false } = {}) {
  test(name, { timeout: LIMIT_MS }, async () => {
    const { world } = context;
    try {
      await tell(world);
    } catch (error) {
      await world.pictureAll(name.replace(/[^a-z0-9]+/gi, '-'));
      throw error;
    } finally {
      const complaints = (await world.dismiss()).filter((text) => !isAllowed(text));
      assert.deepEqual(complaints, [], 'what the browsers complained about');
    }
  });
}
