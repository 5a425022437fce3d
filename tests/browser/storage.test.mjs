// The browser's private file system: what was acknowledged is there after a reload, a restart, and a
// browser that was killed while it wrote.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { browse, killBrowser, openPage, serve, temporaryFolder } from './harness.mjs';

const { server, url } = await serve();
after(() => server.close());

async function openNotes(page) {
  await page.evaluate(async () => {
    globalThis.db = await window.tributary.open('notes.db');
    await db.exec('CREATE TABLE IF NOT EXISTS note(id INTEGER PRIMARY KEY NOT NULL, text)');
    await db.crr('note');
  });
}

test('rows outlive a reload, a closed database and a restart of the browser', async () => {
  const profile = await temporaryFolder();
  let context = await browse(profile);
  let page = await openPage(context, url);
  await openNotes(page);
  assert.equal(await page.evaluate(() => db.storage), 'opfs');
  await page.evaluate(() => db.exec('INSERT INTO note VALUES (1, ?)', ['milk']));
  await page.reload();
  await page.waitForFunction('window.loaded === true');
  await openNotes(page);
  assert.deepEqual(await page.evaluate(() => db.select('SELECT * FROM note')), [{ id: 1, text: 'milk' }]);
  const site = await page.evaluate(async () => {
    await db.exec("INSERT INTO note VALUES (2, 'bread')");
    const site = [...await db.siteId()];
    await db.close();
    globalThis.db = await window.tributary.open('notes.db');
    return site;
  });
  await context.close();
  context = await browse(profile);
  page = await openPage(context, url);
  await openNotes(page);
  assert.deepEqual(await page.evaluate(() => db.select('SELECT id FROM note')), [{ id: 1 }, { id: 2 }]);
  assert.deepEqual(await page.evaluate(async () => [...await db.siteId()]), site);
  assert.equal(await page.evaluate(() => db.selectValue('PRAGMA journal_mode')), 'wal');
  await context.close();
});

test('a device that is full refuses what does not fit, and keeps the rest', async () => {
  const context = await browse(await temporaryFolder());
  const page = await openPage(context, url);
  await openNotes(page);
  await page.evaluate(() => db.exec("INSERT INTO note VALUES (1, 'before')"));
  const session = await context.newCDPSession(page);
  const limit = (bytes) => session.send('Storage.overrideQuotaForOrigin', { origin: new URL(url).origin, quotaSize: bytes });
  await limit(3_000_000);
  const full = await page.evaluate(async () => {
    let id = 1;
    try {
      for (; id < 1000; ) {
        await db.exec('INSERT INTO note VALUES (?, ?)', [id + 1, 'x'.repeat(100_000)]);
        ++id;
      }
    } catch (error) {
      return { code: error.code, message: error.message, id };
    }
    return null;
  });
  assert.equal(full?.code, 'SQLITE_FULL', JSON.stringify(full));
  const rows = () => page.evaluate(() => db.selectValue('SELECT count(*) FROM note'));
  assert.equal(await rows(), full.id, 'what was acknowledged is there, what was refused is not');
  await limit(100_000_000);
  await page.evaluate(() => db.exec("INSERT INTO note(text) VALUES ('after')"));
  await page.reload();
  await page.waitForFunction('window.loaded === true');
  await openNotes(page);
  assert.equal(await rows(), full.id + 1);
  assert.equal(await page.evaluate(() => db.selectValue('PRAGMA integrity_check')), 'ok');
  assert.deepEqual(await page.evaluate(() => db.select('SELECT * FROM crsql_check')), []);
  await context.close();
});

// Every acknowledged transaction of 20 rows is told to the test before the next one begins.
test('a browser killed while it writes loses nothing that was acknowledged', async () => {
  const profile = await temporaryFolder();
  const kills = Number(process.env.KILLS ?? 4);
  let acknowledged = 0;
  let partial = 0;
  for (let round = 0; round < kills; ++round) {
    const context = await browse(profile);
    await context.exposeFunction('acknowledge', (n) => {
      acknowledged = Math.max(acknowledged, n);
    });
    const page = await openPage(context, url);
    await openNotes(page);
    const found = await page.evaluate(async () => ({
      counts: await db.selectArrays('SELECT text, count(*) FROM note GROUP BY text ORDER BY +text'),
      sound: await db.selectValue('PRAGMA integrity_check'),
      problems: await db.select('SELECT * FROM crsql_check'),
    }));
    assert.equal(found.sound, 'ok');
    assert.deepEqual(found.problems, []);
    for (const [, count] of found.counts) assert.equal(count, 20, 'a transaction is whole');
    assert.ok(found.counts.length >= acknowledged, `${found.counts.length} transactions, ${acknowledged} acknowledged`);
    if (found.counts.length > acknowledged) ++partial;
    const first = found.counts.length;
    page.evaluate(async (first) => {
      for (let n = first; ; ++n) {
        const rows = Array.from({ length: 20 }, (_, i) => [n * 20 + i + 1, n]);
        await db.execMany('INSERT INTO note VALUES (?, ?)', rows);
        await window.acknowledge(n + 1);
      }
    }, first).catch(() => {});
    await new Promise((done) => setTimeout(done, 300 + Math.random() * 500));
    killBrowser(profile);
    await context.close().catch(() => {});
  }
  assert.ok(acknowledged > kills, `${acknowledged} transactions were acknowledged`);
  console.log(`# ${kills} kills, ${acknowledged} transactions acknowledged, ${partial} times more was in`);
});

