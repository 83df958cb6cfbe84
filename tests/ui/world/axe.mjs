// What axe says of a page, and the looks in which it is asked.
import { axeSource } from './world.mjs';

const SERIOUS = ['serious', 'critical'];

/** Each theme and each language, which is all that there is to see: a theme changes no word, and a language no colour. */
export const LOOKS = [
  { theme: 'light', language: 'en' },
  { theme: 'dark', language: 'uk' },
];

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
