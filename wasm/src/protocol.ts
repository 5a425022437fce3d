// What page and worker, and the workers of several tabs, say to each other. All of it can be cloned.
import type { PlainError } from './errors.js';

export type StorageKind = 'memory' | 'opfs' | 'file';

/** A number of a transaction that is open; the request belongs to it. */
type InTransaction = { tx?: number };

export type Request =
  | ({ op: 'run'; sql: string; params?: Uint8Array } & InTransaction)
  | ({ op: 'script'; sql: string } & InTransaction)
  | ({ op: 'many'; sql: string; params: Uint8Array } & InTransaction)
  | ({ op: 'describe'; sql: string } & InTransaction)
  | { op: 'begin' }
  | { op: 'commit' | 'rollback'; tx: number }
  | { op: 'export' }
  | { op: 'import'; file: Uint8Array }
  | { op: 'live'; live: number; sql: string; params: Uint8Array }
  | { op: 'unlive'; live: number }
  | { op: 'sync'; sync: number; url: string; token?: string }
  | { op: 'peer'; sync: number }
  | { op: 'peerData'; sync: number; data: Uint8Array }
  | { op: 'unsync'; sync: number };

/** Rows are encoded (codec.ts); every request has this one kind of result. */
export interface Result {
  columns?: readonly string[];
  rows?: Uint8Array<ArrayBuffer>;
  changes?: number;
  lastRowid?: bigint;
  /** A transaction's number, or how often a statement ran. */
  number?: number;
}

export interface Traffic {
  changesets: number;
  transactions: number;
  rows: number;
  bytes: number;
  committed: number;
}

export interface SyncStats {
  sent: Traffic;
  received: Traffic;
  rowsChanged: number;
}

export interface SyncStatus {
  /**
   * `live`: each has all that the other had when it last looked. `offline`: tried again after
   * `retryMs`. `ended`: it will not be tried again.
   */
  state: 'connecting' | 'catching up' | 'live' | 'offline' | 'ended';
  error?: PlainError;
  retryMs?: number;
  stats?: SyncStats;
}

/** What is told without being asked. */
export type Event =
  | { event: 'live'; live: number; result: Result }
  | { event: 'liveError'; live: number; error: PlainError }
  | { event: 'sync'; sync: number; status: SyncStatus }
  | { event: 'peerData'; sync: number; data: Uint8Array }
  | { event: 'leader'; leading: boolean }
  | { event: 'failed'; error: PlainError };

export type ToWorker =
  | { open: { name: string; storage: StorageKind; wasm?: WebAssembly.Module | string } }
  | { id: number; request: Request }
  | { cancel: number }
  | { close: true };

export type FromWorker =
  | { opened: { storage: StorageKind; warning?: string } }
  | { openError: PlainError }
  | { id: number; result: Result }
  | { id: number; error: PlainError }
  | { closed: true }
  | Event;

/** The bytes that a message can hand over instead of copying them. */
export function transferables(message: { result?: Result } | Event): ArrayBuffer[] {
  const rows = 'result' in message ? message.result?.rows : undefined;
  return rows === undefined ? [] : [rows.buffer];
}
