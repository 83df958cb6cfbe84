// What axe says of a page, and the looks in which it is asked.
import { axeSource } from './world.mjs';

const SERIOUS = ['serious', 'critical'];

/** Each theme in each language. */
export const LOOKS = ['light', 'dark'].flatMap((theme) => ['en', 'uk'].map((language) => ({ theme, language })));

/** The serious ones, each with the first of its places. */
export async function violations(page) {
  await page.evaluate(axeSource);
  return page.evaluate((impacts) =>
    window.axe.run(document, { resultTypes: ['violations'] }).then(({ violations: all }) =>
      all.filter(({ impact }) => impacts.includes(impact)).map(({ id, nodes }) => ({
        id,
        nodes: nodes.slice(0, 4).map(({ html, failureSummary }) => `${html.slice(0, 160)} ${failureSummary}`),
      }))), SERIOUS);
}
