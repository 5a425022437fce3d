// The database as a page or a Node program has it: everything happens in a worker.
import { encodeParams, type Numbers, type Params, type Value } from './codec.js';
import { TributaryError, fromPlain, type PlainError } from './errors.js';
import { LiveQuery, type LiveCallback } from './live_query.js';
import type { Event, FromWorker, Request, Result, StorageKind, ToWorker } from './protocol.js';
import { Queries, Transaction, type CallOptions, type Row } from './queries.js';
import { ChannelPipe, Sync, type PeerChannel } from './sync.js';

export interface OpenOptions {
  /**
   * `opfs`: on the device, in the browser's private file system; the default there. `file`: under
   * Node, the default there. `memory`: gone with the page.
   */
  storage?: StorageKind;
  /** How numbers are read and bound; `plain` if not said. */
  numbers?: Numbers;
  /** The module, or its address, if it is not beside this file. */
  wasm?: WebAssembly.Module | string;
  /** Is told what is of importance though nothing has failed; `console.warn` if not said. */
  onWarning?: (message: string) => void;
}

/** A worker, of a browser or of Node. */
export interface WorkerLike {
  postMessage(message: ToWorker): void;
  listen(onMessage: (message: FromWorker) => void, onError: (message: string) => void): void;
  terminate(): void;
}

interface Waiting {
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
  signal: AbortSignal | undefined;
  stopListening: () => void;
}

export class Database extends Queries {
  /** Where it is: `memory` also where the browser has nothing better. */
  storage: StorageKind = 'memory';
  /** Whether this tab has the files open. Others take over when it goes. */
  leading = true;
  private readonly waiting = new Map<number, Waiting>();
  private readonly lives = new Map<number, LiveQuery<never>>();
  private readonly syncs = new Map<number, Sync>();
  private readonly pipes = new Map<number, ChannelPipe>();
  private nextId = 1;
  private failure: Error | undefined;
  private onOpened: { resolve: () => void; reject: (error: unknown) => void } | undefined;
  private onClosed: (() => void) | undefined;

  /** @internal */
  constructor(readonly name: string, private readonly worker: WorkerLike, private readonly options: OpenOptions) {
    super((request, signal) => this.request(request, signal), options.numbers ?? 'plain');
    worker.listen((message) => this.receive(message), (message) => {
      this.fail(new TributaryError('FAILED', `the worker of database ${name} broke down (${message}): open it anew`));
    });
  }

  /** @internal */
  opening(storage: StorageKind): Promise<void> {
    const { wasm } = this.options;
    this.worker.postMessage({ open: { name: this.name, storage, ...(wasm === undefined ? {} : { wasm }) } });
    return new Promise((resolve, reject) => (this.onOpened = { resolve, reject }));
  }

  // --- Messages

