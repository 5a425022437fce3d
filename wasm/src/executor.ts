// Runs the requests of all tabs on the one connection, in the order in which they came, but for
// those that wait for another client's transaction to end. Between them it gives sessions their
// turn, and tells live queries what has changed.
import type { Engine } from './engine.js';
import { TributaryError, type PlainError, toPlain } from './errors.js';
import { LiveSet } from './live_set.js';
import type { Event, Request, Result } from './protocol.js';
import { SyncSet } from './sync_set.js';

interface Job {
  client: string;
  id: number;
  request: Request;
  /** The request may reach this leader and the one before: it must not be done twice. */
  once: boolean;
  cancelled: boolean;
  done: (reply: { result: Result } | { error: PlainError }) => void;
}

interface Transaction {
  client: string;
  id: number;
  /** Why it is over though it was not ended by its owner. */
  lost?: string;
}

const aborted: PlainError = { code: 'ABORTED', message: 'the operation was aborted' };

const channel = new MessageChannel();
const waiting: (() => void)[] = [];
channel.port1.onmessage = () => waiting.shift()?.();
if ('unref' in channel.port1) (channel.port1 as unknown as { unref(): void }).unref();

/** Lets what has arrived be heard; faster than a timer. */
function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    channel.port2.postMessage(0);
  });
}

function join(slices: Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  if (slices.length === 1) return slices[0]!;
  const all = new Uint8Array(slices.reduce((size, slice) => size + slice.length, 0));
  let at = 0;
  for (const slice of slices) {
    all.set(slice, at);
    at += slice.length;
  }
  return all;
}

// What another leader may not repeat has to be in the same transaction as the note of it.
const repeatable = /^\s*(insert|update|delete|replace|with|select|create|alter|drop)\b/i;

export class Executor {
  private readonly queue: Job[] = [];
  private transaction: Transaction | undefined;
  private lastTransaction = 0;
  private pumping = false;
  private noted = false; // the table of what was done exists
  private closed = false;
  readonly live: LiveSet;
  readonly sync: SyncSet;

  /** `onBroken` is told when the module has trapped: nothing of it can be trusted then. */
  constructor(private readonly engine: Engine, tell: (client: string, event: Event) => void,
      private readonly onBroken: (error: PlainError) => void) {
    this.live = new LiveSet(engine, tell);
    this.sync = new SyncSet(engine, tell, () => void this.pump());
  }

  /** The reply comes when what was written is on the device. */
  submit(client: string, id: number, request: Request, once: boolean): Promise<{ result: Result } | { error: PlainError }> {
    return new Promise((done) => {
      this.queue.push({ client, id, request, once, cancelled: false, done });
      void this.pump();
    });
  }

  /** Has no effect on what has been done. */
  cancel(client: string, id: number): void {
    const job = this.queue.find((one) => one.client === client && one.id === id);
    if (job !== undefined) job.cancelled = true;
    if (this.current?.client === client && this.current.id === id) this.current.cancelled = true;
  }
  private current: Job | undefined;

  /** What a client left open is rolled back. */
  clientGone(client: string): void {
    for (const job of this.queue) if (job.client === client) job.cancelled = true;
    if (this.transaction?.client === client) this.rollBack();
    this.live.removeClient(client);
    this.sync.removeClient(client);
    if (this.noted) {
      void this.submit(client, 0, { op: 'script', sql: `DELETE FROM tributary_done WHERE client = '${client}'` }, false);
    }
    void this.pump();
  }

  /** What is left of clients that are not among these is forgotten. */
  keepOnly(clients: readonly string[]): void {
    const names = clients.map((client) => `'${client}'`).join();
    void this.submit('', 0, { op: 'run', sql: "SELECT 1 FROM sqlite_schema WHERE name = 'tributary_done'" }, false)
      .then((reply) => {
        if (!('result' in reply) || reply.result.rows!.length === 0) return;
        void this.submit('', 0, { op: 'script', sql: `DELETE FROM tributary_done WHERE client NOT IN (${names})` }, false);
      });
  }

