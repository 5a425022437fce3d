// Tributary under Node: one process has a file. To share it with other programs use the native
// extension (ext/SQL.md).
import { Worker } from 'node:worker_threads';
import { Database, type OpenOptions, type WorkerLike } from './database.js';
import type { FromWorker, ToWorker } from './protocol.js';

function startWorker(): WorkerLike {
  const worker = new Worker(new URL('./worker_node.js', import.meta.url), { execArgv: [] });
  return {
    postMessage: (message: ToWorker) => worker.postMessage(message),
    listen: (onMessage, onError) => {
      worker.on('message', (message: FromWorker) => onMessage(message));
      worker.on('error', (error: Error) => onError(error.message));
    },
    terminate: () => void worker.terminate(),
  };
}

/** Opens the database in the file `name`, which is made if it is not there. */
export async function open(name: string, options: OpenOptions = {}): Promise<Database> {
  const database = new Database(name, startWorker(), options);
  await database.opening(options.storage ?? 'file');
  return database;
}

export * from './api.js';
