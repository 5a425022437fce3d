// The module's functions as objects. Runs in the worker; everything here is synchronous.
import { TributaryError, codeName } from './errors.js';
import { hostImports, type HostState } from './host.js';
import type { Storage } from './storage.js';

export const ROW = 100;
export const DONE = 101;

interface Exports {
  memory: WebAssembly.Memory;
  _initialize(): void;
  trib_alloc(size: number): number;
  trib_free(at: number): void;
  trib_open(path: number): number;
  trib_close(db: number): void;
  trib_error_code(db: number): number;
  trib_error(db: number): number;
  trib_error_offset(db: number): number;
  trib_out(db: number): number;
  trib_out_size(db: number): number;
  trib_out_clear(db: number): void;
  trib_prepare(db: number, sql: number, size: number): number;
  trib_tail(db: number): number;
  trib_columns(db: number, statement: number): number;
  trib_readonly(statement: number): number;
  trib_reprepared(statement: number): number;
  trib_bind(db: number, statement: number, params: number, size: number): number;
  trib_collect(db: number, statement: number, enough: number): number;
  trib_run_many(db: number, statement: number, params: number, size: number): number;
  trib_reset(statement: number): number;
  trib_finalize(statement: number): void;
  trib_changes(db: number): number;
  trib_last_rowid(db: number): bigint;
  trib_autocommit(db: number): number;
  trib_export(db: number, size: number): number;
  trib_sqlite_free(at: number): void;
  trib_import(db: number, data: number, size: number): number;
  trib_live_begin(db: number, id: number): number;
  trib_live_end(db: number): number;
  trib_live_remove(db: number, id: number): void;
  trib_live_narrow(db: number, id: number, table: number, column: number, isText: number, integer: bigint,
    text: number, size: number): number;
  trib_live_dirty(db: number): number;
  trib_session_new(db: number, live: number): number;
  trib_session_free(session: number): void;
  trib_session_receive(session: number, data: number, size: number): number;
  trib_session_end(session: number): void;
  trib_session_changed(session: number): void;
  trib_session_finish(session: number): void;
  trib_session_rest(session: number): void;
  trib_session_work(session: number): number;
  trib_session_output(session: number): number;
  trib_session_output_size(session: number): number;
  trib_session_consume(session: number, size: number): void;
  trib_session_state(session: number): number;
  trib_session_status(session: number): number;
  trib_session_stats(session: number): number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A statement that is prepared. `columns` are the names of its result. */
export interface Prepared {
  readonly handle: number;
  readonly sql: string;
  columns: readonly string[];
  /** How often SQLite has prepared it anew, as the schema had changed. */
  reprepared: number;
  readonly readonly: boolean;
}

/** One instance of the module with one open database. */
export class Engine {
  readonly exports: Exports;
  private db = 0;
  private readonly cache = new Map<string, Prepared>();
  private readonly state: HostState;

  /** Opens the storage's database. Throws if it is no database or cannot be read. */
  constructor(module: WebAssembly.Module, storage: Storage, interrupted: () => boolean = () => false) {
    this.state = { memory: undefined, storage, interrupted };
    const instance = new WebAssembly.Instance(module, hostImports(this.state));
    this.exports = instance.exports as unknown as Exports;
    this.state.memory = this.exports.memory;
    this.exports._initialize();
    const path = this.put(encoder.encode(`${storage.path}\0`));
    this.db = this.exports.trib_open(path);
    this.exports.trib_free(path);
    if (this.db === 0) throw new TributaryError('SQLITE_NOMEM', 'out of memory', { errno: 7 });
    if (this.exports.trib_error_code(this.db) !== 0) {
      const error = this.error();
      this.exports.trib_close(this.db);
      throw error;
    }
  }

  /** Ends all; the storage may be closed then. */
  close(): void {
    this.clearCache();
    this.exports.trib_close(this.db);
    this.db = 0;
  }

  private bytes(at: number, size: number): Uint8Array {
    return new Uint8Array(this.exports.memory.buffer, at >>> 0, size);
  }

  // A copy in the module's memory; to be freed.
  private put(data: Uint8Array): number {
    const at = this.exports.trib_alloc(Math.max(data.length, 1));
    if (at === 0) throw new TributaryError('SQLITE_NOMEM', 'out of memory', { errno: 7 });
    this.bytes(at, data.length).set(data);
    return at;
  }

  private text(at: number): string {
    const memory = new Uint8Array(this.exports.memory.buffer);
    return decoder.decode(memory.subarray(at >>> 0, memory.indexOf(0, at >>> 0)));
  }

