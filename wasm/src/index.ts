// Tributary in the browser. README.md has the API by example.
import { Database, type OpenOptions, type WorkerLike } from './database.js';
import type { FromWorker, ToWorker } from './protocol.js';

function createWorker(name: string): Worker {
  // Vite's development server copies this file elsewhere, and leaves behind what it refers to.
  const copied = /^(.*)\/\.vite\/deps\//.exec(import.meta.url);
  if (copied !== null) return new Worker(`${copied[1]}/tributary/worker.js`, { type: 'module' });
  // In this form bundlers see that the worker is part of the program.
  return new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name: `tributary ${name}` });
}

function startWorker(name: string): WorkerLike {
  const worker = createWorker(name);
  return {
    postMessage: (message: ToWorker) => worker.postMessage(message),
    listen: (onMessage, onError) => {
      worker.onmessage = ({ data }: MessageEvent<FromWorker>) => onMessage(data);
      worker.onerror = ({ message }) => onError(message ?? 'it cannot be loaded');
    },
    terminate: () => worker.terminate(),
  };
}

/** Opens a database, which is made if it is not there. Tabs that open one name share it. */
export async function open(name: string, options: OpenOptions = {}): Promise<Database> {
  const database = new Database(name, startWorker(name), options);
  await database.opening(options.storage ?? 'opfs');
  return database;
}

export * from './api.js';
