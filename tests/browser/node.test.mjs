// The package under Node: memory, files that the native build reads, a process killed while it writes.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { native, root, temporaryFolder } from './harness.mjs';

const { open, TributaryError } = await import(join(root, 'build/wasm/node.js'));
const schema = 'CREATE TABLE IF NOT EXISTS note(id INTEGER PRIMARY KEY NOT NULL, text)';

test('a file is shared with the native build, one after the other', async () => {
  const path = join(await temporaryFolder(), 'notes.db');
  let db = await open(path);
  assert.equal(db.storage, 'file');
  await db.exec(schema);
  await db.crr('note');
  await db.exec("INSERT INTO note VALUES (1, 'milk')");
  await assert.rejects(open(path), (error) => error instanceof TributaryError && error.code === 'STORAGE' && /is open in process/.test(error.message));
  const digest = await db.digest();
  await db.close();
  assert.ok(!existsSync(`${path}-wal`) && !existsSync(`${path}-lock`));
  assert.match(native('sql', path, 'SELECT crsql_digest()'), new RegExp(digest));
  native('sql', path, "UPDATE note SET text = 'bread'");
  db = await open(path);
  assert.deepEqual(await db.select('SELECT * FROM note'), [{ id: 1, text: 'bread' }]);
  await db.close();
  await assert.rejects(open(join(path, 'nowhere.db')), /nowhere\.db cannot be opened/);
});

test('a process that is killed loses nothing that was acknowledged', async () => {
  const path = join(await temporaryFolder(), 'notes.db');
  const writer = `
    const { open } = await import(${JSON.stringify(join(root, 'build/wasm/node.js'))});
    const db = await open(${JSON.stringify(path)});
    await db.exec(${JSON.stringify(schema)});
    await db.crr('note');
    for (let n = await db.selectValue('SELECT count(*) FROM note'); ; ++n) {
      await db.exec('INSERT INTO note VALUES (?, ?)', [n, 'x'.repeat(500)]);
      process.stdout.write(n + '\\n');
    }`;
  let acknowledged = -1;
  for (let round = 0; round < 5; ++round) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', writer], { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (data) => (text += data));
    await once(child.stdout, 'data');
    await new Promise((done) => setTimeout(done, 50 + Math.random() * 200));
    child.kill('SIGKILL');
    await once(child, 'exit');
    acknowledged = Number(text.trim().split('\n').at(-2) ?? acknowledged);
    const db = await open(path);
    assert.equal(await db.selectValue('PRAGMA integrity_check'), 'ok');
    assert.ok(await db.selectValue('SELECT count(*) FROM note') > acknowledged);
    assert.deepEqual(await db.select('SELECT * FROM crsql_check'), []);
    await db.close();
  }
  assert.ok(acknowledged > 20);
});

test('a file in UTF-16, and one that is cut off, are refused, and nothing has changed', async () => {
  const db = await open('refusing', { storage: 'memory' });
  await db.exec(`${schema}; INSERT INTO note VALUES (1, 'kept')`);
  const wide = await db.export();
  wide[59] = 2; // as the header says it
  await assert.rejects(db.import(wide), /UTF-16: copy it/);
  await assert.rejects(db.import((await db.export()).subarray(0, 5000)), /malformed|corrupt|not a database/);
  assert.deepEqual(await db.select('SELECT * FROM note'), [{ id: 1, text: 'kept' }]);
  await db.close();
});
