// The package in a program made with Vite, as it is: its development server and its build.
import assert from 'node:assert/strict';
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { browse, root, temporaryFolder } from './harness.mjs';

const require = createRequire(join(root, 'build/wasm-tools/'));
const vite = await import(pathToFileURL(join(require.resolve('vite/package.json'), '../dist/node/index.js')).href);
const folder = await temporaryFolder();
await mkdir(join(folder, 'node_modules'));
await cp(join(root, 'build/wasm'), join(folder, 'node_modules/tributary'), { recursive: true });
await symlink(join(root, 'build/wasm-tools/node_modules/vite'), join(folder, 'node_modules/vite'));
await writeFile(join(folder, 'package.json'), '{"private":true,"type":"module","dependencies":{"tributary":"*"}}');
await writeFile(join(folder, 'index.html'), '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/main.ts"></script>');
await writeFile(join(folder, 'main.ts'), `
  import { open, type Database } from 'tributary';
  const db: Database = await open('vite.db');
  (globalThis as { result?: unknown }).result = [db.storage, await db.selectValue('SELECT crsql_version()')];`);
const common = { root: folder, configFile: false, logLevel: 'error' };
const server = { host: '127.0.0.1', port: 0 };

async function check(url) {
  const context = await browse(await temporaryFolder());
  after(() => context.close());
  const page = await context.newPage();
  const problems = [];
  page.on('pageerror', (error) => problems.push(error.message));
  await page.goto(url);
  await page.waitForFunction('globalThis.result', undefined, { timeout: 20_000 }).catch(() => {});
  assert.deepEqual(problems, []);
  assert.deepEqual(await page.evaluate('globalThis.result'), ['opfs', 170000]);
}

test('its development server', async () => {
  const running = await vite.createServer({ ...common, server });
  await running.listen();
  after(() => running.close());
  await check(running.resolvedUrls.local[0]);
});

test('its build', async () => {
  await vite.build(common);
  const running = await vite.preview({ ...common, preview: server });
  after(() => running.close());
  await check(running.resolvedUrls.local[0]);
});
