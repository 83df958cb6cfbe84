// Links to messages: taken from the menu of a message, for this page and for Matrix clients, and
// followed from what somebody says.
import assert from 'node:assert/strict';
import { until } from '../world/processes.mjs';
import { story } from '../world/story.mjs';
import { menuOf } from './deeds.mjs';

async function copied(visitor, text, deed) {
  await visitor.context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: visitor.world.url });
  await visitor.page.evaluate(() => navigator.clipboard.writeText('nothing'));
  const menu = await menuOf(visitor, text);
  await menu.getByRole('menuitem', { name: deed, exact: true }).click();
  await visitor.page.getByText('The link is copied.').last().waitFor();
  // It is also said of the one before.
  let link;
  await until('it is copied', 20_000, async () => {
    link = await visitor.page.evaluate(() => navigator.clipboard.readText());
    return link !== 'nothing';
  });
  return link;
}

const isMarked = (visitor, text) => visitor.page.locator('[data-message].found', { hasText: text }).waitFor();

export function tell(context) {
  story(context, 'a link for Matrix clients leads to the message here, too, from another channel and from its own', async (world) => {
    const book = await world.program.room('alice', { name: 'Book', slug: 'book-of-links' });
    const talk = await world.program.channel('alice', { name: 'Talk of books', slug: 'talk-of-books' });
    for (let at = 1; at <= 80; at += 1) await world.program.say('alice', book, `Line ${at} of the book`);
    const alice = await world.visitor('alice');
    await alice.enter('/city/book-of-links?message=unknown');
    await alice.page.locator('[data-message]').last().waitFor();
    const all = await world.program.as('alice').call('GET', `/api/messaging/channels/${book.channel_id}/messages?limit=200&order=asc`);
    const third = all.items.find(({ content_preview }) => content_preview === 'Line 3 of the book');
    await alice.enter(`/city/book-of-links?message=${third.id}`);
    await isMarked(alice, 'Line 3 of the book');
    const ours = await copied(alice, 'Line 3 of the book', 'Copy link');
    assert.equal(ours, `${world.url}/city/book-of-links?message=${third.id}`);
    const matrix = await copied(alice, 'Line 3 of the book', 'Copy link for Matrix clients');
    const one = await world.program.as('alice').call('GET', `/api/messaging/channels/${book.channel_id}/messages/${third.id}`);
    assert.equal(matrix, one.links.matrix_to);

    // Said in another channel, each of them opens here and no new tab.
    await world.program.say('bob', talk, `In Matrix: ${matrix}`);
    await world.program.say('bob', talk, `On our page: ${ours}`);
    await world.program.say('alice', book, `As we have said: ${matrix}`);
    await world.program.say('bob', talk, 'Elsewhere: https://matrix.to/#/!nowhere/$nothing');
    let tabs = 0;
    alice.context.on('page', () => (tabs += 1));
    for (const from of ['In Matrix', 'On our page']) {
      await alice.enter(`/channels/${talk.id}`);
      await alice.message(from).getByRole('link').click();
      await isMarked(alice, 'Line 3 of the book');
      await alice.page.getByRole('heading', { name: 'Book', level: 1 }).waitFor();
    }
    // Within the channel itself the page goes there.
    await alice.enter('/city/book-of-links');
    await alice.message('As we have said').getByRole('link').click();
    await isMarked(alice, 'Line 3 of the book');
    assert.equal(tabs, 0);
    await alice.enter(`/channels/${talk.id}`);
    assert.equal(await alice.message('Elsewhere').getByRole('link').getAttribute('target'), '_blank');
  });

  story(context, 'on a phone a link in a thread, which covers the conversation, opens here as well', async (world) => {
    const channel = await world.program.channel('alice', { name: 'Pocket links', slug: 'pocket-links' });
    const first = await world.program.say('alice', channel, 'Where it leads');
    const root = await world.program.say('alice', channel, 'A thread');
    const link = `${world.url}/channels/${channel.id}?message=${first.id}`;
    await world.program.say('bob', channel, `In the thread: ${link}`, { thread_id: root.id });
    const alice = await world.visitor('alice', { phone: true });
    let tabs = 0;
    alice.context.on('page', () => (tabs += 1));
    await alice.enter(`/channels/${channel.id}?thread=${root.id}`);
    const pane = alice.page.getByRole('dialog', { name: 'Thread' });
    await pane.getByText('In the thread').getByRole('link').tap();
    await isMarked(alice, 'Where it leads');
    await pane.waitFor({ state: 'detached' });
    assert.equal(tabs, 0);
  });

  story(context, 'a message from before its room was upgraded has a link into the room it stands in', async (world) => {
    const { alice: matrix } = world.matrix;
    const { room_id: old } = await matrix.call('POST', '/createRoom', { name: 'Old walls', preset: 'public_chat', room_version: '11' });
    const as = world.program.as('alice');
    const channel = await as.call('POST', '/api/messaging/channels/adopt', { room: old, slug: 'old-walls' });
    await world.program.say('alice', channel, 'Said within the old walls');
    await matrix.call('POST', `/rooms/${encodeURIComponent(old)}/upgrade`, { new_version: '12' });
    await until('the channel is in its new room', 20_000, async () =>
      (await as.call('GET', `/api/messaging/channels/${channel.id}`)).matrix_room_id !== old);
    const alice = await world.visitor('alice');
    await alice.enter(`/channels/${channel.id}`);
    const link = await copied(alice, 'Said within the old walls', 'Copy link for Matrix clients');
    assert.ok(link.includes(encodeURIComponent(old).replaceAll('!', '%21')), link);
    await world.program.say('alice', channel, `It was here: ${link}`);
    await alice.message('It was here').getByRole('link').click();
    await isMarked(alice, 'Said within the old walls');
  });
}
