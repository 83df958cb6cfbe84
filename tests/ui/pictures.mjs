// The pictures of the documents: a small city, seen by a few people.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { until } from './world/processes.mjs';
import { Receiver } from './world/receiver.mjs';

const ROOMS = [
  { name: 'General', slug: 'general', description: 'Where the day begins', is_default: true },
  { name: 'Energy', slug: 'energy', description: 'Power, heat and light for everybody' },
  { name: 'Майстерня', slug: 'maisternia', description: 'Де лагодять, будують і вчать' },
  { name: 'Бібліотека', slug: 'biblioteka', description: 'Книжки, переклади, тиша' },
  { name: 'Market', slug: 'market', description: 'Honey, tools, seeds: swap and sell' },
  { name: 'Театр', slug: 'teatr', description: 'Вистави щоп’ятниці, проби щодня' },
  { name: 'Kitchen', slug: 'kitchen', description: 'Soup at seven, bread on Saturdays' },
];
const TALK = [
  ['bob', 'Good morning! The panels gave **14 kWh** yesterday, a third more than last week.'],
  ['olena', 'Чудово. Хто сьогодні відкриває майстерню?'],
  ['bob', 'I do, at ten. Bring what is broken:\n\n- the lathe is repaired\n- the kiln is free from noon'],
  ['taras', 'Тоді я зайду з радіо. Воно знову мовчить.', 2],
  ['olena', 'О сьомій запрошую всіх на суп. Рецепт: [книга міста](https://example.org/soup)'],
  ['alice', 'I bring the bread. Shall we move the chairs in? Rain is expected after eight.'],
  ['bob', 'Yes, please.', 5],
];

async function furnish(world) {
  const { program, matrix } = world;
  const rooms = {};
  for (const room of ROOMS) rooms[room.slug] = await program.room('alice', room);
  await program.channel('alice', { name: 'Council', slug: 'council', microdao_id: 'microdao:daarion' });
  await program.channel('alice', { name: 'Garden', slug: 'garden', microdao_id: 'microdao:green' });
  await program.as('alice').call('POST', '/api/city/rooms/kitchen/archive');
  for (const name of ['alice', 'bob', 'olena', 'taras']) {
    await matrix[name].join(rooms.general.matrix_room_id);
    await matrix[name].join(rooms.energy.matrix_room_id);
    await matrix[name].call('PUT', `/presence/@${name}:city.localhost/status`, { presence: 'online' });
  }
  const said = [];
  for (const [who, text, answers] of TALK) {
    const more = answers === undefined ? {} : { reply_to: said[answers].id };
    said.push(await program.say(who, rooms.general, text, more));
  }
  await program.say('olena', rooms.maisternia, 'Верстат працює');
  await program.say('bob', rooms.energy, 'The second inverter is here');
  await program.say('taras', rooms.teatr, 'Шукаю двох музик на п’ятницю');
  await program.say('alice', rooms.market, 'Seeds of tomatoes, against honey');
  for (const [id, name] of [['sofia', 'Софія'], ['weather', 'Weather']]) {
    await program.as('alice').inside('POST', '/internal/agents', { id: `agent:${id}`, display_name: name });
  }
  await trouble(world, rooms);
  return rooms;
}

/** Something for operators to see: an event that nobody knows, a room without its address. */
async function trouble({ matrix }, { energy, biblioteka }) {
  await matrix.alice.send(energy.matrix_room_id, { reading: 14 }, 'org.example.meter');
  const alias = `/rooms/${encodeURIComponent(biblioteka.matrix_room_id)}/state/m.room.canonical_alias/`;
  await matrix.alice.call('PUT', alias, {});
}

const SERVICES = [
  { name: 'bakery-till', scopes: ['gateway:read', 'gateway:send'], act_as: ['agent:bakery'], expires_in: 90 * 86_400 },
  { name: 'weather', scopes: ['gateway:send', 'agents'], act_as: ['agent:*'], expires_in: 30 * 86_400 },
  { name: 'energy-board', scopes: ['gateway:read', 'gateway:webhooks'] },
  { name: 'archive', scopes: ['gateway:*'], act_as: ['*'], expires_in: 365 * 86_400 },
];

