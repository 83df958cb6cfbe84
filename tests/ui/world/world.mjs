// Everything that a story happens in: an installation, people with accounts, and a browser.
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { MatrixClient, Program } from './clients.mjs';
import { Installation } from './installation.mjs';
import { Visitor } from './visitor.mjs';

const TOOLS = new URL('../../../target/ui-tests/', import.meta.url);
const require = createRequire(TOOLS);
const { chromium } = require('playwright-core');

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const CHROMIUM = process.env.DAARION_CHROMIUM ?? '/usr/bin/chromium';
const PEOPLE = { alice: 'Alice', bob: 'Bob', olena: 'Олена', taras: 'Тарас', mayor: 'Mayor' };

export const axeSource = require('axe-core').source;

export async function openWorld({ daarion, synapse }) {
  const installation = await Installation.start(daarion, synapse);
  try {
    const world = new World(installation);
    await world.settle();
    return world;
  } catch (error) {
    await installation.stop();
    throw error;
  }
}

class World {
  #visitors = [];

  constructor(installation) {
    this.installation = installation;
    this.program = new Program(installation);
    this.matrix = {};
  }

  get url() {
    return this.installation.url;
  }

  async settle() {
    for (const [name, shown] of Object.entries(PEOPLE)) {
      const token = await this.installation.register(name, this.password(name), shown);
      this.matrix[name] = new MatrixClient(this.installation, token);
    }
    this.browser = await chromium.launch({ executablePath: CHROMIUM, headless: true, args: FLAGS });
  }

  password(name) {
    return `the password of ${name}`;
  }

  /** A browser of its own, signed in when somebody is named. */
  async visitor(name, options = {}) {
    const visitor = await Visitor.open(this, name, options);
    this.#visitors.push(visitor);
    return visitor;
  }

  /** Sends all visitors home; answers what their browsers complained about. */
  async dismiss() {
    const visitors = this.#visitors.splice(0);
    const complaints = visitors.flatMap((visitor) => visitor.complaints);
    await Promise.all(visitors.map((visitor) => visitor.close()));
    return complaints;
  }

  /** Where a picture of a failure goes. */
  get pictures() {
    const folder = new URL('pictures/', TOOLS).pathname;
    mkdirSync(folder, { recursive: true });
    return folder;
  }

  async pictureAll(name) {
    let count = 0;
    for (const { page } of this.#visitors) {
      const path = `${this.pictures}${name}-${++count}.png`;
      await page.screenshot({ path }).catch(() => undefined);
    }
  }

  async close() {
    await this.dismiss();
    await this.browser?.close();
    await this.installation.stop();
  }
}
