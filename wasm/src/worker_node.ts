// The worker under Node.
import { readFile } from 'node:fs/promises';
import { parentPort } from 'node:worker_threads';
import { Router } from './router.js';
import type { ToWorker } from './protocol.js';
import { nodeStorage } from './storage_node.js';

async function loadModule(given: WebAssembly.Module | string | undefined): Promise<WebAssembly.Module> {
  if (given instanceof WebAssembly.Module) return given;
  return WebAssembly.compile(new Uint8Array(await readFile(given ?? new URL('./tributary.wasm', import.meta.url))));
}

const port = parentPort!;
const router = new Router({ post: (message, transfer) => port.postMessage(message, transfer) }, {
  loadModule,
  fileStorage: nodeStorage,
});
port.on('message', (message: ToWorker) => router.receive(message));
