// A program that webhooks lead to: it remembers what came, and answers as a story says.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { until } from './processes.mjs';

export class Receiver {
  /** What came, the oldest first: headers, the body as it came, and what it says. */
  seen = [];
  status = 200;
  answer = 'thank you';
  #held = null;
  #letGo = () => undefined;

  static async start() {
    const receiver = new Receiver();
    receiver.server = createServer((asked, answer) => void receiver.#take(asked, answer));
    receiver.server.listen(0, '127.0.0.1');
    await once(receiver.server, 'listening');
    return receiver;
  }

  get url() {
    return `http://127.0.0.1:${this.server.address().port}/hook`;
  }

  /** Nothing is answered until it lets go. */
  hold() {
    let letGo;
    this.#held = new Promise((done) => (letGo = done));
    this.#letGo = letGo;
  }

  letGo() {
    this.#letGo();
    this.#held = null;
  }

  async #take(asked, answer) {
    const body = Buffer.concat(await asked.toArray()).toString();
    this.seen.push({ headers: asked.headers, body, json: JSON.parse(body) });
    await this.#held;
    answer.writeHead(this.status, { 'Content-Type': 'text/plain' }).end(this.answer);
  }

  /** The deliveries of a name, once there are so many. */
  deliveries(name, count = 1) {
    const found = () => this.seen.filter(({ json }) => json.name === name);
    return until(`${count} of ${name}`, 30_000, async () => found().length >= count && found());
  }

  close() {
    this.letGo();
    this.server.closeAllConnections();
    this.server.close();
  }
}

/** How many signatures a delivery bears, of which one has to be of this secret (Standard Webhooks). */
export function signatures({ headers, body }, secret) {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
  const mine = `v1,${createHmac('sha256', key).update(signed).digest('base64')}`;
  const all = headers['webhook-signature'].split(' ');
  assert.ok(all.includes(mine), 'it is signed with the secret');
  return all.length;
}
