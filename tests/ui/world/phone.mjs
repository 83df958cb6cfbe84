// What a phone of 360 × 740 makes of a page.
import assert from 'node:assert/strict';

/** Nothing scrolls sideways, nothing is cut off at the edge, and below a page that scrolls there is nothing. */
export async function assertNarrow(page, what) {
  const isLong = await page.evaluate(() =>
    document.querySelector('.shell') && document.scrollingElement.scrollHeight > innerHeight);
  assert.ok(!isLong, `${what}: the document is longer than the window`);
  const wide = await page.evaluate(() => document.scrollingElement.scrollWidth);
  assert.equal(wide, 360, what);
  const outside = await page.evaluate(() =>
    [...document.querySelectorAll('main *, [role=dialog] *')]
      .filter((it) => it.checkVisibility() && !it.closest('.visually-hidden, [aria-hidden], pre, svg'))
      .filter((it) => it.getBoundingClientRect().right > 361)
      .map((it) => it.outerHTML.slice(0, 120)));
  assert.deepEqual(outside, [], what);
}

/** A finger that stays for a while where something is. */
export async function longPress({ context, page }, locator) {
  const box = await locator.boundingBox();
  const at = { x: box.x + Math.min(120, box.width / 2), y: box.y + box.height / 2 };
  const session = await context.newCDPSession(page);
  await session.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: [at] });
  await page.getByRole('menu').waitFor();
  await session.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
  await session.detach();
}