  /** The last failure. */
  error(sql?: string): TributaryError {
    const errno = this.exports.trib_error_code(this.db);
    const offset = this.exports.trib_error_offset(this.db);
    return new TributaryError(codeName(errno), this.text(this.exports.trib_error(this.db)), { errno, offset, sql });
  }

  private check(code: number, sql?: string): void {
    if (code !== 0) throw this.error(sql);
  }

  /** What the last call returned beside its result, as a copy. */
  out(): Uint8Array<ArrayBuffer> {
    const copy = this.bytes(this.exports.trib_out(this.db), this.exports.trib_out_size(this.db)).slice();
    this.exports.trib_out_clear(this.db);
    return copy;
  }

  get inTransaction(): boolean {
    return this.exports.trib_autocommit(this.db) === 0;
  }

  get changes(): number {
    return this.exports.trib_changes(this.db);
  }

  get lastRowid(): bigint {
    return this.exports.trib_last_rowid(this.db);
  }

  private columnsOf(handle: number): string[] {
    if (this.exports.trib_columns(this.db, handle) < 0) throw this.error();
    const data = this.out();
    const view = new DataView(data.buffer);
    const names: string[] = [];
    for (let at = 0; at < data.length; ) {
      const size = view.getUint32(at + 1, true);
      names.push(decoder.decode(data.subarray(at + 5, at + 5 + size)));
      at += 5 + size;
    }
    return names;
  }

  // The first statement of `sql` that is more than white space, and what follows it.
  private prepareFirst(sql: Uint8Array, text: string): { prepared: Prepared | undefined; rest: Uint8Array } {
    const at = this.put(sql);
    try {
      const handle = this.exports.trib_prepare(this.db, at, sql.length);
      const rest = sql.subarray(this.exports.trib_tail(this.db));
      if (handle !== 0) {
        const readonly = this.exports.trib_readonly(handle) !== 0;
        return { prepared: { handle, sql: text, columns: this.columnsOf(handle), reprepared: 0, readonly }, rest };
      }
      if (this.exports.trib_error_code(this.db) !== 0) throw this.error(text);
      if (rest.length === sql.length) return { prepared: undefined, rest: sql.subarray(sql.length) };
      return { prepared: undefined, rest };
    } finally {
      this.exports.trib_free(at);
    }
  }

  /** The one statement that `sql` is, kept for the next time. */
  prepare(sql: string): Prepared {
    const known = this.cache.get(sql);
    if (known !== undefined) {
      this.cache.delete(sql);
      this.cache.set(sql, known);
      return known;
    }
    const all = [...this.statements(sql, true)];
    if (all.length !== 1) {
      all.forEach((statement) => this.exports.trib_finalize(statement.handle));
      throw new TributaryError('MISUSE', `parameters and results go with one statement, here are ${all.length}`, { sql });
    }
    if (this.cache.size >= 64) {
      const [oldest] = this.cache.keys();
      this.exports.trib_finalize(this.cache.get(oldest!)!.handle);
      this.cache.delete(oldest!);
    }
    this.cache.set(sql, all[0]!);
    return all[0]!;
  }

  /** Forgets prepared statements: after a change of the schema, or before an import. */
  clearCache(): void {
    for (const { handle } of this.cache.values()) this.exports.trib_finalize(handle);
    this.cache.clear();
  }

  /**
   * The statements of a script, each prepared when it is asked for, since it may need what the one
   * before has made. Finalized when the next is asked for, unless `keep`.
   */
  *statements(sql: string, keep = false): Generator<Prepared> {
    let rest: Uint8Array = encoder.encode(sql);
    while (rest.length > 0) {
      const next = this.prepareFirst(rest, sql);
      rest = next.rest;
      if (next.prepared === undefined) continue;
      try {
        yield next.prepared;
      } finally {
        if (!keep) this.exports.trib_finalize(next.prepared.handle);
      }
    }
  }

  /**
   * Runs a statement and yields its rows as bytes, in slices; it is reset at the end, and when the
   * loop is left. `params` are one set of encodeParams().
   */
  *collect(statement: Prepared, params: Uint8Array | undefined, enough = 1 << 18): Generator<Uint8Array<ArrayBuffer>> {
    const { handle, sql } = statement;
    const at = params === undefined ? 0 : this.put(params);
    try {
      if (params !== undefined) this.check(this.exports.trib_bind(this.db, handle, at, params.length), sql);
      for (;;) {
        const code = this.exports.trib_collect(this.db, handle, enough);
        if (code !== ROW && code !== DONE) throw this.error(sql);
        const slice = this.out();
        const reprepared = this.exports.trib_reprepared(handle);
        if (reprepared !== statement.reprepared) {
          statement.columns = this.columnsOf(handle);
          statement.reprepared = reprepared;
        }
        yield slice;
        if (code === DONE) break;
      }
    } finally {
      if (this.db !== 0) { // it may have been closed between two slices
        this.exports.trib_reset(handle);
        if (at !== 0) this.exports.trib_free(at);
      }
    }
  }

