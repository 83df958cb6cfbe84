// Child processes: started with their output in a file, ended by their id.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, closeSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';

const STOP_LIMIT_MS = 15_000;

/** A program needs these, and none of the variables that would configure it. */
const environment = () =>
  Object.fromEntries(['PATH', 'HOME', 'TMPDIR', 'LANG'].flatMap((name) =>
    process.env[name] ? [[name, process.env[name]]] : []));

const running = new Set();
// Should this process be told to end, its servers do not outlive it.
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    for (const server of running) server.kill();
    process.exit(1);
  });
}

export class Server {
  constructor(name, command, log, cwd, more = {}) {
    this.name = name;
    this.log = log;
    const output = openSync(log, 'a');
    this.child = spawn(command[0], command.slice(1), {
      cwd,
      env: { ...environment(), ...more },
      stdio: ['ignore', output, output],
    });
    closeSync(output);
    running.add(this);
    this.ended = once(this.child, 'exit').then(() => running.delete(this));
  }

  get hasEnded() {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** Until the address answers 200. */
  async ready(url, limitMs) {
    await until(`${this.name} answers`, limitMs, async () => {
      if (this.hasEnded) throw new Error(`${this.name} ended; ${this.tail()}`);
      const answer = await fetch(url).catch(() => null);
      return answer?.ok;
    }).catch((error) => {
      throw new Error(`${error.message}; ${this.tail()}`);
    });
  }

  tail() {
    return `${this.log} ends:\n${readFileSync(this.log, 'utf8').split('\n').slice(-25).join('\n')}`;
  }

  /** It keeps its connections and does nothing. */
  pause() {
    this.child.kill('SIGSTOP');
  }

  resume() {
    this.child.kill('SIGCONT');
  }

  kill() {
    this.child.kill('SIGKILL');
    return this.ended;
  }

  async stop() {
    if (this.hasEnded) return;
    this.resume();
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.kill(), STOP_LIMIT_MS);
    await this.ended;
    clearTimeout(timer);
  }
}

/** So long it rests in between: nobody may ask the API more than twenty times a second for long. */
const REST_MS = 60;

/** Asks again and again until the answer is true. */
export async function until(what, limitMs, ask) {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > deadline) throw new Error(`not within ${limitMs} ms: ${what}`);
    await new Promise((done) => setTimeout(done, REST_MS));
  }
}

/** Ports of the loopback that are free now, each another one. */
export async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}
