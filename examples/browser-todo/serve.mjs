// The example on a port of this machine (argument 1, or any free one), with a hub for it if the native
// tributary has one; without it the panes connect directly.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const program = process.env.TRIBUTARY_HUB ?? join(root, 'build/release/tributary');
const types = { '.js': 'text/javascript', '.wasm': 'application/wasm', '.html': 'text/html; charset=utf-8', '.css': 'text/css' };

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, 'http://localhost');
  const name = pathname === '/' ? 'index.html' : pathname.slice(1);
  try {
    if (!/^[\w-]+\.\w+$/.test(name)) throw new Error('no such file');
    const data = await readFile(join(root, 'build/browser-todo', name));
    response.setHeader('content-type', types[extname(name)] ?? 'application/octet-stream').end(data);
  } catch {
    response.writeHead(404).end('not here');
  }
});
const listen = (one, port) => new Promise((done, fail) => one.once('error', fail).listen(port, '127.0.0.1', () => done(one.address().port)));
const port = await listen(server, Number(process.argv[2] ?? 0));

let query = '';
if (spawnSync(program, ['serve', '--help']).status === 0) {
  const probe = createServer();
  const hubPort = await listen(probe, 0);
  probe.close();
  const folder = mkdtempSync(join(tmpdir(), 'tributary-demo-'));
  const hub = spawn(program, ['serve', '--dir', folder, '--listen', String(hubPort)], { stdio: ['ignore', 'ignore', 'inherit'] });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => hub.kill('SIGTERM'));
  hub.on('exit', (code) => {
    rmSync(folder, { recursive: true, force: true });
    process.exit(code ?? 0);
  });
  query = `?hub=${encodeURIComponent(`ws://127.0.0.1:${hubPort}/v1/rooms/todo`)}`;
}
console.log(`http://127.0.0.1:${port}/${query}\nCtrl-C ends it.`);
