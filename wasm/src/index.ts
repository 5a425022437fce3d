// Tributary in the browser. README.md has the API by example.
import { Database, type OpenOptions, type WorkerLike } from './database.js';
import type { FromWorker, ToWorker } from './protocol.js';

function startWorker(name: string): WorkerLike {
  // In this form bundlers see that the worker is part of the program.
  const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name: `tributary ${name}` });
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
