// The browser's worker.
import { Router } from './router.js';
import type { ToWorker } from './protocol.js';

declare const self: DedicatedWorkerGlobalScope;

async function loadModule(given: WebAssembly.Module | string | undefined): Promise<WebAssembly.Module> {
  if (given instanceof WebAssembly.Module) return given;
  const url = given ?? new URL('./tributary.wasm', import.meta.url);
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${String(url)} cannot be loaded: ${response.status} ${response.statusText}`);
  if (response.headers.get('content-type')?.startsWith('application/wasm')) return WebAssembly.compileStreaming(response);
  return WebAssembly.compile(await response.arrayBuffer());
}

const router = new Router({ post: (message, transfer) => self.postMessage(message, transfer) }, { loadModule });
self.onmessage = ({ data }: MessageEvent<ToWorker>) => router.receive(data);
