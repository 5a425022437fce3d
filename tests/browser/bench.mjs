// What tracking costs in the browser: a replicated table against a plain one in the same build, in
// memory, in Chromium, through the API of the page. Medians of RUNS (9) runs. ./run bench wasm.
import { browse, openPage, serve, temporaryFolder } from './harness.mjs';

const runs = Number(process.env.RUNS ?? 9);
const { server, url } = await serve();
const profile = await temporaryFolder();
const context = await browse(profile);
const page = await openPage(context, url);

const result = await page.evaluate(async (runs) => {
  const columns = 'id TEXT PRIMARY KEY NOT NULL, a, b, c, d, e, f, g';
  const rows = Array.from({ length: 10_000 }, (_, i) => [`item-${i}`, i, `title of item ${i}`, i * 1.5, i % 2, 'open', null,
    `a longer text that describes item ${i}`]);
  const times = {};
  const time = async (name, body) => {
    const since = performance.now();
    const value = await body();
    (times[name] ??= []).push(performance.now() - since);
    return value;
  };
  const insert = (db, table) => db.execMany(`INSERT INTO ${table} VALUES (?, ?, ?, ?, ?, ?, ?, ?)`, rows);
  let bytes = 0;
  const [plain, crr, other] = await Promise.all(['plain', 'crr', 'other'].map((name) =>
    window.tributary.open(name, { storage: 'memory' })));
  for (let run = -3; run < runs; ++run) {
    if (run === 0) Object.keys(times).forEach((name) => (times[name] = [])); // the first ones warm up
    const table = `t${run + 3}`;
    for (const db of [plain, crr, other]) {
      await db.exec(`CREATE TABLE ${table}(${columns})`);
      if (db !== plain) await db.crr(table);
    }
    const have = await other.versionVector();
    const inserts = [() => time('plain insert', () => insert(plain, table)), () => time('insert', () => insert(crr, table))];
    for (const one of run % 2 === 0 ? inserts : inserts.reverse()) await one(); // what comes first takes longer
    await time('plain read', () => plain.selectArrays(`SELECT * FROM ${table}`));
    const changesets = await time('changesets', () => crr.changesets(have));
    bytes = changesets.reduce((sum, one) => sum + one.length, 0);
    await time('apply', () => other.apply(changesets));
    if (await crr.digest() !== await other.digest()) throw new Error('they differ');
    let told;
    const live = crr.live(`SELECT id, b FROM ${table} WHERE d = 1 ORDER BY a LIMIT 50`, [], () => told?.());
    await live.ready;
    for (let i = 0; i < 20; ++i) {
      await time('live', () => new Promise((resolve) => {
        told = resolve;
        void crr.exec(`UPDATE ${table} SET b = ? WHERE id = ?`, [`${run} ${i}`, 'item-1']);
      }));
      await time('unrelated', () => crr.exec(`UPDATE ${table} SET g = ? WHERE id = ?`, [`${run} ${i}`, 'item-1']));
    }
    live.close();
    await other.apply(await crr.changesets(await other.versionVector()));
  }
  await Promise.all([plain.close(), crr.close(), other.close()]);
  for (const name of ['opfs, a row', 'opfs, 10k']) times[name] = [];
  const db = await window.tributary.open('bench.db');
  await db.exec(`CREATE TABLE t(${columns})`);
  await db.crr('t');
  for (let run = 0; run < runs; ++run) {
    await time('opfs, 10k', () => insert(db, 't'));
    await db.exec('DELETE FROM t WHERE id <> ?', ['item-5']);
    await db.exec('DELETE FROM t WHERE id = ?', ['item-5']);
  }
  await insert(db, 't');
  for (let i = 0; i < 100; ++i) await time('opfs, a row', () => db.exec('UPDATE t SET a = ? WHERE id = ?', [i, 'item-5']));
  await db.close();
  return { times, bytes };
}, runs);

// From the first byte of the module to the first row, the file system's files included.
const cold = [];
for (let run = 0; run < runs; ++run) {
  const fresh = await context.newPage();
  await fresh.goto(url);
  await fresh.waitForFunction('window.loaded === true');
  cold.push(await fresh.evaluate(async () => {
    const since = performance.now();
    const db = await window.tributary.open('cold.db');
    await db.select('SELECT 1');
    return performance.now() - since;
  }));
  await fresh.close();
}
await context.close();
server.close();

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const of = (name) => median(result.times[name]);
const line = (what, ms, goal, value, limit) => {
  const met = limit === undefined ? '' : value <= limit ? '' : '*';
  console.log(`| ${what.padEnd(44)} | ${ms.toFixed(1).padStart(7)} | ${(goal ?? '').padEnd(18)} | ${limit === undefined ? '' : value.toFixed(2)}${met} |`);
};
console.log(`| ${'10,000 rows of 8 columns, in memory'.padEnd(44)} |      ms | goal               | |`);
console.log(`|${'-'.repeat(46)}|--------:|--------------------|---:|`);
line('plain insert, one transaction', of('plain insert'));
line('insert', of('insert'), '1.6x plain', of('insert') / of('plain insert'), 1.6);
line('plain read', of('plain read'));
line(`changesets out (${result.bytes} bytes)`, of('changesets'), '3x plain read', of('changesets') / of('plain read'), 3);
line('apply', of('apply'), '2x plain insert', of('apply') / of('plain insert'), 2);
line('live query: update to callback', of('live'));
line('update that a live query does not read', of('unrelated'));
line('OPFS: insert', of('opfs, 10k'));
line('OPFS: a row in a transaction of its own', of('opfs, a row'));
line('open to first row, OPFS', median(cold), '150 ms', median(cold), 150);
console.log(`* misses its goal. Medians of ${runs}.`);
