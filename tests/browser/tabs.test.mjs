// Several tabs on one database: all see all writes; when the leader goes, another takes over within a
// second, nothing acknowledged is lost and nothing is done twice.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { browse, openPage, serve, temporaryFolder } from './harness.mjs';

const { server, url } = await serve();
after(() => server.close());

async function openTab(context) {
  const page = await openPage(context, url);
  await page.evaluate(async () => {
    globalThis.db = await window.tributary.open('tabs.db');
    await db.exec('CREATE TABLE IF NOT EXISTS item(id TEXT PRIMARY KEY NOT NULL, tab, n)');
    await db.crr('item');
    globalThis.seen = [];
    globalThis.live = db.live('SELECT count(*) AS n FROM item', [], (rows) => seen.push(rows[0].n));
    await live.ready;
  });
  return page;
}

const leads = (page) => page.evaluate(() => db.leading);
const count = (page) => page.evaluate(() => db.selectValue('SELECT count(*) FROM item'));

// A tab that crashes has no time to say so.
async function crash(page, context) {
  const session = await context.newCDPSession(page);
  const crashed = new Promise((resolve) => page.once('crash', resolve));
  session.send('Page.crash').catch(() => {}); // there is no answer
  await crashed;
}

test('three tabs, the leader is killed twice, none of the acknowledged writes is lost or done twice', async () => {
  const context = await browse(await temporaryFolder());
  const tabs = [await openTab(context), await openTab(context), await openTab(context)];
  assert.deepEqual(await Promise.all(tabs.map(leads)), [true, false, false]);

  await tabs[1].evaluate(() => db.exec("INSERT INTO item VALUES ('first', 1, 1)"));
  for (const tab of tabs) {
    assert.equal(await count(tab), 1);
    await tab.waitForFunction('seen.at(-1) === 1');
  }

  // The followers write without pause, and count what is acknowledged.
  for (const [i, tab] of tabs.entries()) {
    await tab.evaluate((i) => {
      globalThis.acknowledged = [];
      globalThis.failures = [];
      globalThis.gaps = [];
      globalThis.running = true;
      globalThis.done = (async () => {
        for (let n = 0; running; ++n) {
          const since = performance.now();
          try {
            if (n % 3 === 0) {
              await db.transaction(async (tx) => {
                await tx.exec('INSERT INTO item VALUES (?, ?, ?)', [`${i}-${n}`, i, n]);
                await tx.exec('UPDATE item SET n = n WHERE id = ?', [`${i}-${n}`]);
              });
            } else {
              await db.exec('INSERT INTO item VALUES (?, ?, ?)', [`${i}-${n}`, i, n]);
            }
            acknowledged.push(n);
          } catch (error) {
            failures.push([n, error.code, error.message]);
          }
          gaps.push(performance.now() - since);
        }
      })();
    }, i);
  }
  await new Promise((resolve) => setTimeout(resolve, 700));
  const taken = [];
  let alive = tabs;
  for (const victim of [0, 1]) {
    const last = await tabs[victim].evaluate(() => ({ acknowledged: acknowledged.slice(), tab: 0 }));
    taken.push([victim, last.acknowledged]);
    await crash(tabs[victim], context);
    alive = alive.filter((tab) => tab !== tabs[victim]);
    const since = Date.now();
    await Promise.race(alive.map((tab) => tab.waitForFunction('db.leading')));
    console.log(`# another leads after ${Date.now() - since} ms`);
    await new Promise((resolve) => setTimeout(resolve, 1500));
  }
  const [survivor] = alive;
  const result = await survivor.evaluate(async () => {
    running = false;
    await done;
    return { acknowledged, failures, longest: Math.max(...gaps) };
  });
  taken.push([2, result.acknowledged]);
  assert.ok(await leads(survivor));
  const rows = await survivor.evaluate(() => db.selectArrays('SELECT tab, n FROM item'));
  for (const [tab, acknowledged] of taken) {
    const there = new Set(rows.filter(([t]) => t === tab).map(([, n]) => n));
    for (const n of acknowledged) assert.ok(there.has(n), `write ${n} of tab ${tab} was acknowledged`);
  }
  const lost = new Set(rows.filter(([t]) => t === 2).map(([, n]) => n));
  for (const [n, code, message] of result.failures) {
    assert.equal(code, 'LEADER_LOST', message); // a write done twice would break the key: another code
    assert.ok(!lost.has(n), `write ${n} failed, and was not done`);
  }
  console.log(`# ${result.acknowledged.length} writes of the survivor, ${result.failures.length} failed, ` +
    `the longest took ${Math.round(result.longest)} ms`);
  assert.ok(result.longest < 1500, `a write waited for ${result.longest} ms`);
  await survivor.waitForFunction(`seen.at(-1) === ${rows.length}`);
  assert.deepEqual(await survivor.evaluate(() => db.select('SELECT * FROM crsql_check')), []);
  assert.equal(await survivor.evaluate(() => db.selectValue('PRAGMA integrity_check')), 'ok');
  await context.close();
});

