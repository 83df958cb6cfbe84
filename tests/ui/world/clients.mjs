// What else speaks in the city besides browsers: a plain Matrix client, and a program of the
// installation.
import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { until } from './processes.mjs';

async function answered(request, what) {
  const answer = await request;
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${what}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : null;
}

/** What a WebSocket's handshake is answered: 101, or a refusal with its body. */
export function handshake(url, headers = {}) {
  const asking = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' };
  const key = Buffer.from(randomUUID().slice(0, 16)).toString('base64');
  return new Promise((done, fail) => {
    const sent = request(url, { headers: { ...asking, 'Sec-WebSocket-Key': key, ...headers } });
    sent.on('upgrade', (answer, socket) => {
      socket.destroy();
      done({ status: answer.statusCode });
    });
    sent.on('response', async (answer) => {
      const chunks = await answer.toArray();
      done({ status: answer.statusCode, body: JSON.parse(Buffer.concat(chunks).toString()) });
    });
    sent.on('error', fail).end();
  });
}

/** A Matrix client without anything of ours. */
export class MatrixClient {
  constructor(installation, token) {
    this.base = `${installation.synapse}/_matrix/client/v3`;
    this.headers = { Authorization: `Bearer ${token}` };
  }

  call(method, path, body) {
    const request = { method, headers: this.headers, body: body && JSON.stringify(body) };
    return answered(fetch(this.base + path, request), `${method} ${path}`);
  }

  join(room) {
    return this.call('POST', `/join/${encodeURIComponent(room)}`, {});
  }

  async send(room, content, type = 'm.room.message') {
    const event = typeof content === 'string' ? { msgtype: 'm.text', body: content } : content;
    const path = `/rooms/${encodeURIComponent(room)}/send/${type}/${randomUUID()}`;
    return (await this.call('PUT', path, event)).event_id;
  }

  /** Where the homeserver keeps a file from now on. */
  async upload(name, type, bytes) {
    const url = `${this.base.replace('/client/', '/media/')}/upload?filename=${encodeURIComponent(name)}`;
    const headers = { ...this.headers, 'Content-Type': type };
    const uploading = fetch(url, { method: 'POST', headers, body: bytes });
    return (await answered(uploading, 'an upload')).content_uri;
  }

  redact(room, event) {
    const path = `/rooms/${encodeURIComponent(room)}/redact/${encodeURIComponent(event)}/${randomUUID()}`;
    return this.call('PUT', path, {});
  }

  /** All that was said in a room, the oldest first. */
  async texts(room) {
    const path = `/rooms/${encodeURIComponent(room)}/messages?dir=b&limit=500`;
    const { chunk } = await this.call('GET', path);
    const said = chunk.filter((event) => event.type === 'm.room.message' && event.content.body);
    return said.map((event) => event.content.body).reverse();
  }

  hears(room, text, limitMs = 20_000) {
    return until(`the Matrix client hears "${text}"`, limitMs, async () =>
      (await this.texts(room)).includes(text));
  }
}

/** A program of the installation, which acts for people. */
export class Program {
  constructor(installation) {
    this.installation = installation;
  }

  as(user) {
    const headers = {
      'Content-Type': 'application/json',
      'X-Internal-Service-Token': this.installation.secrets.internal,
      'X-User-Id': `user:${user}`,
    };
    const call = (base) => (method, path, body) =>
      answered(fetch(base + path, { method, headers, body: body && JSON.stringify(body) }), `${method} ${path}`);
    return { call: call(this.installation.url), inside: call(this.installation.internal) };
  }

  room(user, body) {
    return this.as(user).call('POST', '/api/city/rooms', body);
  }

  channel(user, body) {
    return this.as(user).call('POST', '/api/messaging/channels', body);
  }

  say(user, channel, text, more = {}) {
    const path = `/api/messaging/channels/${channel.channel_id ?? channel.id}/messages`;
    return this.as(user).call('POST', path, { text, format: 'markdown', ...more });
  }
}
