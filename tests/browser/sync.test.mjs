// Sync: peer to peer over channels and WebRTC, and through the hub; two devices that were offline.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { join } from 'node:path';
import { browse, native, openPage, serve, startHub, temporaryFolder, tributary } from './harness.mjs';

const { server, url } = await serve();
const context = await browse(await temporaryFolder());
after(async () => {
  await context.close();
  server.close();
});

const schema = 'CREATE TABLE note(id TEXT PRIMARY KEY NOT NULL, text, n)';

// A page that is a device of its own: its database has a name that no other page has.
async function device(name, storage = 'memory') {
  const page = await openPage(context, url);
  await page.evaluate(async ([name, storage, schema]) => {
    globalThis.db = await window.tributary.open(name, { storage });
    await db.exec(schema.replace('TABLE', 'TABLE IF NOT EXISTS'));
    await db.crr('note');
    globalThis.states = [];
    globalThis.rows = () => db.selectArrays('SELECT * FROM note ORDER BY id');
    globalThis.until = async (sql, value) => {
      for (let i = 0; i < 200; ++i) {
        if (await db.selectValue(sql) === value) return true;
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
      return false;
    };
  }, [name, storage, schema]);
  return page;
}

const digest = (page) => page.evaluate(() => db.digest());

async function assertEqual(a, b) {
  for (let i = 0; i < 100 && (await digest(a)) !== (await digest(b)); ++i) await new Promise((r) => setTimeout(r, 50));
  assert.equal(await digest(a), await digest(b));
}

test('two databases over a MessagePort, large and live, until one goes', async () => {
  const page = await device('a');
  const result = await page.evaluate(async () => {
    const other = await window.tributary.open('b', { storage: 'memory' });
    await other.exec('CREATE TABLE note(id TEXT PRIMARY KEY NOT NULL, text, n)');
    await other.crr('note');
    await db.execMany('INSERT INTO note VALUES (?, ?, ?)',
      Array.from({ length: 50_000 }, (_, i) => [`a${i}`, `text ${i} ${'x'.repeat(100)}`, i]));
    await other.exec("INSERT INTO note VALUES ('b', 'other', 1)");
    const { port1, port2 } = new MessageChannel();
    const progress = [];
    const [one, two] = [db.peer(port1), other.peer(port2)];
    two.subscribe((status) => progress.push([status.state, status.stats?.received.rows ?? 0]));
    await two.reached('live');
    await one.reached('live');
    const equal = await db.digest() === await other.digest();
    const updates = [];
    other.live('SELECT count(*) AS n FROM note', [], (rows) => updates.push(rows[0].n));
    // Writes on both sides while the session goes on.
    for (let i = 0; i < 50; ++i) {
      await db.exec('UPDATE note SET n = n + 1 WHERE id = ?', [`a${i}`]);
      await other.exec('INSERT INTO note VALUES (?, ?, ?)', [`c${i}`, 'c', i]);
    }
    for (let i = 0; i < 100 && await db.digest() !== await other.digest(); ++i) await new Promise((r) => setTimeout(r, 20));
    const still = await db.digest() === await other.digest();
    two.close();
    for (let i = 0; i < 100 && one.status.state !== 'ended'; ++i) await new Promise((r) => setTimeout(r, 20));
    await other.close();
    return { equal, still, last: updates.at(-1), progress: progress.filter(([state]) => state === 'catching up').length,
      ended: one.status.state, n: await db.selectValue('SELECT count(*) FROM note') };
  });
  assert.ok(result.equal);
  assert.ok(result.still);
  assert.equal(result.n, 50_051);
  assert.equal(result.last, 50_051);
  assert.ok(result.progress >= 1);
  assert.equal(result.ended, 'ended');
});

test('two pages by WebRTC, with no server but their own signalling', async () => {
  const [a, b] = [await device('rtc-a'), await device('rtc-b')];
  await a.evaluate(() => db.execMany('INSERT INTO note VALUES (?, ?, ?)', Array.from({ length: 2000 }, (_, i) => [`a${i}`, 'a', i])));
  await b.evaluate(() => db.execMany('INSERT INTO note VALUES (?, ?, ?)', Array.from({ length: 2000 }, (_, i) => [`b${i}`, 'b', i])));
  const complete = `globalThis.complete = (c) => new Promise((done) => {
    if (c.iceGatheringState === 'complete') return done(c.localDescription.toJSON());
    c.onicegatheringstatechange = () => c.iceGatheringState === 'complete' && done(c.localDescription.toJSON());
  });`;
  const offer = await a.evaluate(async (complete) => {
    (0, eval)(complete);
    globalThis.connection = new RTCPeerConnection();
    globalThis.peer = db.peer(connection.createDataChannel('tributary'));
    await connection.setLocalDescription(await connection.createOffer());
    return globalThis.complete(connection);
  }, complete);
  const answer = await b.evaluate(async ([complete, offer]) => {
    (0, eval)(complete);
    globalThis.connection = new RTCPeerConnection();
    connection.ondatachannel = ({ channel }) => (globalThis.peer = db.peer(channel));
    await connection.setRemoteDescription(offer);
    await connection.setLocalDescription(await connection.createAnswer());
    return globalThis.complete(connection);
  }, [complete, offer]);
  await a.evaluate((answer) => connection.setRemoteDescription(answer), answer);
  assert.ok(await b.evaluate(() => until('SELECT count(*) FROM note', 4000)));
  assert.ok(await a.evaluate(() => until('SELECT count(*) FROM note', 4000)));
  await b.evaluate(() => db.exec("UPDATE note SET text = 'live' WHERE id = 'a1'"));
  assert.ok(await a.evaluate(() => until("SELECT text FROM note WHERE id = 'a1'", 'live')));
  await assertEqual(a, b);
  await b.evaluate(() => connection.close());
});

const hub = await startHub();
const skip = hub === undefined && `${tributary} has no command serve`;

test('two devices and a native copy through the hub, offline and back', { skip }, async () => {
  const [a, b] = [await device('hub-a.db', 'opfs'), await device('hub-b.db', 'opfs')];
  const room = `${hub.url}/v1/rooms/notes`;
  const connect = (page) => page.evaluate(async (room) => {
    globalThis.sync = db.sync(room);
    sync.subscribe(({ state }) => states.at(-1) !== state && states.push(state));
    await sync.reached('live');
  }, room);
  await a.evaluate(() => db.execMany('INSERT INTO note VALUES (?, ?, ?)', Array.from({ length: 3000 }, (_, i) => [`a${i}`, 'a', i])));
  await connect(a);
  await connect(b);
  assert.ok(await b.evaluate(() => until('SELECT count(*) FROM note', 3000)));
  await b.evaluate(() => db.exec("UPDATE note SET text = 'from b' WHERE id = 'a1'"));
  assert.ok(await a.evaluate(() => until("SELECT text FROM note WHERE id = 'a1'", 'from b')));

  // Offline: the hub goes; both write; it comes back at its address.
  await hub.stop();
  await a.waitForFunction('states.includes("offline")');
  await a.evaluate(() => db.exec("UPDATE note SET text = 'a, offline' WHERE id = 'a2'; INSERT INTO note VALUES ('new a', 'a', 1)"));
  await b.evaluate(() => db.exec("UPDATE note SET n = 7777 WHERE id = 'a2'; DELETE FROM note WHERE id = 'a3'"));
  await hub.start();
  assert.ok(await b.evaluate(() => until("SELECT text FROM note WHERE id = 'a2'", 'a, offline')));
  assert.ok(await a.evaluate(() => until("SELECT n FROM note WHERE id = 'a2'", 7777)));
  await assertEqual(a, b);
  const states = await a.evaluate(() => states);
  assert.deepEqual(states.filter((state) => state === 'live').length >= 2, true, String(states));

  const copy = join(await temporaryFolder(), 'copy.db');
  native('sql', '--create', copy, `${schema}; SELECT crsql_as_crr('note')`);
  native('sync', copy, room);
  assert.equal(native('sql', copy, 'SELECT crsql_digest()').trim().split('\n').at(-1).trim(), await digest(a));

  // Another tab of a: one connection for both, which goes on when the first tab dies.
  const second = await openPage(context, url);
  await second.evaluate(async (room) => {
    globalThis.db = await window.tributary.open('hub-a.db');
    globalThis.sync = db.sync(room);
    await sync.reached('live');
    globalThis.rows = () => db.selectArrays('SELECT * FROM note ORDER BY id');
  }, room);
  await a.close();
  await second.waitForFunction('db.leading');
  await b.evaluate(() => db.exec("INSERT INTO note VALUES ('last', 'b', 1)"));
  await second.waitForFunction(async () => (await db.selectValue("SELECT count(*) FROM note WHERE id = 'last'")) === 1);
  await assertEqual(second, b);
});

test('what cannot be synced says why', { skip }, async () => {
  const page = await device('wrong');
  const status = await page.evaluate(async (room) => {
    const self = db.sync(room);
    await self.reached('live');
    const copy = await window.tributary.open('copy', { storage: 'memory' });
    await copy.import(await db.export());
    const { port1, port2 } = new MessageChannel();
    db.peer(port1);
    const same = copy.peer(port2);
    const reason = await same.reached('live').then(() => 'live', (error) => error.message);
    let address;
    try {
      db.sync('/v1/rooms/x');
    } catch (error) {
      address = error.message;
    }
    const nobody = db.sync('ws://127.0.0.1:1/');
    await nobody.reached('offline');
    const { error, retryMs } = nobody.status;
    nobody.close();
    return [reason, address, error.message, retryMs > 0];
  }, `${hub.url}/v1/rooms/wrong`);
  assert.match(status[0], /site id|copy/);
  assert.match(status[1], /address \/v1\/rooms\/x must begin/);
  assert.match(status[2], /ws:\/\/127\.0\.0\.1:1\//);
  assert.ok(status[3]);
});

after(() => hub?.stop());
