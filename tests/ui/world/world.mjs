// Everything that a story happens in: an installation, people with accounts, and a browser.
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { MatrixClient, Program } from './clients.mjs';
import { Installation } from './installation.mjs';
import { Visitor } from './visitor.mjs';

const TOOLS = new URL('../../../target/ui-tests/', import.meta.url);
const require = createRequire(TOOLS);
const { chromium } = require('playwright-core');

/** Each window has pages of its own for its address bar, which nobody sees and which cost more than ours. The switch
 *  counts once, so what Playwright turns off stands here again. */
const OFF = [
  'WebUIOmniboxPopup', 'WebUIOmniboxAimPopup',
  'AvoidUnnecessaryBeforeUnloadCheckSync', 'DestroyProfileOnBrowserClose', 'HttpsUpgrades', 'HttpsFirstBalancedModeAutoEnable',
  'LensOverlay', 'MediaRouter', 'PaintHolding', 'ThirdPartyStoragePartitioning', 'AvoidCorsURLLoaderRestartOnRedirect',
  'OptimizationHints', 'NetworkTimeServiceQuerying', 'AimEnabled', 'PreconnectToSearch',
];
const FLAGS = [
  `--disable-features=${OFF}`,
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // A name of a local network, where a page is no secure context without HTTPS.
  '--host-resolver-rules=MAP city.lan 127.0.0.1',
];
const CHROMIUM = process.env.DAARION_CHROMIUM ?? '/usr/bin/chromium';
const PEOPLE = { alice: 'Alice', bob: 'Bob', olena: 'Олена', taras: 'Тарас', mayor: 'Mayor' };
/** An operator's account on daarion itself; the mayor is one by Matrix. */
const OPERATOR = 'warden';

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
  #cookie;

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
    this.installation.operator('create', OPERATOR, this.password(OPERATOR));
    this.browser = await chromium.launch({ executablePath: CHROMIUM, headless: true, args: FLAGS });
  }

  password(name) {
    return `the password of ${name}`;
  }

  /** The cookie of a session of the operator's account. */
  operatorCookie() {
    this.#cookie ??= this.signOperatorIn();
    return this.#cookie;
  }

  async signOperatorIn(operator = OPERATOR) {
    const body = { name: operator, password: this.password(operator) };
    const answer = await this.#signIn('/api/admin/login', body);
    const [name, value] = answer.headers.get('set-cookie').split(';')[0].split('=');
    return { name, value, url: this.url, httpOnly: true, sameSite: 'Strict' };
  }

  /** A token of a service, which an operator has made without the page. */
  async serviceToken(body) {
    return (await this.asOperator('POST', '/api/admin/services', body)).token;
  }

  /** What an operator does without the page. */
  async asOperator(method, path, body) {
    const { name, value } = await this.operatorCookie();
    const headers = { Cookie: `${name}=${value}`, 'Content-Type': 'application/json', Origin: this.url };
    const me = await (await fetch(`${this.url}/api/admin/session`, { headers })).json();
    headers['X-CSRF-Token'] = me.csrf_token;
    const answer = await fetch(this.url + path, { method, headers, body: body && JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`);
    return answer.json();
  }

  /** A person's tokens, as a program gets them. */
  async tokens(name) {
    const body = { user: name, password: this.password(name) };
    return (await this.#signIn('/api/auth/login', body)).json();
  }

  async #signIn(path, body) {
    const headers = { 'Content-Type': 'application/json' };
    const answer = await fetch(this.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`cannot sign in: ${await answer.text()}`);
    return answer;
  }

  /** A browser of its own, signed in when somebody is named. */
  async visitor(name, options = {}) {
    const visitor = await Visitor.open(this, name, options);
    this.#visitors.push(visitor);
    return visitor;
  }

  /** The same with an operator's account, on one of the operators' pages. */
  async operator(path = '/admin', options = {}) {
    const visitor = await this.visitor(undefined, { ...options, operator: true });
    await visitor.open(path);
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
