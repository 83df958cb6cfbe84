// A reverse proxy that was set up badly: it serves the city under an address that is not the
// city's, and says nothing of it.
import { createServer, request } from 'node:http';
import { once } from 'node:events';

export async function strayProxy(target) {
  const { host } = new URL(target);
  const server = createServer((asked, answer) => {
    const headers = { ...asked.headers, host };
    const passed = request(target + asked.url, { method: asked.method, headers }, (given) => {
      answer.writeHead(given.statusCode, given.headers);
      given.pipe(answer);
    });
    passed.on('error', () => answer.destroy());
    asked.pipe(passed);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