/** Services with tokens, and receivers of which one wants nothing and one works no more. */
async function connect(world, { general, energy, market }) {
  for (const service of SERVICES) {
    const rooms = service.name === 'bakery-till' ? [market.matrix_room_id] : undefined;
    await world.serviceToken({ ...service, rooms });
  }
  const { program } = world;
  const inside = (path, body) => program.as('alice').inside('POST', `/internal/matrix/webhook/${path}`, body);
  const [good, broken, gone] = await Promise.all([1, 2, 3].map(() => Receiver.start()));
  Object.assign(broken, { status: 500, answer: 'no space left on the shelf' });
  gone.status = 410;
  const names = ['messaging.message.created'];
  const subscribe = (receiver, description, room, events) =>
    inside('subscribe', { webhook_url: receiver.url, description, events, room_id: room?.matrix_room_id });
  await subscribe(good, 'Notices on the board', general, names);
  await subscribe(good, 'Search');
  await subscribe(broken, 'Library catalogue', energy, [...names, 'messaging.message.updated', 'm.reaction']);
  await subscribe(gone, 'The old till', market, names);
  for (const [who, room, text] of [
    ['bob', energy, 'The meters are read'],
    ['olena', energy, 'Акумулятори заряджено'],
    ['alice', market, 'Honey is here'],
  ]) await program.say(who, room, text);
  await until('one is given up', 30_000, async () =>
    (await program.as('alice').inside('GET', '/internal/matrix/webhook/dead-letters')).items.length === 2);
  return () => [good, broken, gone].forEach((receiver) => receiver.close());
}

/** Until the overview knows of all that. */
function isNoticed(world) {
  return until('the overview knows', 30_000, async () => {
    const { name, value } = await world.operatorCookie();
    const headers = { Cookie: `${name}=${value}` };
    const { homeserver, problems } = await (await fetch(`${world.url}/api/admin/overview`, { headers })).json();
    return problems.length > 0 && homeserver.registration === 'ok';
  });
}

/** Each is as high as it takes to end where something ends; two of a kind are equally high. */
const PICTURES = [
  { name: 'login-light', guest: true, path: '/login', theme: 'light' },
  { name: 'login-dark-uk', guest: true, path: '/login', theme: 'dark', language: 'uk' },
  { name: 'login-phone', guest: true, path: '/login', phone: true },
  { name: 'city-light', path: '/city', wide: true, height: 712 },
  { name: 'city-dark-uk', path: '/city', theme: 'dark', language: 'uk', wide: true, height: 712 },
  { name: 'city-phone', path: '/city', phone: true },
  { name: 'chat-light', path: '/city/general', wide: true, height: 712, chat: true },
  { name: 'chat-dark', path: '/city/general', theme: 'dark', wide: true, height: 712, chat: true },
  { name: 'chat-uk', path: '/city/general', language: 'uk', chat: true },
  { name: 'chat-phone', path: '/city/general', phone: true, chat: true },
  { name: 'admin-overview-light', operator: true, path: '/admin', wide: true, height: 1092 },
  { name: 'admin-overview-dark-uk', operator: true, path: '/admin', theme: 'dark', language: 'uk', wide: true, height: 1092 },
  { name: 'admin-overview-phone', operator: true, path: '/admin', phone: true },
  { name: 'admin-rooms-light', operator: true, path: '/admin/rooms', wide: true, height: 1092 },
  { name: 'admin-rooms-dark-uk', operator: true, path: '/admin/rooms', theme: 'dark', language: 'uk', wide: true, height: 1092 },
  { name: 'admin-rooms-phone-uk', operator: true, path: '/admin/rooms', phone: true, language: 'uk' },
  { name: 'chat-phone-dark-uk', path: '/city/general', phone: true, theme: 'dark', language: 'uk', chat: true },
  { name: 'admin-services-light', operator: true, connected: true, path: '/admin/services', wide: true, height: 712 },
  { name: 'admin-webhooks-light', operator: true, connected: true, path: '/admin/webhooks', wide: true, height: 712 },
  { name: 'admin-webhooks-phone-uk', operator: true, connected: true, path: '/admin/webhooks', phone: true, language: 'uk' },
];

export async function takePictures(world, folder) {
  mkdirSync(folder, { recursive: true });
  const rooms = await furnish(world);
  // Once services are there, the overview has more to tell than a picture holds.
  let disconnect;
  await isNoticed(world);
  for (const picture of PICTURES) {
    if (picture.connected) disconnect ??= await connect(world, rooms);
    const isMember = !picture.guest && !picture.operator;
    const visitor = await world.visitor(isMember ? 'alice' : undefined, picture);
    const { page } = visitor;
    if (picture.chat) await visitor.enter(picture.path);
    else await visitor.open(picture.path);
    await page.locator('h1').first().waitFor();
    await page.locator('[aria-busy="true"]').first().waitFor({ state: 'detached' });
    await page.evaluate(() => document.activeElement?.blur());
    await page.screenshot({ path: join(folder, `${picture.name}.png`) });
    console.log(join(folder, `${picture.name}.png`));
    await world.dismiss();
  }
  disconnect?.();
}