  /** Requests that wait fail; those of other tabs are for the next leader to answer. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.rollBack();
    this.sync.close();
    for (const job of this.queue.splice(0)) job.done({ error: { code: 'CLOSED', message: 'the database was closed' } });
  }

  private rollBack(): void {
    if (this.engine.inTransaction) this.engine.run('ROLLBACK');
    this.transaction = undefined;
  }

  // The next that may run now: of a transaction that is open, only its own.
  private next(): Job | undefined {
    const open = this.transaction;
    const at = open === undefined ? 0 : this.queue.findIndex(({ client, request }) =>
      (client === open.client && 'tx' in request && request.tx === open.id) || request.op === 'peerData');
    return at < 0 ? undefined : this.queue.splice(at, 1)[0];
  }

  private async pump(): Promise<void> {
    if (this.pumping) return;
    this.pumping = true;
    try {
      for (let since = performance.now(); !this.closed; ) {
        const job = this.next();
        if (job !== undefined) await this.serve(job);
        if (this.transaction === undefined) {
          const idle = job === undefined;
          if (idle || performance.now() - since > 50) {
            const worked = this.sync.work();
            if (worked) this.live.flush();
            if (idle && !worked) break;
            await nextTask();
            since = performance.now();
          }
        } else if (job === undefined) {
          break;
        }
      }
    } finally {
      this.pumping = false;
    }
  }

  private async serve(job: Job): Promise<void> {
    if (job.cancelled) return job.done({ error: aborted });
    this.current = job;
    try {
      this.sync.rest();
      const result = await this.execute(job);
      this.checkTransaction(job.request);
      job.done({ result });
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError) return this.breakDown(job, error);
      if (!this.closed) this.afterFailure(job.request);
      job.done({ error: error === aborted ? aborted : toPlain(error) });
    } finally {
      this.current = undefined;
    }
    if (this.closed || this.transaction !== undefined) return;
    this.sync.changed();
    this.live.flush();
  }

  private breakDown(job: Job, error: Error): void {
    this.closed = true;
    const plain: PlainError = { code: 'FAILED', message: `the module broke down (${error.message}): open the database anew` };
    job.done({ error: plain });
    this.onBroken(plain);
  }

  // BEGIN and COMMIT by SQL would mix the writes of all who use the connection.
  private checkTransaction(request: Request): void {
    if (this.engine.inTransaction === (this.transaction !== undefined)) return;
    if (this.transaction !== undefined) {
      this.transaction.lost = 'it was ended by SQL: return from its function, or throw, instead';
      return;
    }
    this.rollBack();
    throw new TributaryError('MISUSE', 'BEGIN in SQL would enclose the writes of others, and was rolled back: ' +
      'use transaction()', 'sql' in request ? { sql: request.sql } : {});
  }

  private afterFailure(request: Request): void {
    if (this.transaction === undefined) {
      if (this.engine.inTransaction) this.rollBack();
    } else if (!this.engine.inTransaction && 'tx' in request && request.op !== 'rollback') {
      this.transaction.lost = 'the error of a statement rolled it back';
    }
  }

  private async execute(job: Job): Promise<Result> {
    const { request } = job;
    if ('tx' in request && request.tx !== undefined) this.checkOwner(job, request.tx);
    if (!job.once || 'tx' in request || !('sql' in request) || !repeatable.test(request.sql)) return this.perform(job);
    if (request.op === 'run' && this.engine.prepare(request.sql).readonly) return this.perform(job);
    if (request.op === 'live' || request.op === 'describe') return this.perform(job);
    this.engine.run('BEGIN IMMEDIATE');
    if (this.wasDone(job)) {
      this.engine.run('ROLLBACK');
      return { changes: 0, number: 0 };
    }
    const result = await this.perform(job);
    this.noteDone(job);
    this.engine.run('COMMIT');
    return result;
  }

  private checkOwner(job: Job, tx: number): void {
    const open = this.transaction;
    if (open === undefined || open.id !== tx || open.client !== job.client) {
      // A commit that the leader before has done, but not told.
      if (job.once && job.request.op === 'commit' && this.wasDone(job)) return;
      throw new TributaryError('LEADER_LOST', 'the transaction is over, and nothing of it was stored: the tab that led ' +
        'has gone meanwhile; run it again');
    }
    if (open.lost !== undefined && job.request.op !== 'rollback') {
      throw new TributaryError('MISUSE', `the transaction is over: ${open.lost}`);
    }
  }

  // A replayed request is known by its client and number: a client numbers upwards.
  private wasDone(job: Job): boolean {
    this.engine.run('CREATE TABLE IF NOT EXISTS tributary_done(client TEXT, request INTEGER, ' +
      'PRIMARY KEY(client, request)) WITHOUT ROWID');
    this.noted = true;
    const sql = `SELECT 1 FROM tributary_done WHERE client = '${job.client}' AND request = ${job.id}`;
    return join([...this.engine.collect(this.engine.prepare(sql), undefined)]).length > 0;
  }

  private noteDone(job: Job): void {
    for (const statement of this.engine.statements(`
        CREATE TABLE IF NOT EXISTS tributary_done(client TEXT, request INTEGER, PRIMARY KEY(client, request)) WITHOUT ROWID;
        DELETE FROM tributary_done WHERE client = '${job.client}' AND request < ${job.id - 1000};
        INSERT INTO tributary_done VALUES ('${job.client}', ${job.id})`)) {
      for (const _ of this.engine.collect(statement, undefined)) {
      }
    }
    this.noted = true;
  }

  private async perform(job: Job): Promise<Result> {
    const { client, request } = job;
    switch (request.op) {
      case 'run':
        return this.run(job, request.sql, request.params);
      case 'script': {
        for (const statement of this.engine.statements(request.sql)) {
          for (const _ of this.engine.collect(statement, undefined)) {
          }
        }
        return { changes: this.engine.changes, lastRowid: this.engine.lastRowid };
      }
      case 'many':
        return { number: this.engine.runMany(request.sql, request.params) };
      case 'describe':
        return { columns: this.engine.prepare(request.sql).columns };
      case 'begin':
        this.engine.run('BEGIN IMMEDIATE');
        this.transaction = { client, id: ++this.lastTransaction };
        return { number: this.lastTransaction };
      case 'commit':
        if (this.transaction === undefined) return {}; // done by the leader before
        if (job.once) this.noteDone(job);
        this.engine.run('COMMIT');
        this.transaction = undefined;
        return {};
      case 'rollback':
        this.rollBack();
        return {};
      case 'export':
        return { rows: this.engine.export() };
      case 'import':
        this.live.release();
        this.sync.close();
        this.engine.import(request.file);
        this.live.restore();
        return {};
      case 'live':
        return this.live.add(client, request.live, request.sql, request.params);
      case 'unlive':
        this.live.remove(client, request.live);
        return {};
      default:
        return this.sync.perform(client, request);
    }
  }

  // Now and then others are heard, among them who may want to abort this.
  private async run(job: Job, sql: string, params: Uint8Array | undefined): Promise<Result> {
    const statement = this.engine.prepare(sql);
    const slices: Uint8Array<ArrayBuffer>[] = [];
    let since = performance.now();
    for (const slice of this.engine.collect(statement, params)) {
      slices.push(slice);
      if (performance.now() - since < 30) continue;
      await nextTask();
      if (this.closed) throw new TributaryError('CLOSED', 'the database was closed');
      if (job.cancelled) throw aborted;
      since = performance.now();
    }
    return { columns: statement.columns, rows: join(slices), changes: this.engine.changes, lastRowid: this.engine.lastRowid };
  }
}