  private request(request: Request, signal: AbortSignal | undefined): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (this.failure !== undefined) return reject(this.failure);
      if (signal?.aborted) return reject(signal.reason);
      const id = this.nextId++;
      const abort = () => this.worker.postMessage({ cancel: id });
      signal?.addEventListener('abort', abort);
      const stopListening = () => signal?.removeEventListener('abort', abort);
      this.waiting.set(id, { resolve, reject, signal, stopListening });
      this.worker.postMessage({ id, request });
    });
  }

  private receive(message: FromWorker): void {
    if ('id' in message) {
      const waiting = this.waiting.get(message.id);
      this.waiting.delete(message.id);
      waiting?.stopListening();
      if ('result' in message) waiting?.resolve(message.result);
      else waiting?.reject(message.error.code === 'ABORTED' ? waiting.signal?.reason : fromPlain(message.error));
    } else if ('opened' in message) {
      this.storage = message.opened.storage;
      const { warning } = message.opened;
      if (warning !== undefined) (this.options.onWarning ?? console.warn)(warning);
      this.onOpened?.resolve();
    } else if ('openError' in message) {
      this.worker.terminate();
      this.onOpened?.reject(fromPlain(message.openError));
    } else if ('closed' in message) {
      this.onClosed?.();
    } else {
      this.hear(message);
    }
  }

  private hear(event: Event): void {
    switch (event.event) {
      case 'live':
        this.lives.get(event.live)?.update(event.result);
        break;
      case 'liveError':
        this.lives.get(event.live)?.fail(fromPlain(event.error));
        break;
      case 'sync':
        this.syncs.get(event.sync)?.update(event.status);
        if (event.status.state === 'ended') this.forgetSync(event.sync);
        break;
      case 'peerData':
        this.pipes.get(event.sync)?.send(event.data);
        break;
      case 'leader':
        this.leading = event.leading;
        break;
      case 'failed':
        this.fail(fromPlain(event.error));
    }
  }

  private fail(error: Error): void {
    if (this.failure !== undefined) return;
    this.failure = error;
    this.onOpened?.reject(error);
    for (const { reject, stopListening } of this.waiting.values()) {
      stopListening();
      reject(error);
    }
    this.waiting.clear();
    for (const live of this.lives.values()) live.fail(error);
    const plain: PlainError = { code: 'FAILED', message: error.message };
    for (const sync of this.syncs.values()) sync.update({ state: 'ended', error: plain });
  }

  // --- Transactions

  /**
   * Runs the function in a transaction: committed when it returns, rolled back if it throws. Use
   * `tx` in it: what it asks the database itself waits until the transaction is over, as do others.
   */
  async transaction<R>(body: (tx: Transaction) => Promise<R>, options: CallOptions = {}): Promise<R> {
    const { number: tx } = await this.request({ op: 'begin' }, options.signal);
    const transaction = new Transaction(this.ask, options.numbers ?? this.numbers, tx);
    try {
      const result = await body(transaction);
      options.signal?.throwIfAborted();
      await this.request({ op: 'commit', tx: tx! }, undefined);
      return result;
    } catch (error) {
      await this.request({ op: 'rollback', tx: tx! }, undefined).catch(() => {});
      throw error;
    }
  }

  override async execMany(sql: string, rows: Iterable<Params>, options: CallOptions = {}): Promise<number> {
    return this.transaction((tx) => tx.execMany(sql, rows, options), options);
  }

  // --- Replication

  /** Makes a table replicate; see crsql_as_crr() in ext/SQL.md. */
  async crr(table: string): Promise<void> {
    await this.select('SELECT crsql_as_crr(?)', [table]);
  }

  /** This replica's id, 16 bytes. */
  async siteId(): Promise<Uint8Array> {
    return (await this.selectValue<Uint8Array>('SELECT crsql_site_id()'))!;
  }

  /** What this replica knows: what another needs to make the changesets that it lacks. */
  async versionVector(): Promise<Uint8Array> {
    return (await this.selectValue<Uint8Array>('SELECT crsql_version_vector()'))!;
  }

  /** What this replica has and `have`, another's versionVector(), lacks; all if it is not given. */
  async changesets(have?: Uint8Array, options?: CallOptions): Promise<Uint8Array[]> {
    const rows = await this.selectArrays('SELECT changeset FROM crsql_changesets(?)', [have ?? null], options);
    return rows.map(([changeset]) => changeset as Uint8Array);
  }

  /** Merges a changeset, or several in one transaction. Result: how many rows have changed. */
  async apply(changesets: Uint8Array | readonly Uint8Array[], options: CallOptions = {}): Promise<number> {
    const apply = async (queries: Queries, changeset: Uint8Array) =>
      Number(await queries.selectValue('SELECT crsql_apply(?)', [changeset], options));
    if (changesets instanceof Uint8Array) return apply(this, changesets);
    return this.transaction(async (tx) => {
      let rows = 0;
      for (const changeset of changesets) rows += await apply(tx, changeset);
      return rows;
    }, options);
  }

  /** Names what has been written so far, for another replica to wait for. */
  async token(): Promise<string> {
    return (await this.selectValue<string>('SELECT crsql_token()'))!;
  }

  /** Equal exactly on replicas with equal content. */
  async digest(): Promise<string> {
    return (await this.selectValue<string>('SELECT crsql_digest()'))!;
  }

  /** The database as an SQLite file. */
  async export(): Promise<Uint8Array> {
    return (await this.request({ op: 'export' }, undefined)).rows!;
  }

  /**
   * Replaces the content by that of an SQLite file, all or nothing. Syncs end. A copy of a replica
   * that is still in use needs an id of its own: `SELECT crsql_new_site_id()`.
   */
  async import(file: Uint8Array): Promise<void> {
    await this.request({ op: 'import', file }, undefined);
  }

  /**
   * The rows of a SELECT, now and whenever a transaction, of whomever, has changed them. Also an
   * async iterable. To be closed.
   */
  live<T = Row>(sql: string, params: Params = [], callback?: LiveCallback<T>, options: CallOptions = {}): LiveQuery<T> {
    const live = this.nextId++;
    const numbers = options.numbers ?? this.numbers;
    const close = () => {
      this.lives.delete(live);
      void this.request({ op: 'unlive', live }, undefined).catch(() => {});
    };
    const first = this.request({ op: 'live', live, sql, params: encodeParams([params], numbers) }, undefined);
    const query = new LiveQuery<T>(first, numbers, close);
    this.lives.set(live, query as unknown as LiveQuery<never>);
    if (callback !== undefined) query.subscribe(callback);
    options.signal?.addEventListener('abort', () => query.close());
    return query;
  }

  /** Keeps this replica and the one at a WebSocket address equal, until it is closed. */
  sync(url: string | URL, options: { token?: string } = {}): Sync {
    const { token } = options;
    if (!/^wss?:\/\//.test(String(url))) {
      throw new TributaryError('MISUSE', `sync: the address ${String(url)} must begin with wss:// or ws://`);
    }
    return this.startSync((sync) => ({ op: 'sync', sync, url: String(url), ...(token === undefined ? {} : { token }) }));
  }

  /** The same with a replica at the other end of a channel, where peer() is called, too. */
  peer(channel: PeerChannel): Sync {
    return this.startSync((sync) => {
      this.pipes.set(sync, new ChannelPipe(channel, (data) => {
        void this.request({ op: 'peerData', sync, data }, undefined).catch(() => {});
      }));
      return { op: 'peer', sync };
    });
  }

  private startSync(request: (sync: number) => Request): Sync {
    const id = this.nextId++;
    const sync = new Sync(() => {
      this.forgetSync(id);
      void this.request({ op: 'unsync', sync: id }, undefined).catch(() => {});
    });
    this.syncs.set(id, sync);
    this.request(request(id), undefined).catch((error: unknown) => {
      sync.update({ state: 'ended', error: { code: 'SYNC', message: (error as Error).message } });
      this.forgetSync(id);
    });
    return sync;
  }

  private forgetSync(id: number): void {
    this.syncs.delete(id);
    this.pipes.get(id)?.end();
    this.pipes.delete(id);
  }

  /** Ends everything; what was acknowledged is stored. Calls that are not answered yet fail. */
  async close(): Promise<void> {
    if (this.failure !== undefined) return;
    const closed = new Promise<void>((resolve) => (this.onClosed = resolve));
    this.worker.postMessage({ close: true });
    await closed;
    this.worker.terminate();
    this.fail(new TributaryError('CLOSED', `database ${this.name} was closed`));
  }
}

export type { Value };
