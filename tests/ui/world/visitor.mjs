// Somebody with a browser of their own. It notes whatever must never happen: a request to another
// origin, a breach of the Content-Security-Policy, an error in a script.

import { until } from './processes.mjs';

/** For a machine with other work; what is there sooner is not waited for. */
const LIMIT_MS = 20_000;

export class Visitor {
  complaints = [];
  /** Addresses of the scripts that were loaded, in order. */
  scripts = [];

  constructor(world, context, page) {
    this.world = world;
    this.context = context;
    this.page = page;
  }

  static async open(world, name, options = {}) {
    const { language = 'en', theme = 'light', phone = false, wide = false, height = 820, operator = false } = options;
    const size = phone ? { width: 360, height: 740 } : { width: wide ? 1440 : 1180, height };
    const context = await world.browser.newContext({
      baseURL: options.url ?? world.url,
      locale: language === 'uk' ? 'uk-UA' : 'en-GB',
      timezoneId: 'Europe/Kyiv',
      colorScheme: theme,
      viewport: size,
      hasTouch: phone,
      isMobile: phone,
      reducedMotion: 'reduce',
    });
    context.setDefaultTimeout(LIMIT_MS);
    const visitor = new Visitor(world, context, await context.newPage());
    await visitor.#watch(options.url ?? world.url);
    if (name) await visitor.#signIn(name);
    if (operator) await visitor.#operate();
    return visitor;
  }

  async #watch(home) {
    const { context } = this;
    const complain = (text) => this.complaints.push(text);
    await context.exposeBinding('reportBreach', (_, text) => complain(`policy: ${text}`));
    await context.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) => {
        window.reportBreach(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber} ${event.sample}`);
      });
    });
    // Of whatever page of this browser: the stories open further tabs.
    context.on('weberror', (error) => {
      const what = error.error();
      complain(`script: ${what.stack ?? what}`);
    });
    context.on('console', (message) => {
      if (/content security policy/i.test(message.text())) complain(`console: ${message.text()}`);
    });
    context.on('request', (request) => {
      const url = new URL(request.url());
      if (url.protocol.startsWith('http') && url.origin !== home) complain(`foreign: ${url}`);
      if (request.resourceType() === 'script') this.scripts.push(url.pathname);
    });
    const watchSockets = (page) =>
      page.on('websocket', (socket) => {
        if (new URL(socket.url()).host !== new URL(home).host) complain(`socket: ${socket.url()}`);
      });
    watchSockets(this.page);
    context.on('page', watchSockets);
  }

  /** As the sign-in page does it, without the page. */
  async #signIn(name) {
    const data = { user: name, password: this.world.password(name), cookie: true };
    const answer = await this.context.request.post('/api/auth/login', { data });
    if (!answer.ok()) throw new Error(`${name} cannot sign in: ${await answer.text()}`);
    await this.#remember('daarion.session', `user:${name}`);
  }

  /** As the operators' sign-in page does it, with a session that many visitors share. */
  async #operate() {
    await this.context.addCookies([await this.world.operatorCookie()]);
    await this.#remember('daarion.operator', 'account');
  }

  /** What an earlier visit has left; once, so that it can be forgotten. */
  #remember(key, value) {
    return this.context.addInitScript(([name, mark]) => {
      if (!location.protocol.startsWith('http') || sessionStorage.getItem(`tests.${name}`)) return;
      sessionStorage.setItem(`tests.${name}`, 'yes');
      localStorage.setItem(name, mark);
    }, [key, value]);
  }

  async open(path) {
    await this.page.goto(path);
    return this;
  }

  /** Waits until what has opened has the focus: it is drawn a moment before, and keys go where the focus is. */
  async focusIn(role) {
    await this.page.waitForFunction((it) => document.activeElement?.closest(`[role="${it}"]`), role);
  }

  /** Opens a channel or a room, and waits until it is live. */
  async enter(path) {
    await this.open(path);
    await this.page.locator('[data-live="live"]').waitFor({ state: 'attached' });
    return this;
  }

  get composer() {
    return this.page.locator('#composer');
  }

  async say(text) {
    await this.composer.fill(text);
    await this.composer.press('Enter');
  }

  message(text) {
    return this.page.locator('[data-message]', { hasText: text });
  }

  /**
   * Presses a button that a message has while the pointer is on it. A list that still moves leaves the
   * pointer behind, so it is led there until the button is pressed.
   */
  async pressAt(message, name) {
    const button = message.getByRole('button', { name, exact: true });
    await until(`${name} is pressed`, LIMIT_MS, async () => {
      await message.hover();
      return button.click({ timeout: 2_000 }).then(() => true, () => false);
    });
  }

  async close() {
    await this.context.close();
  }
}
