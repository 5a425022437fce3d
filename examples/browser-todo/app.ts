// One list on two devices: each pane is a replica of its own. They sync through the hub that the page
// is told of (?hub=ws://...), or, without one, directly through a channel.
import { open, type Database, type Sync } from 'tributary';
import { Pane } from './pane.js';

const hub = new URLSearchParams(location.search).get('hub');
const schema = `CREATE TABLE IF NOT EXISTS todo(
  id TEXT PRIMARY KEY NOT NULL DEFAULT (crsql_uuid7()), text TEXT, done INTEGER)`;

async function openDevice(name: string): Promise<Database> {
  const db = await open(name);
  await db.exec(schema);
  await db.crr('todo');
  return db;
}

/** The two ends of what connects the panes while both are on. */
class Cable {
  private readonly online = new Set<Pane>();
  private panes: Pane[] = [];

  attach(...panes: Pane[]): void {
    this.panes = panes;
    for (const pane of panes) {
      pane.onSwitch = (on) => this.switch(pane, on);
      this.switch(pane, true);
    }
  }

  private switch(pane: Pane, on: boolean): void {
    if (on) this.online.add(pane);
    else this.online.delete(pane);
    if (hub !== null) {
      pane.connect(on ? pane.db.sync(hub) : undefined);
      return;
    }
    const both = this.online.size === this.panes.length;
    const { port1, port2 } = new MessageChannel();
    const ends: (Sync | undefined)[] = both ? [this.panes[0]!.db.peer(port1), this.panes[1]!.db.peer(port2)] : [];
    this.panes.forEach((one, i) => one.connect(ends[i]));
  }
}

async function compare(left: Database, right: Database): Promise<void> {
  const [a, b] = await Promise.all([left.digest(), right.digest()]);
  document.getElementById('verdict')!.textContent =
    a === b ? 'Both hold the same: their digests are equal.' : 'They differ, until what was written has reached both.';
}

const [left, right] = await Promise.all([openDevice('todo-phone.db'), openDevice('todo-laptop.db')]);
const panes = [new Pane('Phone', left), new Pane('Laptop', right)];
document.getElementById('devices')!.append(...panes.map(({ element }) => element));
new Cable().attach(...panes);
for (const db of [left, right]) db.live('SELECT * FROM todo', [], () => void compare(left, right));
