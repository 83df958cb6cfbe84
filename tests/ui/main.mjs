// The browser tests, all in one process before one installation: `run.sh` is the way in. With
// --screenshots it writes the pictures of the documents instead.
import { after, before } from 'node:test';
import { parseArgs } from 'node:util';
import { openWorld } from './world/world.mjs';

const { values } = parseArgs({
  options: {
    daarion: { type: 'string' },
    synapse: { type: 'string' },
    only: { type: 'string' },
    screenshots: { type: 'string' },
  },
});
if (!values.daarion || !values.synapse) {
  console.error('needs --daarion PROGRAM and --synapse VENV');
  process.exit(2);
}

/** In this order: the first two need a city without anything in it, the last two end what runs. */
const STORIES = [
  'delivery', 'operators', 'sign-in', 'account', 'city', 'chat', 'files', 'deeds', 'threads', 'mentions', 'permalinks', 'people',
  'moderation', 'channels', 'invites', 'agents', 'later', 'audit', 'sweep', 'unsent', 'stream', 'states', 'phone', 'history', 'refusals', 'admin', 'admin-rooms', 'tokens',
  'webhooks', 'looks', 'keyboard', 'crash', 'away',
];

const words = values.only?.split(',') ?? [''];
const chosen = STORIES.filter((name) => words.some((word) => name.includes(word)));
if (chosen.length === 0) {
  console.error(`no stories are called ${values.only}; there are ${STORIES.join(', ')}`);
  process.exit(2);
}

if (values.screenshots) {
  const { takePictures } = await import('./pictures.mjs');
  const world = await openWorld(values);
  try {
    await takePictures(world, values.screenshots);
  } finally {
    await world.close();
  }
} else {
  const context = {};
  before(async () => Object.assign(context, { world: await openWorld(values) }));
  after(() => context.world?.close());
  for (const name of chosen) {
    const { tell } = await import(`./stories/${name}.mjs`);
    tell(context);
  }
}
