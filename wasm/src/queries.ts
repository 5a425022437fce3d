// Statements: what a database, a transaction and a prepared statement have in common.
import { decodeValues, encodeParams, toArrays, toObjects, type Numbers, type Params, type Value } from './codec.js';
import type { Request, Result } from './protocol.js';

export interface CallOptions {
  /** Ends the call with the signal's reason. What has begun to be written may still be written. */
  signal?: AbortSignal | undefined;
  /** How numbers are read and bound, in place of the database's setting. */
  numbers?: Numbers;
}

export interface ExecResult {
  /** Rows that the last statement inserted, updated or deleted, without those of triggers. */
  changes: number;
  lastInsertRowid: number | bigint;
}

export type Ask = (request: Request, signal: AbortSignal | undefined) => Promise<Result>;

/** A row as an object. */
export type Row = Record<string, Value>;

export class Queries {
  /** @internal */
  constructor(
    /** @internal */ readonly ask: Ask,
    /** @internal */ readonly numbers: Numbers,
    private readonly tx?: number,
  ) {}

  private get inTransaction(): { tx?: number } {
    return this.tx === undefined ? {} : { tx: this.tx };
  }

  /** @internal */
  run(sql: string, params: Params, options: CallOptions): Promise<Result> {
    const encoded = encodeParams([params], options.numbers ?? this.numbers);
    return this.ask({ op: 'run', sql, params: encoded, ...this.inTransaction }, options.signal);
  }

  /** Runs a statement, or, without parameters, any number of them. Rows are dropped. */
  async exec(sql: string, params?: Params, options: CallOptions = {}): Promise<ExecResult> {
    const result = params === undefined
      ? await this.ask({ op: 'script', sql, ...this.inTransaction }, options.signal)
      : await this.run(sql, params, options);
    const rowid = result.lastRowid ?? 0n;
    const small = rowid >= Number.MIN_SAFE_INTEGER && rowid <= Number.MAX_SAFE_INTEGER;
    const exact = (options.numbers ?? this.numbers) === 'exact';
    return { changes: result.changes ?? 0, lastInsertRowid: small && !exact ? Number(rowid) : rowid };
  }

  /**
   * Runs a statement once for each set of parameters, in one message: much faster than as many
   * calls. One that fails ends it; in a transaction those before it stay, else none. Result: how many.
   */
  async execMany(sql: string, rows: Iterable<Params>, options: CallOptions = {}): Promise<number> {
    const params = encodeParams(rows, options.numbers ?? this.numbers);
    return (await this.ask({ op: 'many', sql, params, ...this.inTransaction }, options.signal)).number ?? 0;
  }

  /** The rows of a statement as objects. Of columns that share a name only the last is seen. */
  async select<T = Row>(sql: string, params: Params = [], options: CallOptions = {}): Promise<T[]> {
    const { rows, columns } = await this.run(sql, params, options);
    return toObjects<T>(decodeValues(rows!, options.numbers ?? this.numbers), columns!);
  }

  /** The rows of a statement as arrays. */
  async selectArrays(sql: string, params: Params = [], options: CallOptions = {}): Promise<Value[][]> {
    const { rows, columns } = await this.run(sql, params, options);
    return toArrays(decodeValues(rows!, options.numbers ?? this.numbers), columns!.length);
  }

  /** The first column of the first row; undefined if there is none. */
  async selectValue<T extends Value = Value>(sql: string, params: Params = [], options: CallOptions = {}):
      Promise<T | undefined> {
    const { rows } = await this.run(sql, params, options);
    return decodeValues(rows!, options.numbers ?? this.numbers)[0] as T | undefined;
  }

  /** Checks a statement, and binds it to this object. The worker keeps it prepared while it is used. */
  async prepare<T = Row>(sql: string): Promise<Statement<T>> {
    const { columns } = await this.ask({ op: 'describe', sql, ...this.inTransaction }, undefined);
    return new Statement<T>(this, sql, columns ?? []);
  }
}

export class Statement<T = Row> {
  /** @internal */
  constructor(private readonly queries: Queries, readonly sql: string, readonly columns: readonly string[]) {}

  exec(params: Params = [], options?: CallOptions): Promise<ExecResult> {
    return this.queries.exec(this.sql, params, options);
  }
  execMany(rows: Iterable<Params>, options?: CallOptions): Promise<number> {
    return this.queries.execMany(this.sql, rows, options);
  }
  select(params: Params = [], options?: CallOptions): Promise<T[]> {
    return this.queries.select<T>(this.sql, params, options);
  }
}

let savepoints = 0;

/** A transaction that is open. It sees what it has written; nobody else does until it is committed. */
export class Transaction extends Queries {
  /** As a part of this one: if the function throws, what it has written is undone, and no more. */
  async transaction<R>(body: (tx: Transaction) => Promise<R>): Promise<R> {
    const name = `tributary_${++savepoints}`;
    await this.exec(`SAVEPOINT ${name}`);
    try {
      const result = await body(this);
      await this.exec(`RELEASE ${name}`);
      return result;
    } catch (error) {
      await this.exec(`ROLLBACK TO ${name}; RELEASE ${name}`).catch(() => {});
      throw error;
    }
  }
}