  /** Runs to the end; the rows are dropped. */
  run(sql: string): void {
    for (const _ of this.collect(this.prepare(sql), undefined)) {
    }
  }

  /** Runs a statement for each set of `params`. Result: how many. The error names the set. */
  runMany(sql: string, params: Uint8Array): number {
    const { handle } = this.prepare(sql);
    const at = this.put(params);
    try {
      const runs = this.exports.trib_run_many(this.db, handle, at, params.length);
      if (runs >= 0) return runs;
      const error = this.error(sql);
      throw new TributaryError(error.code, `row ${-runs}: ${error.message}`, error);
    } finally {
      this.exports.trib_reset(handle);
      this.exports.trib_free(at);
    }
  }

  /** The database as a file. */
  export(): Uint8Array<ArrayBuffer> {
    const size = this.put(new Uint8Array(8));
    try {
      const at = this.exports.trib_export(this.db, size);
      if (at === 0) throw this.error();
      const length = new DataView(this.exports.memory.buffer).getFloat64(size, true);
      const copy = this.bytes(at, length).slice();
      this.exports.trib_sqlite_free(at);
      return copy;
    } finally {
      this.exports.trib_free(size);
    }
  }

  /** Replaces the content by that of a file. */
  import(file: Uint8Array): void {
    this.clearCache();
    const at = this.put(file);
    try {
      this.check(this.exports.trib_import(this.db, at, file.length));
    } finally {
      this.exports.trib_free(at);
    }
  }

  // --- Live queries (live.ts)

  /** Prepares `sql` anew and remembers, under `id`, what it reads. */
  watch(id: number, sql: string): Prepared {
    this.check(this.exports.trib_live_begin(this.db, id));
    let statements: Prepared[] = [];
    let code = 0;
    try {
      statements = [...this.statements(sql, true)];
    } finally {
      code = this.exports.trib_live_end(this.db);
    }
    const [statement] = statements;
    if (code === 0 && statements.length === 1 && statement!.readonly && statement!.columns.length > 0) return statement!;
    const error = code !== 0 ? this.error(sql) : new TributaryError('MISUSE', 'a live query is one SELECT', { sql });
    statements.forEach(({ handle }) => this.exports.trib_finalize(handle));
    this.unwatch(id);
    throw error;
  }

  /** All rows that query `id` reads of `table` have this value in `column`. */
  narrow(id: number, table: string, column: string, value: bigint | string): void {
    const isText = typeof value === 'string';
    const text = encoder.encode(isText ? value : '');
    const places = [this.put(encoder.encode(`${table}\0`)), this.put(encoder.encode(`${column}\0`)), this.put(text)];
    const [tableAt, columnAt, textAt] = places as [number, number, number];
    const code = this.exports.trib_live_narrow(this.db, id, tableAt, columnAt, isText ? 1 : 0, isText ? 0n : value,
      textAt, text.length);
    places.forEach((at) => this.exports.trib_free(at));
    this.check(code);
  }

  unwatch(id: number): void {
    this.exports.trib_live_remove(this.db, id);
  }

  finalize(statement: Prepared): void {
    this.exports.trib_finalize(statement.handle);
  }

  /** The ids of queries that changes since the last call may affect. */
  takeDirty(): number[] {
    this.check(this.exports.trib_live_dirty(this.db));
    return Array.from(new Int32Array(this.out().buffer));
  }

  // --- Sessions (session.ts)

  newSession(live: boolean): number {
    const session = this.exports.trib_session_new(this.db, live ? 1 : 0);
    if (session === 0) throw this.error();
    return session;
  }

  receive(session: number, data: Uint8Array): void {
    const at = this.put(data);
    try {
      this.check(this.exports.trib_session_receive(session, at, data.length));
    } finally {
      this.exports.trib_free(at);
    }
  }

  /** What the session has to say, taken from it. */
  sessionOutput(session: number): Uint8Array<ArrayBuffer> {
    const size = this.exports.trib_session_output_size(session);
    const copy = this.bytes(this.exports.trib_session_output(session), size).slice();
    this.exports.trib_session_consume(session, size);
    return copy;
  }

  /** The code and message with which it failed; code 0 if it did not. */
  sessionStatus(session: number): { code: number; message: string } {
    const code = this.exports.trib_session_status(session);
    return { code, message: decoder.decode(this.out()) };
  }

  sessionStats(session: number): string {
    this.check(this.exports.trib_session_stats(session));
    return decoder.decode(this.out());
  }
}
