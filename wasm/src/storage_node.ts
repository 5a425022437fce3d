// A database's files in a folder, under Node.
import * as fs from 'node:fs';
import { TributaryError } from './errors.js';
import { fileNames, type Storage, type StorageFile } from './storage.js';

class NodeFile implements StorageFile {
  constructor(private readonly fd: number) {}
  read(to: Uint8Array, { at }: { at: number }): number {
    return fs.readSync(this.fd, to, 0, to.length, at);
  }
  write(from: Uint8Array, { at }: { at: number }): number {
    return fs.writeSync(this.fd, from, 0, from.length, at);
  }
  truncate(size: number): void {
    fs.ftruncateSync(this.fd, size);
  }
  flush(): void {
    fs.fdatasyncSync(this.fd);
  }
  getSize(): number {
    return fs.fstatSync(this.fd).size;
  }
  close(): void {
    fs.closeSync(this.fd);
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

// Node cannot lock files: a file with the process's number says who has it.
function takeLock(path: string): () => void {
  const lock = `${path}-lock`;
  for (let tries = 0; ; ++tries) {
    try {
      fs.writeFileSync(lock, String(process.pid), { flag: 'wx' });
      return () => fs.rmSync(lock, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || tries > 3) throw error;
    }
    const owner = Number(fs.readFileSync(lock, 'utf8'));
    if (isRunning(owner)) {
      throw new TributaryError('STORAGE', `database ${path} is open in process ${owner} (if not, remove ${lock})`);
    }
    fs.rmSync(lock, { force: true });
  }
}

/** The files PATH, PATH-journal and PATH-wal, for this process alone; SQLite's programs must not use them meanwhile. */
export function nodeStorage(path: string): Promise<Storage> {
  const files = new Map<string, StorageFile>();
  let release = () => {};
  try {
    release = takeLock(path);
    for (const suffix of fileNames) {
      const flags = fs.constants.O_RDWR | fs.constants.O_CREAT;
      files.set(`/db${suffix}`, new NodeFile(fs.openSync(path + suffix, flags, 0o644)));
    }
  } catch (error) {
    files.forEach((file) => file.close());
    release();
    if (error instanceof TributaryError) return Promise.reject(error);
    return Promise.reject(new TributaryError('STORAGE', `database ${path} cannot be opened: ${(error as Error).message}`));
  }
  const close = () => {
    files.forEach((file, name) => {
      const empty = file.getSize() === 0;
      file.close();
      if (empty && name !== '/db') fs.rmSync(path + name.slice(3), { force: true });
    });
    release();
  };
  return Promise.resolve({ kind: 'file', path: '/db', files, close });
}
