// A Synapse and a daarion that know each other, in a folder of their own.
import { execFileSync } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { freePorts, Server } from './processes.mjs';

const SERVER_NAME = 'city.localhost';
const BASE = new URL('../../homeserver/base.yaml', import.meta.url).pathname;

export class Installation {
  constructor(program, venv, ports) {
    this.folder = mkdtempSync(join(tmpdir(), 'daarion-ui-'));
    this.program = resolve(program);
    this.python = join(resolve(venv), 'bin/python');
    [this.synapsePort, this.publicPort, this.internalPort] = ports;
    const names = ['as', 'hs', 'internal', 'shared', 'macaroon', 'form'];
    this.secrets = Object.fromEntries(names.map((name) => [name, randomBytes(24).toString('hex')]));
  }

  static async start(program, venv) {
    const installation = new Installation(program, venv, await freePorts(3));
    installation.#configure();
    await installation.startSynapse();
    await installation.startDaarion();
    return installation;
  }

  get synapse() {
    return `http://127.0.0.1:${this.synapsePort}`;
  }

  get url() {
    return `http://127.0.0.1:${this.publicPort}`;
  }

  get internal() {
    return `http://127.0.0.1:${this.internalPort}`;
  }

  /** With other settings by variables, when there are some. */
  async startDaarion(more = {}) {
    const command = [this.program, 'serve', '--config', this.#file('daarion.toml')];
    this.daarion = new Server('daarion', command, this.#file('daarion.log'), this.folder, more);
    await this.daarion.ready(`${this.url}/readyz`, 30_000);
  }

  async startSynapse() {
    const command = [this.python, '-m', 'synapse.app.homeserver', '-c', BASE, '-c', this.#file('synapse.yaml')];
    this.server = new Server('Synapse', command, this.#file('synapse.log'), this.folder);
    await this.server.ready(`${this.synapse}/_matrix/client/versions`, 60_000);
  }

  async stop() {
    await this.daarion?.stop();
    await this.server?.stop();
    if (process.env.DAARION_KEEP) console.error(`kept: ${this.folder}`);
    else rmSync(this.folder, { recursive: true, force: true });
  }

  /** Makes an account on the homeserver and answers its access token there. */
  async register(localpart, password, displayname = localpart) {
    const path = `${this.synapse}/_synapse/admin/v1/register`;
    const { nonce } = await (await fetch(path)).json();
    const mac = createHmac('sha1', this.secrets.shared)
      .update([nonce, localpart, password, 'notadmin'].join('\0'))
      .digest('hex');
    const body = { nonce, username: localpart, displayname, password, admin: false, mac };
    const answer = await fetch(path, { method: 'POST', body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`no account ${localpart}: ${await answer.text()}`);
    return (await answer.json()).access_token;
  }

  /** Makes an operator's account, or gives it another password, as an operator does in a shell. */
  operator(deed, name, password) {
    const command = ['admin', deed, name, '--password-stdin', '--config', this.#file('daarion.toml')];
    execFileSync(this.program, command, { input: `${password}\n`, stdio: ['pipe', 'ignore', 'inherit'] });
  }

  #file(name) {
    return join(this.folder, name);
  }

  #write(name, text) {
    writeFileSync(this.#file(name), text, { mode: 0o600 });
  }

  #configure() {
    // A JSON string is a TOML string.
    const text = (value) => JSON.stringify(value);
    this.#write('daarion.toml', `
data_dir = ${text(this.#file('data'))}
[listen]
public = ["127.0.0.1:${this.publicPort}"]
internal = ["127.0.0.1:${this.internalPort}"]
admin = ${text(this.#file('admin.sock'))}
public_url = ${text(this.url)}
[matrix]
homeserver_url = ${text(this.synapse)}
server_name = ${text(SERVER_NAME)}
as_token = ${text(this.secrets.as)}
hs_token = ${text(this.secrets.hs)}
connector_url = ${text(this.internal)}
[internal]
secret = ${text(this.secrets.internal)}
[auth]
operators = ["@mayor:${SERVER_NAME}"]
[agents]
create = "members"
[webhooks]
allow = ["127.0.0.1"]
quick_retries = ["50ms"]
schedule = ["1s"]
`);
    const registration = ['registration', 'show', '--config', this.#file('daarion.toml')];
    this.#write('registration.yaml', execFileSync(this.program, registration, { encoding: 'utf8' }));
    this.#write('log.yaml', JSON.stringify({
      version: 1,
      disable_existing_loggers: false,
      handlers: { stderr: { class: 'logging.StreamHandler' } },
      root: { level: 'WARNING', handlers: ['stderr'] },
    }));
    // JSON is YAML, too.
    this.#write('synapse.yaml', JSON.stringify({
      server_name: SERVER_NAME,
      public_baseurl: `${this.synapse}/`,
      pid_file: this.#file('synapse.pid'),
      registration_shared_secret: this.secrets.shared,
      macaroon_secret_key: this.secrets.macaroon,
      form_secret: this.secrets.form,
      media_store_path: this.#file('media'),
      log_config: this.#file('log.yaml'),
      app_service_config_files: [this.#file('registration.yaml')],
      database: { name: 'sqlite3', args: { database: this.#file('synapse.db') } },
      listeners: [{
        type: 'http',
        tls: false,
        port: this.synapsePort,
        bind_addresses: ['127.0.0.1'],
        resources: [{ names: ['client'], compress: false }],
      }],
    }));
  }
}
