// What a phone of 360 × 740 makes of a page.
import assert from 'node:assert/strict';

/** Nothing scrolls sideways, and nothing is cut off at the edge. */
export async function assertNarrow(page, what) {
  const wide = await page.evaluate(() => document.scrollingElement.scrollWidth);
  assert.equal(wide, 360, what);
  const outside = await page.evaluate(() =>
    [...document.querySelectorAll('main *, [role=dialog] *')]
      .filter((it) => it.checkVisibility() && !it.closest('.visually-hidden, [aria-hidden], pre, svg'))
      .filter((it) => it.getBoundingClientRect().right > 361)
      .map((it) => it.outerHTML.slice(0, 120)));
  assert.deepEqual(outside, [], what);
}
