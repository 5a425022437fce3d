// examples/browser-todo as ./run demo browser serves it, with the hub and without. SHOTS=FOLDER keeps
// screenshots.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { browse, root, temporaryFolder } from './harness.mjs';

execFileSync('bash', [join(root, 'examples/browser-todo/build.sh')]);

async function serveExample(environment) {
  const child = spawn('node', [join(root, 'examples/browser-todo/serve.mjs')],
    { env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'inherit'] });
  after(() => child.kill('SIGTERM'));
  const [line] = await once(child.stdout, 'data');
  return String(line).split('\n')[0];
}

async function play(address, name) {
  const context = await browse(await temporaryFolder());
  const page = await context.newPage();
  await page.setViewportSize({ width: 1100, height: 720 });
  const problems = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  const shoot = (what) => process.env.SHOTS && page.screenshot({ path: join(process.env.SHOTS, `${name}-${what}.png`) });
  await page.goto(address);
  const [phone, laptop] = [page.locator('.device').nth(0), page.locator('.device').nth(1)];
  const inSync = (pane) => pane.locator('.status[data-state="live"]').waitFor();
  const equal = () => page.waitForFunction(() => document.getElementById('verdict').textContent.startsWith('Both hold'));
  const add = async (pane, text) => {
    await pane.locator('form input').fill(text);
    await pane.locator('form button').click();
  };
  await inSync(phone);
  await inSync(laptop);
  for (const text of ['Buy oat milk', 'Water the plants', 'Call grandma']) await add(phone, text);
  await laptop.locator('li').nth(2).waitFor();
  await laptop.locator('li').nth(1).locator('[type=checkbox]').check();
  await phone.locator('li.done').waitFor();
  await equal();
  await shoot('together');

  for (const pane of [phone, laptop]) await pane.locator('.track').click();
  await phone.locator('.status[data-state="ended"]').waitFor();
  const edit = async (pane, text) => {
    await pane.locator('li').first().locator('.text').fill(text);
    await pane.locator('li').first().locator('.text').press('Enter');
  };
  await edit(phone, 'Buy almond milk');
  await edit(laptop, 'Buy rice milk');
  await add(phone, 'Repair the bike');
  await add(laptop, 'Book the train');
  await laptop.locator('li').nth(3).waitFor();
  assert.equal(await laptop.locator('li').count(), 4);
  await page.waitForFunction(() => document.getElementById('verdict').textContent.startsWith('They differ'));
  await shoot('apart');
  for (const pane of [phone, laptop]) await pane.locator('.track').click();
  await laptop.locator('li').nth(4).waitFor();
  await phone.locator('li').nth(4).waitFor();
  await equal();
  assert.equal(await phone.locator('li .text').first().inputValue(), 'Buy rice milk'); // the greater value
  assert.equal(await laptop.locator('li .text').first().inputValue(), 'Buy rice milk');
  await phone.locator('li.clash .note').waitFor();
  assert.match(await phone.locator('li.clash .note').textContent(), /you had “Buy almond milk”/);
  await page.waitForTimeout(300);
  await shoot('conflict');
  await page.emulateMedia({ colorScheme: 'dark' });
  await shoot('dark');
  await page.setViewportSize({ width: 390, height: 800 });
  await shoot('narrow');
  await page.reload();
  await phone.locator('li').nth(4).waitFor();
  assert.deepEqual(problems, []);
  await context.close();
}

test('two panes through the hub, or directly where the native build has none', async () => {
  await play(await serveExample({}), 'hub');
});

test('two panes without a hub', async () => {
  await play((await serveExample({ TRIBUTARY_HUB: '/bin/false' })), 'direct');
});
