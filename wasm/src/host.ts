// What the module imports: glue/host.h, and the few functions of Emscripten's C library.
import type { Storage, StorageFile } from './storage.js';

export interface HostState {
  /** The module's memory; its buffer changes as it grows. */
  memory: WebAssembly.Memory | undefined;
  storage: Storage;
  /** Asked now and then while a statement runs: whether it is to end. */
  interrupted: () => boolean;
}

const decoder = new TextDecoder();

function isFull(error: unknown): boolean {
  const name = (error as { name?: string } | null)?.name;
  return name === 'QuotaExceededError' || (error as { code?: string } | null)?.code === 'ENOSPC';
}

function fileFunctions(state: HostState): Record<string, (...args: never[]) => number | void> {
  const open: StorageFile[] = [];
  const bytes = (at: number, size: number) => new Uint8Array(state.memory!.buffer, at >>> 0, size);
  const find = (at: number, size: number) => state.storage.files.get(decoder.decode(bytes(at, size)));
  const attempt = (body: () => void): number => {
    try {
      body();
      return 0;
    } catch (error) {
      console.error('tributary: storage', error);
      return isFull(error) ? 2 : 1;
    }
  };
  const writeAll = (file: StorageFile, from: Uint8Array, offset: number) => {
    for (let done = 0; done < from.length; ) {
      const written = file.write(from.subarray(done), { at: offset + done });
      if (written <= 0) throw new DOMException('no space left', 'QuotaExceededError');
      done += written;
    }
  };
  const readAll = (file: StorageFile, to: Uint8Array, offset: number): number => {
    let done = 0;
    while (done < to.length) {
      const got = file.read(to.subarray(done), { at: offset + done });
      if (got <= 0) break;
      done += got;
    }
    return done;
  };
  return {
    open: (path: number, length: number) => {
      const file = find(path, length);
      return file === undefined ? -1 : open.push(file) - 1;
    },
    close: () => {}, // the storage closes them all
    read: (handle: number, to: number, size: number, offset: number) => {
      let got = -1;
      attempt(() => (got = readAll(open[handle]!, bytes(to, size), offset)));
      return got;
    },
    write: (handle: number, from: number, size: number, offset: number) =>
      attempt(() => writeAll(open[handle]!, bytes(from, size), offset)),
    truncate: (handle: number, size: number) => (attempt(() => open[handle]!.truncate(size)) === 0 ? 0 : 1),
    sync: (handle: number) => attempt(() => open[handle]!.flush()),
    size: (handle: number) => {
      let size = -1;
      attempt(() => (size = open[handle]!.getSize()));
      return size;
    },
    remove: (path: number, length: number) => {
      const file = find(path, length);
      if (file === undefined) return 0;
      return attempt(() => {
        file.truncate(0);
        file.flush();
      }) === 0 ? 0 : 1;
    },
    exists: (path: number, length: number) => ((find(path, length)?.getSize() ?? 0) > 0 ? 1 : 0),
  };
}

// Emscripten's: only what the program calls on its way down is more than a formality.
function libraryFunctions(state: HostState): Record<string, Record<string, (...args: never[]) => unknown>> {
  const view = () => new DataView(state.memory!.buffer);
  return {
    env: {
      emscripten_notify_memory_growth: () => {},
      emscripten_asm_const_int: () => 0,
      emscripten_stack_snapshot: () => 0,
      emscripten_stack_unwind_buffer: () => 0,
    },
    wasi_snapshot_preview1: {
      clock_time_get: (_clock: number, _precision: bigint, out: number) => {
        view().setBigUint64(out, BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e6)), true);
        return 0;
      },
      fd_write: (_fd: number, vectors: number, count: number, written: number) => {
        let size = 0;
        for (let i = 0; i < count; ++i) size += view().getUint32(vectors + 8 * i + 4, true);
        view().setUint32(written, size, true);
        return 0;
      },
      proc_exit: (code: number) => {
        throw new Error(`the module ended with ${code}`);
      },
    },
  };
}

export function hostImports(state: HostState): WebAssembly.Imports {
  return {
    ...libraryFunctions(state),
    host: {
      ...fileFunctions(state),
      now: () => Date.now(),
      utcOffset: (ms: number) => new Date(ms).getTimezoneOffset(),
      random: (to: number, size: number) => {
        crypto.getRandomValues(new Uint8Array(state.memory!.buffer, to >>> 0, size));
      },
      interrupted: () => (state.interrupted() ? 1 : 0),
    },
  };
}
