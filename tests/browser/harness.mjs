// What the browser's tests share: a server of the package and a Chromium, both stopped at the end.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { mkdtemp, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { extname, join, normalize, resolve } from 'node:path';
import { after } from 'node:test';

export const root = resolve(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '../..');
export const tributary = process.env.TRIBUTARY ?? join(root, 'build/release/tributary');
const require = createRequire(join(root, 'build/wasm-tools/'));
const { chromium } = require('playwright-core');

const types = { '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm', '.html': 'text/html', '.css': 'text/css' };
const blank = '<!doctype html><meta charset="utf-8"><title>test</title><link rel="icon" href="data:,">' +
  '<script type="module">window.tributary = await import("/wasm/index.js"); window.loaded = true;</script>';

/** Serves the folders by their first name, and a page that has the package as `tributary`. */
export async function serve(folders = { wasm: join(root, 'build/wasm') }, index = blank) {
  const server = createServer(async (request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, 'http://x').pathname));
    if (path === '/') return response.setHeader('content-type', 'text/html').end(index);
    const [, first, ...rest] = path.split('/');
    try {
      const data = await readFile(join(folders[first], ...rest));
      response.setHeader('content-type', types[extname(path)] ?? 'application/octet-stream').end(data);
    } catch {
      response.writeHead(404).end('not here');
    }
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return { server, url: `http://127.0.0.1:${server.address().port}/` };
}

const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];

export async function temporaryFolder() {
  const folder = await mkdtemp(join(tmpdir(), 'tributary-browser-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true })); // what uses it is closed by then
  return folder;
}

/** A browser with a profile of its own, which a later one can take over. */
export async function browse(profile) {
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', headless: true, args: flags, handleSIGINT: false });
  context.on('console', (message) => {
    if (process.env.VERBOSE) console.error(`[${message.type()}] ${message.text()}`);
  });
  return context;
}

export async function openPage(context, url) {
  const page = await context.newPage();
  page.on('pageerror', (error) => console.error('page:', error));
  await page.goto(url);
  await page.waitForFunction('window.loaded === true');
  return page;
}

/** Server, browser and a page, for tests that need no more. */
export async function setUp() {
  const { server, url } = await serve();
  const context = await browse(await temporaryFolder());
  after(async () => {
    await context.close();
    server.close();
  });
  return { url, context, page: await openPage(context, url) };
}

/** The processes of a browser, by its profile; to be killed as by a power cut. */
export function killBrowser(profile) {
  const all = execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8', maxBuffer: 1 << 26 });
  for (const line of all.split('\n')) {
    if (line.includes(`--user-data-dir=${profile}`)) {
      try {
        process.kill(Number(line.trim().split(' ')[0]), 'SIGKILL');
      } catch {
        // it went with its parent
      }
    }
  }
}

/** Runs the native command line. */
export function native(...args) {
  const program = args[0] === 'sync' ? process.env.TRIBUTARY_HUB ?? tributary : tributary;
  return execFileSync(program, args, { encoding: 'utf8' });
}

/** A hub of the native build, which can be stopped and started again; undefined if that has none. */
export async function startHub() {
  const program = process.env.TRIBUTARY_HUB ?? tributary;
  if (spawnSync(program, ['serve', '--help']).status !== 0) return undefined;
  const folder = await temporaryFolder();
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  let child;
  const hub = {
    url: `ws://127.0.0.1:${port}`,
    async start() {
      child = spawn(program, ['serve', '--dir', folder, '--listen', String(port), '--grace-seconds', '1'],
        { stdio: ['ignore', 'ignore', process.env.VERBOSE ? 'inherit' : 'ignore'] });
      for (let tries = 0; tries < 100; ++tries) {
        const answers = await fetch(`http://127.0.0.1:${port}/`).then(() => true, () => false);
        if (answers) return;
        await new Promise((done) => setTimeout(done, 50));
      }
      throw new Error(`the hub ${program} does not answer`);
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
    },
  };
  await hub.start();
  return hub;
}
