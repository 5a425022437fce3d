// What both packages' entries export beside open().
export { Real, real, type Numbers, type Param, type Params, type Value } from './codec.js';
export { Database, type OpenOptions } from './database.js';
export { TributaryError, type ErrorCode, type ErrorDetails } from './errors.js';
export { LiveQuery, type Diff, type LiveCallback, type LiveUpdate } from './live_query.js';
export type { StorageKind, SyncStats, SyncStatus, Traffic } from './protocol.js';
export { Statement, Transaction, type CallOptions, type ExecResult, type Row } from './queries.js';
export { Sync, type PeerChannel } from './sync.js';