test('without a private file system it is in memory, with a warning', async () => {
  const context = await browse(await temporaryFolder());
  const page = await openPage(context, url);
  const result = await page.evaluate(async () => {
    const source = `delete FileSystemFileHandle.prototype.createSyncAccessHandle;
      await import(${JSON.stringify(new URL('/wasm/worker.js', location.href).href)}); self.onmessage({ data: globalThis.first });`;
    const RealWorker = Worker;
    globalThis.Worker = class extends RealWorker {
      constructor() {
        const early = 'self.onmessage = ({ data }) => { globalThis.first ??= data; };';
        super(URL.createObjectURL(new Blob([early + source], { type: 'text/javascript' })), { type: 'module' });
      }
    };
    let warning;
    const db = await window.tributary.open('none.db', { onWarning: (message) => (warning = message) });
    return [db.storage, warning, await db.selectValue('SELECT 1')];
  });
  assert.equal(result[0], 'memory');
  assert.match(result[1], /none\.db is in memory and will be gone/);
  assert.equal(result[2], 1);
  await context.close();
});

test('a large import with progress, memory that grows while buffers are held, export and import', async () => {
  const context = await browse(await temporaryFolder());
  const page = await openPage(context, url);
  const result = await page.evaluate(async () => {
    const db = await window.tributary.open('large.db');
    await db.exec('CREATE TABLE big(id INTEGER PRIMARY KEY NOT NULL, text, data)');
    await db.crr('big');
    const held = await db.selectValue("SELECT x'0102030405'");
    const progress = [];
    const since = performance.now();
    await db.transaction(async (tx) => {
      for (let at = 0; at < 100_000; at += 10_000) {
        await tx.execMany('INSERT INTO big VALUES (?, ?, ?)',
          Array.from({ length: 10_000 }, (_, i) => [at + i + 1, `row ${at + i}`, null]));
        progress.push(at + 10_000);
      }
    });
    const importMs = performance.now() - since;
    const blob = new Uint8Array(48 << 20).fill(7);
    await db.exec('INSERT INTO big VALUES (0, ?, ?)', ['blob', blob]);
    const back = await db.selectValue('SELECT data FROM big WHERE id = 0');
    const same = back.length === blob.length && back[0] === 7 && back[blob.length - 1] === 7 && blob[5] === 7;
    const file = await db.export();
    const copy = await window.tributary.open('copy.db');
    await copy.import(file);
    const digests = [await db.digest(), await copy.digest()];
    let error = '';
    try {
      await copy.import(new Uint8Array(100).fill(1));
    } catch (e) {
      error = e.code;
    }
    const still = await copy.selectValue('SELECT count(*) FROM big');
    const controller = new AbortController();
    const slow = db.select('SELECT a.id FROM big a, big b', [], { signal: controller.signal });
    setTimeout(() => controller.abort(), 100);
    const begun = performance.now();
    const aborted = await slow.then(() => 'done', (e) => e.name);
    const abortMs = performance.now() - begun;
    const works = await db.selectValue('SELECT count(*) FROM big');
    return { held: [...held], progress: progress.length, importMs, same, digests, error, still, aborted, abortMs, works };
  });
  console.log(`# 100,000 rows in ${Math.round(result.importMs)} ms; aborted after ${Math.round(result.abortMs)} ms`);
  assert.deepEqual(result.held, [1, 2, 3, 4, 5]);
  assert.equal(result.progress, 10);
  assert.ok(result.same);
  assert.equal(result.digests[0], result.digests[1]);
  assert.equal(result.error, 'SQLITE_NOTADB');
  assert.equal(result.still, 100_001);
  assert.equal(result.aborted, 'AbortError');
  assert.ok(result.abortMs < 2000);
  assert.equal(result.works, 100_001);
  await context.close();
});
