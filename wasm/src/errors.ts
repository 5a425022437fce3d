// Errors as the page sees them, and as they travel from the worker.

const primary = ('OK ERROR INTERNAL PERM ABORT BUSY LOCKED NOMEM READONLY INTERRUPT IOERR CORRUPT NOTFOUND ' +
  'FULL CANTOPEN PROTOCOL EMPTY SCHEMA TOOBIG CONSTRAINT MISMATCH MISUSE NOLFS AUTH FORMAT RANGE NOTADB')
  .split(' ');
const extended: Record<string, string> = {
  CONSTRAINT: 'CHECK COMMITHOOK FOREIGNKEY FUNCTION NOTNULL PRIMARYKEY TRIGGER UNIQUE VTAB ROWID PINNED DATATYPE',
  IOERR: 'READ SHORT_READ WRITE FSYNC DIR_FSYNC TRUNCATE FSTAT UNLOCK RDLOCK DELETE',
};

/** The name of SQLite's result code, such as `SQLITE_CONSTRAINT_UNIQUE`. */
export function codeName(code: number): `SQLITE_${string}` {
  const name = primary[code & 0xff] ?? 'ERROR';
  const detail = extended[name]?.split(' ')[(code >> 8) - 1];
  return `SQLITE_${name}${detail ? `_${detail}` : ''}`;
}

/**
 * `SQLITE_*`: SQLite's, see https://sqlite.org/rescode.html. The others:
 * - `MISUSE`: the call cannot work as it is.
 * - `CLOSED`: the database was closed.
 * - `STORAGE`: the storage cannot be opened, or another program holds it.
 * - `LEADER_LOST`: the tab that led has gone in the middle of this, and it was not done: do it again.
 * - `FAILED`: the worker or module broke down; what was acknowledged is stored, open it anew.
 * - `SYNC`: the other side of a sync refused it.
 */
export type ErrorCode = `SQLITE_${string}` | 'MISUSE' | 'CLOSED' | 'STORAGE' | 'LEADER_LOST' | 'FAILED' | 'SYNC';

export interface ErrorDetails {
  /** SQLite's extended result code; 0 where the error is not SQLite's. */
  errno?: number;
  /** The statement that failed. */
  sql?: string | undefined;
  /** Where in it, in UTF-8 bytes; -1 if SQLite does not say. */
  offset?: number;
}

export class TributaryError extends Error {
  override readonly name = 'TributaryError';
  readonly errno: number;
  readonly sql: string | undefined;
  readonly offset: number;

  constructor(readonly code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message);
    this.errno = details.errno ?? 0;
    this.sql = details.sql;
    this.offset = details.offset ?? -1;
  }
}

/** An error as a message. */
export interface PlainError extends ErrorDetails {
  code: ErrorCode | 'ABORTED';
  message: string;
}

export function toPlain(error: unknown): PlainError {
  if (error instanceof TributaryError) {
    const { code, message, errno, sql, offset } = error;
    return { code, message, errno, offset, sql };
  }
  return { code: 'FAILED', message: error instanceof Error ? error.message : String(error) };
}

export function fromPlain(error: PlainError): Error {
  if (error.code === 'ABORTED') return new DOMException(error.message, 'AbortError');
  return new TributaryError(error.code, error.message, error);
}
