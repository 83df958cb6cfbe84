// Files that are sent: pictures are shown where they are said, others open in a tab of their own.
import assert from 'node:assert/strict';
import { crc32, deflateSync } from 'node:zlib';
import { violations } from '../world/axe.mjs';
import { story } from '../world/story.mjs';

const [WIDTH, HEIGHT] = [800, 600];

function chunk(kind, data) {
  const body = Buffer.concat([Buffer.from(kind), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

/** A grey picture, as PNG. */
function picture() {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(WIDTH, 0);
  header.writeUInt32BE(HEIGHT, 4);
  header[8] = 8;
  // Each line begins with how it was filtered: not at all.
  const line = Buffer.concat([Buffer.alloc(1), Buffer.alloc(WIDTH, 120)]);
  const pixels = deflateSync(Buffer.concat(Array(HEIGHT).fill(line)));
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const parts = [chunk('IHDR', header), chunk('IDAT', pixels), chunk('IEND', Buffer.alloc(0))];
  return Buffer.concat([signature, ...parts]);
}

async function opened(visitor, link) {
  const [tab] = await Promise.all([visitor.context.waitForEvent('page'), link.click()]);
  await tab.waitForURL('**/api/media/**');
  return tab;
}

/** The file that is gone; and a file may run nothing, not even what a visitor watches it with. */
const isExpected = (complaint) => /404|The document is sandboxed/.test(complaint);

export function tell(context) {
  story(context, 'pictures are shown, other files open, and what is gone is a link', async (world) => {
    const room = await world.program.room('alice', { name: 'Album', slug: 'album' });
    const send = (media) => world.program.say('alice', room, '', { media });
    const cat = await world.matrix.alice.upload('cat.png', 'image/png', picture());
    const notes = await world.matrix.alice.upload('notes.txt', 'text/plain', Buffer.from('What we said'));
    await send({ url: cat, filename: 'cat.png', mimetype: 'image/png' });
    await send({ url: notes, filename: 'notes.txt', mimetype: 'text/plain', size: 12 });
    await send({ url: cat.replace(/[^/]+$/, 'gone'), filename: 'gone.png', mimetype: 'image/png' });

    const bob = await world.visitor('bob');
    await bob.enter('/city/album');
    const link = bob.page.getByRole('link', { name: 'A file: cat.png' });
    const shown = link.locator('img');
    await shown.waitFor();
    await bob.page.waitForFunction((img) => img.complete && img.naturalWidth > 0, await shown.elementHandle());
    assert.equal(await shown.evaluate((img) => img.naturalWidth), 640, 'a small one is shown');
    const height = (await shown.boundingBox()).height;
    assert.ok(height > 100, `it is ${height} pixels high`);
    const tab = await opened(bob, link);
    assert.equal(await tab.evaluate(() => document.images[0].naturalWidth), WIDTH);

    await bob.message('notes.txt').getByText('12 byte').waitFor();
    const read = await opened(bob, bob.page.getByRole('link', { name: 'A file: notes.txt' }));
    assert.equal(await read.evaluate(() => document.body.innerText), 'What we said');
    await bob.page.getByRole('link', { name: 'A file: gone.png' }).waitFor();
    assert.deepEqual(await violations(bob.page), []);
  }, { isAllowed: isExpected });
}
