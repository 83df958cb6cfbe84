// What a test answers in the server's place, changed without a moment in which nobody does.

/** As the server answers. */
export const goesOn = (route) => route.fallback();

export const breaksOff = (route) => route.abort();

export const isForbidden = (route) =>
  route.fulfill({ status: 403, json: { error: 'M_FORBIDDEN', message: 'no' } });

/** Whatever is asked of these addresses is answered so, until another way is chosen. */
export async function answers(page, addresses, first) {
  let answer = first;
  await page.route(addresses, (route) => answer(route));
  return {
    become(next) {
      answer = next;
    },
    /** Answers otherwise once somebody has done something; what is asked for before waits until then. */
    async after(deed, next) {
      let letGo;
      const done = new Promise((resolve) => (letGo = resolve));
      answer = async (route) => {
        await done;
        await next(route);
      };
      await deed();
      answer = next;
      letGo();
    },
  };
}
