// Live queries: after random writes each has told exactly what a naive re-run finds.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setUp } from './harness.mjs';

const { page } = await setUp();

test('random SQL against a naive re-run', async () => {
  const seed = Number(process.env.SEED ?? 1);
  const rounds = Number(process.env.ROUNDS ?? 400);
  const result = await page.evaluate(async ({ seed, rounds }) => {
    let state = seed >>> 0;
    const random = (n) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * n);
    };
    const pick = (list) => list[random(list.length)];
    const db = await window.tributary.open('live', { storage: 'memory', numbers: 'exact' });
    await db.exec(`
      CREATE TABLE a(id INTEGER PRIMARY KEY NOT NULL, list, n INT, t TEXT COLLATE NOCASE);
      CREATE TABLE b(k TEXT PRIMARY KEY NOT NULL, a INT, x) WITHOUT ROWID;
      CREATE TABLE plain(id INTEGER PRIMARY KEY, v, g GENERATED ALWAYS AS (v || '!') VIRTUAL);
      CREATE TABLE parent(id INTEGER PRIMARY KEY);
      CREATE TABLE child(id INTEGER PRIMARY KEY, p REFERENCES parent ON DELETE CASCADE ON UPDATE SET NULL, v);
      CREATE VIEW joined AS SELECT a.id, a.n, b.x FROM a JOIN b ON b.a = a.id;
      CREATE VIRTUAL TABLE words USING fts5(body);
      CREATE TRIGGER note AFTER INSERT ON plain BEGIN UPDATE a SET n = n + 1 WHERE id = new.id; END;
      INSERT INTO parent VALUES (1), (2), (3)`);
    await db.crr('a');
    await db.crr('b');
    const queries = [
      ['SELECT * FROM a ORDER BY id'], ['SELECT count(*) FROM a'], ['SELECT id FROM a WHERE n > 3 ORDER BY id'],
      ['SELECT t FROM a WHERE list = ? ORDER BY id', [1n]], ['SELECT id, t FROM a WHERE list = ? AND n < 8', ['x']],
      ["SELECT id FROM a WHERE list = 'y'"], ['SELECT id FROM a x WHERE x.t = ?', ['K']],
      ['SELECT id FROM a WHERE list = ?1 OR n = 2', [2n]], ['SELECT sum(n) FROM a WHERE list IN (1, 2)'],
      ['SELECT id FROM a WHERE n = ? ORDER BY n', ['4']], ['SELECT * FROM joined ORDER BY 1, 3'],
      ['SELECT k FROM b WHERE EXISTS (SELECT 1 FROM a WHERE a.id = b.a AND a.n > 2)'],
      ['WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 5) SELECT i, x FROM c LEFT JOIN b ON b.a = i ORDER BY i, x'],
      ['SELECT (SELECT max(n) FROM a) - (SELECT count(*) FROM plain)'], ['SELECT g FROM plain ORDER BY id'],
      ['SELECT p, group_concat(v) FROM child GROUP BY p'], ["SELECT count(*) FROM words WHERE words MATCH 'milk'"],
      ['SELECT rowid FROM plain WHERE v = 5'], ['SELECT x FROM b WHERE k = ?', ['k3']],
      ['SELECT count(*) FROM crsql_changes'], ["SELECT name FROM sqlite_schema WHERE type = 'index' ORDER BY 1"],
      ['SELECT value, (SELECT count(*) FROM b WHERE b.x = value) FROM json_each(?)', ['[1,2,3]']],
      ['SELECT id FROM a EXCEPT SELECT a FROM b'],
    ];
    const told = queries.map(() => 0);
    const lives = queries.map(([sql, params = []], i) => db.live(sql, params, () => ++told[i]));
    await Promise.all(lives.map((live) => live.ready));
    const value = () => pick(['1', '2', "'x'", "'y'", 'NULL', '1.0', '2.5', "'k'", "'K'", '5', "x'01'"]);
    const id = () => 1 + random(8);
    const writes = [
      () => `INSERT OR REPLACE INTO a VALUES (${id()}, ${value()}, ${random(10)}, ${value()})`,
      () => `INSERT OR IGNORE INTO a VALUES (${id()}, ${value()}, ${random(10)}, ${value()})`,
      () => `UPDATE a SET list = ${value()} WHERE id = ${id()}`, () => `UPDATE a SET t = ${value()} WHERE id < ${id()}`,
      () => `UPDATE a SET n = n WHERE id = ${id()}`, () => `DELETE FROM a WHERE id = ${id()}`,
      () => `UPDATE OR REPLACE a SET id = ${id()} WHERE id = ${id()}`,
      () => `INSERT INTO b VALUES ('k${id()}', ${id()}, ${value()}) ON CONFLICT DO UPDATE SET x = excluded.x`,
      () => `UPDATE OR IGNORE b SET k = 'k${id()}' WHERE k = 'k${id()}'`, () => `DELETE FROM b WHERE a = ${id()}`,
      () => `INSERT OR REPLACE INTO plain(id, v) VALUES (${id()}, ${value()})`, () => 'DELETE FROM plain', () => 'DELETE FROM b',
      () => `UPDATE plain SET v = ${value()}`, () => `DELETE FROM parent WHERE id = ${id()}`, () => `INSERT OR IGNORE INTO parent VALUES (${id()})`,
      () => `INSERT INTO child(p, v) SELECT id, ${value()} FROM parent WHERE id = ${id()}`, () => `UPDATE OR IGNORE parent SET id = ${id()} WHERE id = ${id()}`,
      () => `INSERT INTO words VALUES ('${pick(['milk', 'bread'])}')`, () => 'DELETE FROM words WHERE rowid = 1',
      () => `CREATE INDEX IF NOT EXISTS by_n ON a(n)`, () => 'DROP INDEX IF EXISTS by_n',
    ];
    const problems = [];
    let statements = 0;
    let reruns = 0;
    for (let round = 0; round < rounds && problems.length === 0; ++round) {
      const script = Array.from({ length: 1 + random(4) }, () => pick(writes)());
      const before = lives.map((live) => live.rows);
      const fate = random(4);
      statements += script.length;
      try {
        await db.transaction(async (tx) => {
          for (const sql of script) await tx.exec(sql).catch(() => {});
          if (fate === 0) throw new Error('rolled back');
        });
      } catch {
        // as was meant
      }
      // Updates are posted after the commit's answer: a request more is behind them.
      await db.select('SELECT 1');
      for (const [i, [sql, params = []]] of queries.entries()) {
        const wanted = await db.select(sql, params);
        const show = (rows) => JSON.stringify(rows, (_, v) => (v instanceof Uint8Array ? [...v] : typeof v === 'bigint' ? `${v}n` : v));
        if (show(lives[i].rows) !== show(wanted)) {
          problems.push({ round, script, sql, got: show(lives[i].rows), wanted: show(wanted) });
        }
        if (lives[i].rows !== before[i]) {
          ++reruns;
          if (show(before[i]) === show(wanted)) problems.push({ round, script, sql, told: 'the same again' });
        }
      }
    }
    await db.close();
    return { problems, statements, reruns, told };
  }, { seed, rounds });
  assert.deepEqual(result.problems, []);
  assert.ok(result.told.every((n) => n > 3), `each query was told of something: ${result.told}`);
  console.log(`# ${result.statements} statements, ${result.reruns} updates told`);
});

