// Values keep type and bits: page <-> module, and wasm <-> native by files and changesets.
import assert from 'node:assert/strict';
import { writeFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { native, setUp, temporaryFolder } from './harness.mjs';

const { page } = await setUp();

test('what is bound is what is read', async () => {
  const got = await page.evaluate(async () => {
    const { open, real } = window.tributary;
    const db = await open('values', { storage: 'memory' });
    const values = [null, 0, 1, -1, 2 ** 31, -(2 ** 31), 2 ** 53 - 1, -(2 ** 53 - 1), 2n ** 53n, 2n ** 53n + 1n,
      2n ** 63n - 1n, -(2n ** 63n), 1.5, -0, real(1), Infinity, -Infinity, 5e-324, 1.7976931348623157e308, '', 'x',
      'é€😀', 'a\0b', '\uFEFFbom', 'long '.repeat(1000), new Uint8Array(), new Uint8Array([0, 255]), true, false];
    const out = [];
    for (const value of values) {
      const [row] = await db.selectArrays('SELECT ?1, typeof(?1)', [value]);
      const [exact] = await db.selectArrays('SELECT ?1', [value], { numbers: 'plain' });
      const [again] = await db.selectArrays('SELECT typeof(?1)', [(await db.selectArrays('SELECT ?1', [value]))[0][0]]);
      const exactly = await db.selectValue('SELECT ?', [value instanceof Uint8Array || typeof value !== 'number' ? value : real(value)],
        { numbers: 'exact' });
      const show = (v) => (v instanceof Uint8Array ? `blob ${[...v]}` : Object.is(v, -0) ? '-0' : `${typeof v} ${v}`);
      out.push([show(value?.value ?? value), row[1], show(row[0]), again[0], show(exact[0]), show(exactly)]);
    }
    await db.close();
    return out;
  });
  const expected = { number: 'integer', bigint: 'integer', string: 'text', blob: 'blob', object: 'null', boolean: 'integer' };
  for (const [given, type, read] of got) {
    const kind = given.split(' ')[0];
    if (['-0', 'number 1.5', 'number Infinity', 'number -Infinity', 'number 5e-324', 'number 1.7976931348623157e+308'].includes(given)) {
      assert.equal(type, 'real', given);
    } else if (!given.startsWith('number 1')) {
      assert.equal(type, expected[kind], given);
    }
    if (kind === 'boolean') assert.equal(read, given === 'boolean true' ? 'number 1' : 'number 0');
    else assert.equal(read, given);
  }
  assert.equal(got.length, 29);
});

test('exact numbers keep their types when handed back', async () => {
  const types = await page.evaluate(async () => {
    const db = await window.tributary.open('exact', { storage: 'memory', numbers: 'exact' });
    const [row] = await db.selectArrays('SELECT 1, 1.0, -0.0, 9007199254740993, 9007199254740993.0');
    const [types] = await db.selectArrays('SELECT typeof(?), typeof(?), typeof(?), typeof(?), typeof(?)', row);
    await db.close();
    return [types, row.map((value) => typeof value), Object.is(row[2], -0), String(row[3])];
  });
  assert.deepEqual(types, [['integer', 'real', 'real', 'integer', 'real'],
    ['bigint', 'number', 'number', 'bigint', 'number'], true, '9007199254740993']);
});

test('errors name what is wrong', async () => {
  const errors = await page.evaluate(async () => {
    const db = await window.tributary.open('errors', { storage: 'memory' });
    await db.exec('CREATE TABLE t(id INTEGER PRIMARY KEY, a NOT NULL, b UNIQUE, CHECK (a <> 7))');
    const attempt = async (body) => {
      try {
        await body();
        return 'no error';
      } catch (e) {
        return `${e.name} ${e.code} ${e.errno} ${e.message}`;
      }
    };
    const out = [
      await attempt(() => db.exec('INSERT INTO t VALUES (1, NULL, 1)')),
      await attempt(() => db.exec('INSERT INTO t VALUES (1, 7, 1)')),
      await attempt(() => db.exec('SELEC')),
      await attempt(() => db.select('SELECT ?, ?', [1])),
      await attempt(() => db.select('SELECT :a', { b: 1 })),
      await attempt(() => db.select('SELECT ?', [NaN])),
      await attempt(() => db.select('SELECT ?', [undefined])),
      await attempt(() => db.select('SELECT ?', [2n ** 63n])),
      await attempt(() => db.select('SELECT ?', [new Date()])),
      await attempt(() => db.select('SELECT 1; SELECT 2')),
      await attempt(() => db.exec('BEGIN')),
      await attempt(() => db.transaction((tx) => tx.exec('COMMIT'))),
      await attempt(() => db.crr('nothing')),
      await attempt(() => db.apply(new Uint8Array([1, 2, 3]))),
      await attempt(() => db.select('SELECT 1', [], { signal: AbortSignal.abort() })),
      await attempt(() => db.execMany('INSERT INTO t VALUES (?, 1, ?)', [[1, 1], [2, 1]])),
    ];
    out.push(await db.selectValue('SELECT count(*) FROM t'));
    await db.close();
    out.push(await attempt(() => db.select('SELECT 1')));
    return out;
  });
  const wanted = [/SQLITE_CONSTRAINT_NOTNULL 1299 .*t\.a/, /SQLITE_CONSTRAINT_CHECK 275/, /SQLITE_ERROR 1 near "SELEC"/,
    /SQLITE_RANGE 25 the statement has 2 parameters, but 1/, /SQLITE_RANGE 25 .*no parameter named b/, /MISUSE 0 parameter 1 is NaN/,
    /MISUSE 0 parameter 1 is undefined/, /MISUSE 0 parameter 1 does not fit/, /MISUSE 0 parameter 1 is no SQL value/,
    /MISUSE 0 .*here are 2/, /MISUSE 0 BEGIN in SQL/, /MISUSE 0 the transaction is over/, /SQLITE_ERROR 1 .*nothing/,
    /SQLITE_ERROR 1 crsql_apply/, /AbortError/, /SQLITE_CONSTRAINT_UNIQUE 2067 row 2:/, /^0$/, /CLOSED 0 database errors was closed/];
  wanted.forEach((pattern, i) => assert.match(String(errors[i]), pattern));
});

const rows = [['n1', '1'], ['n2', '1.0'], ['n3', '-0.0'], ['n4', '9007199254740991'], ['n5', '9007199254740992'],
  ['n6', '9007199254740993'], ['n7', '9223372036854775807'], ['n8', '-9223372036854775808'], ['n9', "'a' || char(0) || 'b'"],
  ['n10', "x'00ff00'"], ['n11', 'NULL'], ['n12', "''"], ['n13', "x''"], ['n14', '9e999'], ['n15', "'é😀'"], ['n16', '1e-320']];
const schema = 'CREATE TABLE v(id TEXT PRIMARY KEY NOT NULL, a ANY)';
const list = 'SELECT id, typeof(a), quote(a), hex(a) FROM v ORDER BY id';

test('a file of ours is native, and the other way round', async () => {
  const folder = await temporaryFolder();
  const fill = rows.map(([id, value]) => `INSERT INTO v VALUES ('${id}', ${value})`).join(';');
  const made = await page.evaluate(async ([schema, fill, list]) => {
    const db = await window.tributary.open('made', { storage: 'memory' });
    await db.exec(schema);
    await db.crr('v');
    await db.exec(fill);
    const result = { file: [...await db.export()], digest: await db.digest(), rows: await db.selectArrays(list),
      changesets: (await db.changesets()).map((one) => [...one]) };
    await db.close();
    return result;
  }, [schema, fill, list]);
  const ours = join(folder, 'ours.db');
  await writeFile(ours, new Uint8Array(made.file));
  assert.equal(native('sql', ours, 'SELECT crsql_digest()').trim().split('\n').at(-1).trim(), made.digest);
  // Made by the native build, read here; and changed by changesets.
  const theirs = join(folder, 'theirs.db');
  native('sql', '--create', theirs, `${schema}; SELECT crsql_as_crr('v'); ${fill}; DELETE FROM v WHERE id = 'n11'`);
  const digest = native('sql', theirs, 'SELECT crsql_digest()').trim().split('\n').at(-1).trim();
  const file = [...await readFile(theirs)];
  const read = await page.evaluate(async ([schema, file, list]) => {
    const db = await window.tributary.open('theirs', { storage: 'memory' });
    await db.import(new Uint8Array(file));
    const other = await window.tributary.open('other', { storage: 'memory' });
    await other.exec(schema);
    await other.crr('v');
    await other.apply(await db.changesets(await other.versionVector()));
    const result = [await db.digest(), await other.digest(), await other.selectArrays(list), await db.selectArrays(list)];
    await db.close();
    await other.close();
    return result;
  }, [schema, file, list]);
  assert.equal(read[0], digest);
  assert.equal(read[1], digest);
  assert.deepEqual(read[2], read[3]);
  assert.deepEqual(read[2], made.rows.filter(([id]) => id !== 'n11'));
});
