// Where a database's files are: in memory, in the browser's private file system (OPFS), or, under
// Node, in a folder (storage_node.ts).
import { TributaryError } from './errors.js';

/** A file that is open for nobody else. The form is that of FileSystemSyncAccessHandle. */
export interface StorageFile {
  /** Bytes read: fewer at the end. */
  read(to: Uint8Array, options: { at: number }): number;
  write(from: Uint8Array, options: { at: number }): number;
  truncate(size: number): void;
  /** Returns when all that was written is on the device. */
  flush(): void;
  getSize(): number;
  close(): void;
}

/** The files of one database: itself, its rollback journal and its WAL, all open from the start. */
export interface Storage {
  readonly kind: 'memory' | 'opfs' | 'file';
  /** What SQLite opens. */
  readonly path: string;
  readonly files: ReadonlyMap<string, StorageFile>;
  close(): void;
}

/**
 * Gathers writes that follow each other, as a browser takes long for each, and SQLite writes a WAL in
 * pieces of a page. They are passed on before anything else is asked of the file.
 */
export class GatheringFile implements StorageFile {
  private readonly buffer = new Uint8Array(1 << 18);
  private start = 0;
  private size = 0;

  constructor(private readonly file: StorageFile) {}

  private pass(): void {
    let done = 0;
    const size = this.size;
    this.size = 0; // also where it fails: SQLite is told, and rolls back
    while (done < size) {
      const written = this.file.write(this.buffer.subarray(done, size), { at: this.start + done });
      if (written <= 0) throw new DOMException('no space left', 'QuotaExceededError');
      done += written;
    }
  }

  write(from: Uint8Array, { at }: { at: number }): number {
    if (this.size > 0 && (at !== this.start + this.size || this.size + from.length > this.buffer.length)) this.pass();
    if (from.length > this.buffer.length) return this.file.write(from, { at });
    if (this.size === 0) this.start = at;
    this.buffer.set(from, this.size);
    this.size += from.length;
    return from.length;
  }

  read(to: Uint8Array, { at }: { at: number }): number {
    this.pass();
    return this.file.read(to, { at });
  }
  truncate(size: number): void {
    this.pass();
    this.file.truncate(size);
  }
  flush(): void {
    this.pass();
    this.file.flush();
  }
  getSize(): number {
    this.pass();
    return this.file.getSize();
  }
  close(): void {
    try {
      this.pass();
    } finally {
      this.file.close();
    }
  }
}

/** SQLite's own memory: no files at all. */
export function memoryStorage(): Storage {
  return { kind: 'memory', path: ':memory:', files: new Map(), close: () => {} };
}

export const fileNames = ['', '-journal', '-wal'] as const;

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

// The browser lets go of a dead tab's files a moment after its lock.
async function openHandle(folder: FileSystemDirectoryHandle, name: string): Promise<FileSystemSyncAccessHandle> {
  const file = await folder.getFileHandle(name, { create: true });
  for (let tries = 0; ; ++tries) {
    try {
      return await file.createSyncAccessHandle();
    } catch (error) {
      const held = error instanceof DOMException && error.name === 'NoModificationAllowedError';
      if (!held || tries >= 200) throw error;
      await wait(20);
    }
  }
}

/** Whether this worker has OPFS; it may still be refused, as in private windows. */
export function hasOpfs(): boolean {
  return typeof FileSystemFileHandle !== 'undefined' && 'createSyncAccessHandle' in FileSystemFileHandle.prototype &&
    typeof navigator.storage?.getDirectory === 'function';
}

async function folderOf(name: string): Promise<FileSystemDirectoryHandle> {
  const root = await navigator.storage.getDirectory();
  const all = await root.getDirectoryHandle('tributary', { create: true });
  return all.getDirectoryHandle(encodeURIComponent(name), { create: true });
}

/** Throws STORAGE where the browser refuses, and who else may hold it. */
export async function opfsStorage(name: string): Promise<Storage> {
  const files = new Map<string, StorageFile>();
  const close = () => files.forEach((file) => file.close());
  try {
    const folder = await folderOf(name);
    for (const suffix of fileNames) {
      files.set(`/db${suffix}`, new GatheringFile(await openHandle(folder, `db${suffix}`)));
    }
  } catch (error) {
    close();
    throw new TributaryError('STORAGE', `database ${name} cannot be opened in the browser's file system: ` +
      `${error instanceof Error ? error.message : String(error)}`);
  }
  return { kind: 'opfs', path: '/db', files, close };
}
