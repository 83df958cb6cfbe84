// How the application comes to the browser: what is kept, what is refused, and how much it is.
import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { story } from '../world/story.mjs';

/** What the city's first load may have of JavaScript, gzipped, in bytes. */
const BUDGET = 120 * 1024;

/** What only the scripts of operators' pages have in them. */
const OPERATORS = /\/api\/admin\//;

/** Node's fetch asks for compressed forms and undoes them; these requests say what they want. */
const ask = (world, path, headers = {}) =>
  fetch(world.url + path, { headers: { 'Accept-Encoding': 'identity', ...headers } });

export function tell(context) {
  story(context, 'every path leads to the page, and an unknown one of the API does not', async (world) => {
    for (const path of ['/', '/city', '/city/nowhere', '/channels/x', '/admin', '/not/there']) {
      const answer = await ask(world, path);
      assert.equal(answer.status, 200, path);
      assert.match(answer.headers.get('content-type'), /^text\/html/);
      assert.equal(answer.headers.get('cache-control'), 'no-cache');
      assert.match(await answer.text(), /_app\/immutable\/entry/);
    }
    for (const path of ['/api/nowhere', '/ws/nowhere', '/internal/nowhere', '/_matrix/nowhere']) {
      const answer = await ask(world, path);
      assert.equal(answer.status, 404, path);
      assert.match((await answer.json()).error, /^M_/);
    }
    for (const path of ['/_app/immutable/gone.js', '/.well-known/matrix/client', '/favicon.ico']) {
      assert.equal((await ask(world, path)).status, 404, path);
    }
    assert.match(await (await ask(world, '/robots.txt')).text(), /^User-agent: \*\nDisallow: \/api\/$/m);
    assert.match(await (await ask(world, '/docs')).text(), /swagger/i);
  });

  story(context, 'assets are compressed, kept for ever, and told apart by their tags', async (world) => {
    const page = await (await ask(world, '/')).text();
    const script = /\/_app\/immutable\/entry\/start\.[\w-]+\.js/.exec(page)[0];
    const plain = await ask(world, script);
    assert.equal(plain.headers.get('cache-control'), 'public, max-age=31536000, immutable');
    assert.match(plain.headers.get('content-type'), /javascript/);
    const text = Buffer.from(await plain.arrayBuffer());
    for (const encoding of ['br', 'gzip']) {
      const answer = await ask(world, script, { 'Accept-Encoding': encoding });
      assert.equal(answer.headers.get('content-encoding'), encoding);
      assert.notEqual(answer.headers.get('etag'), plain.headers.get('etag'));
      assert.deepEqual(Buffer.from(await answer.arrayBuffer()), text, 'fetch has undone it');
    }
    for (const path of ['/', script, '/favicon.svg']) {
      const etag = (await ask(world, path)).headers.get('etag');
      const again = await ask(world, path, { 'If-None-Match': etag });
      assert.equal(again.status, 304, path);
    }
  });

  story(context, 'the policy of the page lets nothing in from elsewhere', async (world) => {
    const headers = (await ask(world, '/city')).headers;
    const policy = Object.fromEntries(
      headers.get('content-security-policy').split(';').map((part) => {
        const [name, ...values] = part.trim().split(' ');
        return [name, values];
      }),
    );
    assert.deepEqual(policy['default-src'], ["'none'"]);
    assert.deepEqual(policy['frame-ancestors'], ["'none'"]);
    assert.deepEqual(policy['connect-src'], ["'self'"]);
    assert.ok(policy['script-src'].every((source) => source === "'self'" || source.startsWith("'sha256-")));
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
    assert.equal(headers.get('referrer-policy'), 'same-origin');
  });

  story(context, 'the city loads at most 120 KB of scripts, and nothing of the operators', async (world) => {
    const alice = await world.visitor('alice');
    await alice.open('/city');
    await alice.page.locator('main h1').waitFor();
    await alice.page.waitForLoadState('networkidle');
    const scripts = [...new Set(alice.scripts)];
    let total = 0;
    for (const path of scripts) {
      const text = await (await ask(world, path)).text();
      total += gzipSync(text, { level: 9 }).length;
      assert.doesNotMatch(text, OPERATORS, `${path} is for operators`);
    }
    console.log(`# the city's first load: ${scripts.length} scripts, ${(total / 1024).toFixed(1)} KB gzipped`);
    assert.ok(total <= BUDGET, `${total} bytes in ${scripts.join(' ')}`);

    const { page, scripts: loaded } = await world.operator('/admin');
    await page.getByRole('heading', { name: 'Homeserver' }).waitFor();
    const own = [...new Set(loaded)].filter((path) => !scripts.includes(path));
    const texts = await Promise.all(own.map(async (path) => (await ask(world, path)).text()));
    assert.ok(texts.some((text) => OPERATORS.test(text)), 'what is looked for would be found');
  });

  story(context, 'an empty city says so and offers the first room', async (world) => {
    const alice = await world.visitor('alice');
    await alice.open('/city');
    await alice.page.getByRole('heading', { name: 'The city is still quiet' }).waitFor();
    await alice.page.getByText('No rooms yet').waitFor();
  });
}
