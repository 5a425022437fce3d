// The hooks, in React's strict mode.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { browse, openPage, root, serve, temporaryFolder } from './harness.mjs';

const app = `
import { StrictMode, createElement as h, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { open } from 'tributary';
import { DatabaseProvider, useDatabase, useLiveQuery, useOpen } from 'tributary/react';

globalThis.counts = { opened: 0, rendered: 0 };
function List() {
  const db = useDatabase();
  globalThis.db = db;
  const [list, setList] = useState(1);
  globalThis.setList = setList;
  const { rows, error } = useLiveQuery('SELECT text FROM note WHERE list = ? ORDER BY id', [list]);
  ++globalThis.counts.rendered;
  if (error) return h('p', { id: 'error' }, error.message);
  return h('ul', null, rows?.map(({ text }, i) => h('li', { key: i }, text)));
}
function App() {
  const { database } = useOpen(async () => {
    ++globalThis.counts.opened;
    const db = await open('react.db');
    await db.exec('CREATE TABLE IF NOT EXISTS note(id INTEGER PRIMARY KEY NOT NULL, list, text)');
    return db;
  });
  return database === undefined ? h('p', null, 'opening') : h(DatabaseProvider, { database }, h(List));
}
const rootOf = createRoot(document.body.appendChild(document.createElement('main')));
rootOf.render(h(StrictMode, null, h(App)));
globalThis.unmount = () => rootOf.unmount();
globalThis.loaded = true;`;

test('a component follows its query', async () => {
  const folder = await temporaryFolder();
  const modules = join(root, 'build/wasm-tools/node_modules');
  await writeFile(join(folder, 'app.mjs'), app);
  execFileSync(join(modules, '.bin/esbuild'), [join(folder, 'app.mjs'), '--bundle', '--format=esm', `--outfile=${folder}/app.js`,
    `--alias:tributary/react=${root}/build/wasm/react.js`, '--external:tributary', '--define:process.env.NODE_ENV="development"',
    '--log-level=warning'], { env: { ...process.env, NODE_PATH: modules } });
  const { server, url } = await serve({ wasm: join(root, 'build/wasm'), app: folder },
    '<!doctype html><title>react</title><link rel="icon" href="data:,"><script type="importmap">{"imports":{"tributary":"/wasm/index.js"}}</script>' +
    '<body><script type="module" src="/app/app.js"></script>');
  const context = await browse(await temporaryFolder());
  after(async () => {
    await context.close();
    server.close();
  });
  const page = await openPage(context, url);
  await page.locator('ul').waitFor({ state: 'attached' });
  const texts = (wanted) => page.waitForFunction((wanted) => [...document.querySelectorAll('li')].map((li) => li.textContent).join() === wanted, wanted);
  assert.equal(await page.evaluate(() => counts.opened), 2, 'strict mode mounts twice');
  await page.evaluate(() => db.exec("INSERT INTO note(list, text) VALUES (1, 'milk'), (2, 'nails')"));
  await texts('milk');
  await page.evaluate(() => setList(2));
  await texts('nails');
  const rendered = await page.evaluate(() => counts.rendered);
  await page.evaluate(() => db.exec("INSERT INTO note(list, text) VALUES (1, 'bread')"));
  await page.evaluate(() => db.exec("INSERT INTO note(list, text) VALUES (2, 'screws')"));
  await texts('nails,screws');
  assert.ok(await page.evaluate(() => counts.rendered) - rendered <= 2, 'another list is no reason to render');
  await page.evaluate(() => db.exec('ALTER TABLE note RENAME TO other'));
  await page.locator('#error').waitFor();
  await page.evaluate(() => db.exec('ALTER TABLE other RENAME TO note'));
  await texts('nails,screws');
  await page.evaluate(() => unmount());
  await page.waitForFunction(() => db.select('SELECT 1').then(() => false, (error) => error.code === 'CLOSED'));
});
