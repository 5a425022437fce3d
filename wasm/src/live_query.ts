// A live query as the page sees it.
import { decodeValues, toObjects, type Numbers } from './codec.js';
import type { Result } from './protocol.js';

export interface Diff<T> {
  added: T[];
  removed: T[];
  changed: { before: T; after: T }[];
}

export interface LiveUpdate<T> {
  rows: T[];
  /**
   * What has changed since the update before. `key`: the columns that tell rows apart; without it
   * rows are compared whole, and none is ever `changed`. The order of rows is not compared.
   */
  diff(...key: (keyof T & string)[]): Diff<T>;
}

export type LiveCallback<T> = (rows: T[], update: LiveUpdate<T>) => void;

function identity(values: unknown[]): string {
  return JSON.stringify(values, (_, value: unknown) => {
    if (typeof value === 'bigint') return { bigint: String(value) };
    if (value instanceof Uint8Array) return { bytes: Array.from(value) };
    return typeof value === 'number' && (Object.is(value, -0) || !Number.isFinite(value)) ? { real: String(value) + 1 / value } : value;
  });
}

export function diffRows<T>(before: T[], after: T[], key: (keyof T & string)[]): Diff<T> {
  const whole = (row: T) => identity(Object.values(row as object));
  const keyOf = key.length === 0 ? whole : (row: T) => identity(key.map((column) => row[column]));
  const old = new Map<string, T[]>();
  for (const row of before) {
    const id = keyOf(row);
    const rows = old.get(id);
    if (rows === undefined) old.set(id, [row]);
    else rows.push(row);
  }
  const diff: Diff<T> = { added: [], removed: [], changed: [] };
  for (const row of after) {
    const was = old.get(keyOf(row))?.shift();
    if (was === undefined) diff.added.push(row);
    else if (whole(was) !== whole(row)) diff.changed.push({ before: was, after: row });
  }
  for (const rows of old.values()) diff.removed.push(...rows);
  return diff;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

export class LiveQuery<T> implements AsyncIterable<T[]> {
  /** As of the last update; undefined until the first. */
  rows: T[] | undefined;
  /** Why the query cannot run now, for instance as its table was dropped. */
  error: Error | undefined;
  /** When the first result is there; fails if the query cannot run. */
  readonly ready: Promise<this>;
  private last: Uint8Array | undefined;
  private closed = false;
  private news: (() => void)[] = [];
  private readonly callbacks = new Set<{ call: LiveCallback<T>; onError?: (error: Error) => void }>();

  /** @internal */
  constructor(first: Promise<Result>, private readonly numbers: Numbers, private readonly onClose: () => void) {
    this.ready = first.then((result) => {
      this.update(result);
      return this;
    });
    this.ready.catch((error: Error) => this.fail(error));
  }

  /** Calls back with each result from now on, first with the one that is there. Result: ends that. */
  subscribe(call: LiveCallback<T>, onError?: (error: Error) => void): () => void {
    const entry = onError === undefined ? { call } : { call, onError };
    this.callbacks.add(entry);
    if (this.rows !== undefined) {
      const rows = this.rows;
      call(rows, { rows, diff: (...key) => diffRows<T>([], rows, key) });
    }
    return () => this.callbacks.delete(entry);
  }

  /** Ends it. Loops over it end, too. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.onClose();
    this.wake();
  }

  /** Each result; a loop that is slow sees the last one only. */
  async *[Symbol.asyncIterator](): AsyncIterator<T[]> {
    let seen: T[] | undefined;
    while (!this.closed) {
      if (this.error !== undefined) throw this.error;
      if (this.rows !== undefined && this.rows !== seen) {
        seen = this.rows;
        yield seen;
      } else {
        await new Promise<void>((resolve) => this.news.push(resolve));
      }
    }
  }

  private wake(): void {
    for (const resolve of this.news.splice(0)) resolve();
  }

  /** @internal */
  update({ rows: bytes, columns }: Result): void {
    if (this.closed) return;
    this.error = undefined;
    // A new leader tells all.
    if (this.last !== undefined && sameBytes(this.last, bytes!)) return;
    this.last = bytes!;
    const before = this.rows ?? [];
    const rows = toObjects<T>(decodeValues(bytes!, this.numbers), columns!);
    this.rows = rows;
    this.wake();
    const update: LiveUpdate<T> = { rows, diff: (...key) => diffRows(before, rows, key) };
    for (const { call } of [...this.callbacks]) call(rows, update);
  }

  /** @internal */
  fail(error: Error): void {
    if (this.closed) return;
    this.error = error;
    this.last = undefined;
    this.wake();
    for (const { onError } of [...this.callbacks]) onError?.(error);
  }
}
