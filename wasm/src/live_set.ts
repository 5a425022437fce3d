// The live queries of all tabs, run where the connection is: after each transaction those that it
// may affect, and told only if their result is another.
import type { Engine, Prepared } from './engine.js';
import { toPlain } from './errors.js';
import { narrow } from './narrow.js';
import type { Event, Result } from './protocol.js';

interface Query {
  client: string;
  live: number;
  sql: string;
  params: Uint8Array;
  statement: Prepared | undefined; // undefined: it failed, and is tried when the schema changes
  last: Uint8Array | undefined;
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; ++i) if (a[i] !== b[i]) return false;
  return true;
}

export class LiveSet {
  private readonly queries = new Map<number, Query>();
  private nextId = 1;
  private schema = '';

  constructor(private readonly engine: Engine, private readonly tell: (client: string, event: Event) => void) {}

  /** Result: its rows as of now. */
  add(client: string, live: number, sql: string, params: Uint8Array): Result {
    this.remove(client, live);
    const id = this.nextId++;
    const query: Query = { client, live, sql, params, statement: undefined, last: undefined };
    if (this.queries.size === 0) this.schema = this.readSchema();
    query.statement = this.watch(id, query);
    this.queries.set(id, query);
    try {
      return this.run(query, query.statement);
    } catch (error) {
      this.drop(id);
      throw error;
    }
  }

  private watch(id: number, { sql, params }: Query): Prepared {
    const statement = this.engine.watch(id, sql);
    const only = narrow(sql, params);
    if (only !== undefined) this.engine.narrow(id, only.table, only.column, only.value);
    return statement;
  }

  remove(client: string, live: number): void {
    for (const [id, query] of this.queries) if (query.client === client && query.live === live) this.drop(id);
  }

  removeClient(client: string): void {
    for (const [id, query] of this.queries) if (query.client === client) this.drop(id);
  }

  private drop(id: number): void {
    const query = this.queries.get(id);
    if (query === undefined) return;
    if (query.statement !== undefined) this.engine.finalize(query.statement);
    this.engine.unwatch(id);
    this.queries.delete(id);
  }

  /** Before the content is replaced. */
  release(): void {
    for (const [id, query] of this.queries) {
      if (query.statement !== undefined) this.engine.finalize(query.statement);
      this.engine.unwatch(id);
      query.statement = undefined;
    }
    this.schema = '';
  }

  /** After that. */
  restore(): void {
    this.flush();
  }

  private readSchema(): string {
    return [...this.engine.collect(this.engine.prepare('PRAGMA schema_version'), undefined)].join();
  }

  private run(query: Query, statement: Prepared): Result {
    let rows = new Uint8Array();
    for (const slice of this.engine.collect(statement, query.params, 1 << 30)) {
      if (rows.length === 0) {
        rows = slice;
      } else {
        const all = new Uint8Array(rows.length + slice.length);
        all.set(rows);
        all.set(slice, rows.length);
        rows = all;
      }
    }
    query.last = rows.slice(); // the rows are handed over
    return { columns: statement.columns, rows };
  }

  /** After each transaction. */
  flush(): void {
    if (this.queries.size === 0) return;
    const schema = this.readSchema();
    if (schema !== this.schema) {
      this.schema = schema;
      for (const [id, query] of this.queries) this.rewatch(id, query);
      this.engine.takeDirty();
      return;
    }
    for (const id of this.engine.takeDirty()) {
      const query = this.queries.get(id);
      if (query?.statement !== undefined) this.refresh(query, query.statement);
    }
  }

  private rewatch(id: number, query: Query): void {
    if (query.statement !== undefined) this.engine.finalize(query.statement);
    query.statement = undefined;
    try {
      query.statement = this.watch(id, query);
      this.refresh(query, query.statement);
    } catch (error) {
      query.last = undefined;
      this.tell(query.client, { event: 'liveError', live: query.live, error: toPlain(error) });
    }
  }

  private refresh(query: Query, statement: Prepared): void {
    const { client, live, last } = query;
    try {
      const result = this.run(query, statement);
      if (last === undefined || !same(last, query.last!)) this.tell(client, { event: 'live', live, result });
    } catch (error) {
      query.last = undefined;
      this.tell(client, { event: 'liveError', live, error: toPlain(error) });
    }
  }
}