test('a tab that goes in a transaction leaves nothing, and no one waiting', async () => {
  const context = await browse(await temporaryFolder());
  const [leader, follower, third] = [await openTab(context), await openTab(context), await openTab(context)];
  await follower.evaluate(() => new Promise((begun) => {
    void db.transaction(async (tx) => {
      await tx.exec("INSERT INTO item VALUES ('never', 1, 1)");
      begun();
      await new Promise(() => {});
    });
  }));
  await follower.close();
  assert.equal(await third.evaluate(() => db.exec("INSERT INTO item VALUES ('x', 1, 1)").then(() => 'in')), 'in');
  assert.equal(await count(leader), 1);

  // A leader that goes takes the transaction of another with it; that one is told.
  const outcome = third.evaluate(() => db.transaction(async (tx) => {
    await tx.exec("INSERT INTO item VALUES ('y', 1, 1)");
    globalThis.begun = true;
    await new Promise((resolve) => (globalThis.proceed = resolve));
    await tx.exec("INSERT INTO item VALUES ('z', 1, 1)");
  }).then(() => 'committed', (error) => error.code));
  await third.waitForFunction('globalThis.begun');
  await leader.close();
  await third.waitForFunction('db.leading');
  await third.evaluate(() => proceed());
  assert.equal(await outcome, 'LEADER_LOST');
  assert.equal(await count(third), 1);
  await context.close();
});

test('a tab that closes its database hands over at once', async () => {
  const context = await browse(await temporaryFolder());
  const [leader, follower] = [await openTab(context), await openTab(context)];
  await follower.evaluate(() => {
    globalThis.results = Promise.allSettled(Array.from({ length: 300 }, (_, i) => db.exec('INSERT INTO item VALUES (?, 1, 1)', [`many ${i}`])));
  });
  await leader.evaluate(() => db.close());
  assert.deepEqual(await follower.evaluate(async () => (await results).filter(({ status }) => status !== 'fulfilled')), []);
  assert.equal(await count(follower), 300);
  await follower.waitForFunction('db.leading');
  await follower.evaluate(() => db.exec("INSERT INTO item VALUES ('x', 1, 1)"));
  assert.equal(await count(follower), 301);
  await context.close();
});

// A leader whose answers do not arrive any more, once the channel `silence` has said so.
async function openSilencedTab(context) {
  const page = await openPage(context, url);
  await page.evaluate(() => {
    const prelude = `self.onmessage = ({ data }) => { globalThis.first ??= data; };
      const post = BroadcastChannel.prototype.postMessage;
      let silent = false;
      new BroadcastChannel('silence').onmessage = () => { silent = true; };
      BroadcastChannel.prototype.postMessage = function (message) { if (!silent || !message.reply) post.call(this, message); };
      await import(${JSON.stringify(new URL('/wasm/worker.js', location.href).href)});
      self.onmessage({ data: globalThis.first });`;
    const RealWorker = Worker;
    globalThis.Worker = class extends RealWorker {
      constructor() {
        super(URL.createObjectURL(new Blob([prelude], { type: 'text/javascript' })), { type: 'module' });
      }
    };
  });
  await page.evaluate(async () => {
    globalThis.db = await window.tributary.open('tabs.db');
    await db.exec("CREATE TABLE item(id TEXT PRIMARY KEY NOT NULL, tab, n); INSERT INTO item VALUES ('a', 0, 0), ('b', 0, 0)");
    await db.crr('item');
  });
  return page;
}

test('what a leader has done but not answered is not done again', async () => {
  const context = await browse(await temporaryFolder());
  const leader = await openSilencedTab(context);
  const follower = await openTab(context);
  const add = "UPDATE item SET n = n + 1 WHERE id = 'a'";
  await follower.evaluate((add) => db.exec(add), add);
  const begun = follower.evaluate((add) => new Promise((resolve) => {
    globalThis.both = [db.transaction(async (tx) => {
      await tx.exec("UPDATE item SET n = n + 1 WHERE id = 'b'");
      const channel = new BroadcastChannel('silence');
      channel.postMessage('');
      setTimeout(resolve, 100);
      await new Promise((then) => setTimeout(then, 50)); // it is silent by now, and hears the COMMIT
    })];
  }), add);
  await begun;
  await leader.waitForFunction(async () => (await db.selectValue("SELECT n FROM item WHERE id = 'b'")) === 1);
  await follower.evaluate((add) => {
    both.push(db.exec(add));
  }, add);
  await leader.waitForFunction(async () => (await db.selectValue("SELECT n FROM item WHERE id = 'a'")) === 2);
  await crash(leader, context);
  assert.deepEqual(await follower.evaluate(async () => (await Promise.allSettled(both)).map(({ status, reason }) => reason?.message ?? status)),
    ['fulfilled', 'fulfilled']);
  assert.deepEqual(await follower.evaluate(() => db.selectArrays('SELECT id, n FROM item ORDER BY id')), [['a', 2], ['b', 1]]);
  await context.close();
});
