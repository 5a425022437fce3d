// A connection to another replica as the page sees it.
import type { SyncStatus } from './protocol.js';

/** What bytes travel over: a MessagePort, an RTCDataChannel, or what has the same methods. */
export interface PeerChannel {
  send?(data: Uint8Array<ArrayBuffer>): void;
  postMessage?(message: unknown): void;
  addEventListener(type: 'message' | 'close' | 'open', listener: (event: MessageEvent) => void): void;
  removeEventListener(type: 'message' | 'close' | 'open', listener: (event: MessageEvent) => void): void;
  start?(): void;
  close?(): void;
  binaryType?: string;
  readyState?: string;
}

// What RTCDataChannel is sure to carry at once.
const PIECE = 16 << 10;

export class Sync {
  status: SyncStatus = { state: 'connecting' };
  private readonly listeners = new Set<(status: SyncStatus) => void>();

  /** @internal */
  constructor(private readonly onClose: () => void) {}

  /** Calls back at each change of the status, first with that of now. Result: ends that. */
  subscribe(listener: (status: SyncStatus) => void): () => void {
    this.listeners.add(listener);
    listener(this.status);
    return () => this.listeners.delete(listener);
  }

  /** When it is in this state; fails if it ends before. */
  reached(state: SyncStatus['state']): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = this.subscribe((status) => {
        if (status.state !== state && status.state !== 'ended') return;
        queueMicrotask(() => stop());
        if (status.state === state) resolve();
        else reject(new Error(`sync has ended: ${status.error?.message ?? 'it was closed'}`));
      });
    });
  }

  /** Ends it, at once. What was not exchanged is the next time. */
  close(): void {
    if (this.status.state === 'ended') return;
    this.onClose();
    this.update({ state: 'ended' });
  }

  /** @internal */
  update(status: SyncStatus): void {
    if (this.status.state === 'ended') return;
    this.status = status;
    for (const listener of [...this.listeners]) listener(status);
  }
}

/** @internal Passes bytes between a channel and the worker; empty ones say that it has closed. */
export class ChannelPipe {
  private readonly onMessage = ({ data }: MessageEvent) => {
    if (data === null) this.receive(new Uint8Array());
    else if (data instanceof ArrayBuffer) this.receive(new Uint8Array(data));
    else if (ArrayBuffer.isView(data)) this.receive(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    else if (data instanceof Blob) void data.arrayBuffer().then((buffer) => this.receive(new Uint8Array(buffer)));
  };
  private readonly onEnd = () => this.receive(new Uint8Array());
  private readonly backlog: Uint8Array[] = [];
  private readonly onOpen = () => {
    for (const data of this.backlog.splice(0)) this.send(data);
  };

  constructor(private readonly channel: PeerChannel, private readonly receive: (data: Uint8Array) => void) {
    if (channel.binaryType !== undefined) channel.binaryType = 'arraybuffer';
    channel.addEventListener('message', this.onMessage);
    channel.addEventListener('close', this.onEnd);
    channel.addEventListener('open', this.onOpen);
    channel.start?.();
  }

  send(data: Uint8Array): void {
    if (this.channel.readyState === 'connecting') {
      this.backlog.push(data);
      return;
    }
    if (this.channel.send === undefined) return this.channel.postMessage?.(data);
    for (let at = 0; at < data.length; at += PIECE) this.channel.send(data.slice(at, at + PIECE));
  }

  /** A port does not tell the other side that it closes: null does. The channel stays the caller's. */
  end(): void {
    this.channel.removeEventListener('message', this.onMessage);
    this.channel.removeEventListener('close', this.onEnd);
    this.channel.removeEventListener('open', this.onOpen);
    if (this.channel.send === undefined) this.channel.postMessage?.(null);
    else if (this.channel.readyState !== 'connecting') this.channel.close?.();
  }
}