test('one update for a transaction; diffs; loops; errors that heal; other rows do not matter', async () => {
  const result = await page.evaluate(async () => {
    const db = await window.tributary.open('one', { storage: 'memory' });
    await db.exec('CREATE TABLE t(id INTEGER PRIMARY KEY NOT NULL, list INT, v)');
    const updates = [];
    const live = db.live('SELECT * FROM t WHERE list = ? ORDER BY id', [1], (rows, update) => updates.push(update.diff('id')));
    await live.ready;
    await db.transaction(async (tx) => {
      for (let i = 1; i <= 5; ++i) await tx.exec('INSERT INTO t VALUES (?, 1, ?)', [i, 'v']);
      await tx.exec('DELETE FROM t WHERE id = 5');
    });
    await db.exec("UPDATE t SET v = 'w' WHERE id = 2; DELETE FROM t WHERE id = 1; INSERT INTO t VALUES (7, 2, 'other')");
    await db.select('SELECT 1');
    await db.exec('ALTER TABLE t ADD COLUMN z DEFAULT 3');
    await db.select('SELECT 1');
    const columns = Object.keys(live.rows[0]);
    await db.exec('ALTER TABLE t RENAME TO u');
    await db.select('SELECT 1');
    const error = live.error?.message;
    await db.exec('ALTER TABLE u RENAME TO t');
    await db.select('SELECT 1');
    const healed = live.error === undefined && live.rows.length === 3;
    const loop = [];
    const looping = (async () => {
      for await (const rows of live) {
        loop.push(rows.length);
        if (rows.length === 0) break;
      }
    })();
    await db.exec('DELETE FROM t');
    await looping;
    live.close();
    const wrong = [];
    for (const sql of ['DELETE FROM t', 'SELECT 1; SELECT 2', 'SELECT nothing', 'CREATE TABLE x(a)']) {
      const bad = db.live(sql);
      wrong.push(await bad.ready.then(() => 'ready', (e) => e.code));
    }
    await db.close();
    return { updates, columns, error, healed, loop, wrong };
  });
  assert.deepEqual(result.updates[0], { added: [], removed: [], changed: [] });
  assert.deepEqual(result.updates[1].added.map(({ id }) => id), [1, 2, 3, 4]);
  assert.deepEqual(result.updates[2].changed.map(({ after }) => [after.id, after.v]), [[2, 'w']]);
  assert.deepEqual(result.updates[2].removed.map(({ id }) => id), [1]);
  assert.deepEqual(result.columns, ['id', 'list', 'v', 'z']);
  assert.match(result.error, /no such table: t/);
  assert.ok(result.healed);
  assert.equal(result.loop.at(-1), 0);
  assert.deepEqual(result.wrong, ['MISUSE', 'MISUSE', 'SQLITE_ERROR', 'MISUSE']);
});
