// A tab's worker: passes its page's requests to the connection. Where several tabs have one database,
// the one that holds the lock leads, and has the connection; the workers of the others send theirs to
// it by BroadcastChannel.
//
// Locks (Web Locks, which the browser takes from a tab that dies): `tributary:NAME` is the leader's;
// `tributary:NAME:CLIENT` is held by each worker as long as it lives. Channels have the same names:
// the first is read by the leader, the others by their clients, and `tributary:NAME:all` by all.
//
// When the leader dies, the next in line opens the files, announces itself, and is sent all that was
// not answered. What its predecessor has done but not acknowledged is known by a note in the database
// (Executor) and is not done twice; a transaction that was open is lost, and its owner is told so.
import { Engine } from './engine.js';
import { TributaryError, toPlain } from './errors.js';
import { Executor } from './executor.js';
import type { Event, FromWorker, Request, StorageKind, ToWorker } from './protocol.js';
import { transferables } from './protocol.js';
import type { Storage } from './storage.js';
import { hasOpfs, memoryStorage, opfsStorage } from './storage.js';

export interface Port {
  post(message: FromWorker, transfer: ArrayBuffer[]): void;
}

/** What differs between browsers and Node. */
export interface Platform {
  loadModule(given: WebAssembly.Module | string | undefined): Promise<WebAssembly.Module>;
  fileStorage?(name: string): Promise<Storage>;
}

type ToLeader = { hello: string } | { client: string; id: number; request: Request } | { client: string; cancel: number };
type ToClient = { leader: string } | { id: number; reply: FromWorker } | { event: Event };

const never = new Promise<never>(() => {});

export class Router {
  private readonly client = crypto.randomUUID();
  private lock = '';
  private module: Promise<WebAssembly.Module> | undefined;
  private storage: Storage | undefined;
  private engine: Engine | undefined;
  private executor: Executor | undefined;
  private releaseLocks: () => void = () => {};
  private toLeader: BroadcastChannel | undefined;
  private inbox: BroadcastChannel | undefined;
  private announcements: BroadcastChannel | undefined;
  private leader = '';
  private ready: () => void = () => {};
  private readonly clients = new Map<string, { channel: BroadcastChannel; seen: Set<number> }>();
  /** Not answered yet. */
  private readonly pending = new Map<number, Request>();
  /** Live queries and connections: asked for again of each leader. */
  private readonly standing = new Map<string, Request>();

  constructor(private readonly port: Port, private readonly platform: Platform) {}

  private post(message: FromWorker): void {
    this.port.post(message, 'openError' in message ? [] : transferables(message as Event));
  }

  receive(message: ToWorker): void {
    if ('open' in message) {
      const { name, storage, wasm } = message.open;
      this.open(name, storage, wasm).then(
        (opened) => this.post({ opened }),
        (error: unknown) => {
          this.close();
          this.post({ openError: toPlain(error) });
        },
      );
    } else if ('request' in message) {
      this.request(message.id, message.request);
    } else if ('cancel' in message) {
      this.executor?.cancel(this.client, message.cancel);
      if (this.executor === undefined) this.send({ client: this.client, cancel: message.cancel });
    } else {
      this.close();
      this.post({ closed: true });
    }
  }

  // --- Opening

  private async open(name: string, wanted: StorageKind, wasm: WebAssembly.Module | string | undefined):
      Promise<{ storage: StorageKind; warning?: string }> {
    this.module = this.platform.loadModule(wasm);
    if (wanted === 'file') {
      if (this.platform.fileStorage === undefined) {
        throw new TributaryError('STORAGE', `database ${name}: there are no files in a browser, use storage 'opfs'`);
      }
      await this.lead(await this.platform.fileStorage(name));
      return { storage: wanted };
    }
    if (wanted === 'opfs' && hasOpfs() && typeof navigator.locks !== 'undefined') {
      await this.join(name);
      return { storage: wanted };
    }
    await this.lead(memoryStorage());
    if (wanted === 'memory') return { storage: wanted };
    return { storage: 'memory', warning: `database ${name} is in memory and will be gone with this page: the browser ` +
      'offers no private file system here (it needs a secure context, and no private window)' };
  }

  private async lead(storage: Storage): Promise<void> {
    const module = await this.module!;
    try {
      this.engine = new Engine(module, storage);
    } catch (error) {
      storage.close();
      throw error;
    }
    this.storage = storage;
    this.executor = new Executor(this.engine, (client, event) => this.tell(client, event), (error) => {
      this.post({ event: 'failed', error });
      this.engine = undefined; // not to be called again; its files are given to the next leader
      this.close();
    });
  }

  // Resolves when there is a leader.
  private async join(name: string): Promise<void> {
    this.lock = `tributary:${encodeURIComponent(name)}`;
    const alive = new Promise<void>((resolve) => (this.releaseLocks = resolve));
    const own = `${this.lock}:${this.client}`;
    void navigator.locks.request(own, () => alive);
    this.inbox = new BroadcastChannel(own);
    this.inbox.onmessage = ({ data }) => this.fromLeader(data as ToClient);
    this.announcements = new BroadcastChannel(`${this.lock}:all`);
    this.announcements.onmessage = ({ data }) => this.fromLeader(data as ToClient);
    this.toLeader = new BroadcastChannel(this.lock);
    await new Promise<void>((resolve, reject) => {
      this.ready = resolve;
      void navigator.locks.request(this.lock, async () => {
        try {
          await this.lead(await opfsStorage(name));
        } catch (error) {
          if (this.leader !== '') this.post({ event: 'failed', error: toPlain(error) });
          reject(error);
          return;
        }
        this.beginToLead();
        await Promise.race([alive, never]);
      });
      this.send({ hello: this.client });
    });
  }

  private beginToLead(): void {
    this.toLeader!.close();
    this.toLeader = new BroadcastChannel(this.lock);
    this.toLeader.onmessage = ({ data }) => this.fromClient(data as ToLeader);
    this.leader = this.client;
    this.announcements!.postMessage({ leader: this.client } satisfies ToClient);
    this.post({ event: 'leader', leading: true });
    for (const request of this.standing.values()) this.restand(request);
    for (const [id, request] of this.pending) this.perform(id, request, true);
    this.ready();
    setTimeout(() => void this.tidy(), 5000);
  }

  // Notes of what was done outlive the leader that would have removed them.
  private async tidy(): Promise<void> {
    const { held } = await navigator.locks.query();
    const prefix = `${this.lock}:`;
    const alive = (held ?? []).flatMap(({ name }) => (name?.startsWith(prefix) ? [name.slice(prefix.length)] : []));
    this.executor?.keepOnly(alive);
  }

  // --- As one who follows

  private send(message: ToLeader): void {
    this.toLeader?.postMessage(message);
  }

  private fromLeader(message: ToClient): void {
    if (this.executor !== undefined) return;
    if ('leader' in message) {
      const first = this.leader === '';
      if (this.leader === message.leader) return;
      this.leader = message.leader;
      if (!first) for (const request of this.standing.values()) this.restand(request);
      for (const [id, request] of this.pending) this.send({ client: this.client, id, request });
      this.post({ event: 'leader', leading: false });
      this.ready();
    } else if ('event' in message) {
      this.post(message.event);
    } else if (this.pending.delete(message.id)) {
      this.post(message.reply);
    } else {
      this.restood(message.id, message.reply);
    }
  }

  // --- As the leader

  private fromClient(message: ToLeader): void {
    if (this.executor === undefined) return;
    const name = 'hello' in message ? message.hello : message.client;
    const client = this.clientOf(name);
    if ('hello' in message) {
      client.channel.postMessage({ leader: this.client } satisfies ToClient);
    } else if ('cancel' in message) {
      this.executor.cancel(name, message.cancel);
    } else {
      const { id, request } = message;
      if (client.seen.has(id)) return; // sent again as this tab announced itself
      client.seen.add(id);
      if (client.seen.size > 10_000) client.seen.delete(client.seen.values().next().value!);
      void this.executor.submit(name, id, request, true).then((reply) => {
        if (this.executor === undefined) return; // the next leader is asked
        client.channel.postMessage({ id, reply: { id, ...reply } } satisfies ToClient);
      });
    }
  }

  private clientOf(name: string): { channel: BroadcastChannel; seen: Set<number> } {
    let client = this.clients.get(name);
    if (client === undefined) {
      client = { channel: new BroadcastChannel(`${this.lock}:${name}`), seen: new Set() };
      this.clients.set(name, client);
      // Granted when it has gone.
      void navigator.locks.request(`${this.lock}:${name}`, () => {
        this.executor?.clientGone(name);
        this.clients.get(name)?.channel.close();
        this.clients.delete(name);
      });
    }
    return client;
  }

  private tell(client: string, event: Event): void {
    if (client === this.client) this.post(event);
    else if (this.executor !== undefined) this.clientOf(client).channel.postMessage({ event } satisfies ToClient);
  }

  // --- Requests of the page

  private request(id: number, request: Request): void {
    if (request.op === 'live') this.standing.set(`live ${request.live}`, request);
    if (request.op === 'sync') this.standing.set(`sync ${request.sync}`, request);
    if (request.op === 'peer') this.standing.set(`sync ${request.sync}`, request);
    if (request.op === 'unlive') this.standing.delete(`live ${request.live}`);
    if (request.op === 'unsync') this.standing.delete(`sync ${request.sync}`);
    if (this.executor !== undefined) return this.perform(id, request, false);
    this.pending.set(id, request);
    if (this.leader !== '') this.send({ client: this.client, id, request });
  }

  private perform(id: number, request: Request, once: boolean): void {
    void this.executor!.submit(this.client, id, request, once).then((reply) => {
      this.pending.delete(id);
      this.post({ id, ...reply });
    });
  }

  private nextStanding = -1;
  private readonly restanding = new Map<number, Request>();

  // Asks the new leader for what the old one was asked for.
  private restand(request: Request): void {
    if (request.op === 'peer') {
      // The other side would take a new session's bytes for those of the old one.
      this.standing.delete(`sync ${request.sync}`);
      const error = { code: 'LEADER_LOST' as const, message: 'the tab that led has gone: call peer() again, on a new channel' };
      return this.post({ event: 'sync', sync: request.sync, status: { state: 'ended', error } });
    }
    const id = this.nextStanding--;
    this.restanding.set(id, request);
    if (this.executor === undefined) return this.send({ client: this.client, id, request });
    void this.executor.submit(this.client, id, request, false).then((reply) => this.restood(id, { id, ...reply }));
  }

  private restood(id: number, reply: FromWorker): void {
    const request = this.restanding.get(id);
    if (request?.op !== 'live' || !this.restanding.delete(id)) return;
    const { live } = request;
    if ('result' in reply) this.post({ event: 'live', live, result: reply.result });
    else if ('error' in reply) this.post({ event: 'liveError', live, error: reply.error });
  }

  // --- The end

  private close(): void {
    const { executor } = this;
    this.executor = undefined;
    executor?.close();
    this.engine?.close();
    this.storage?.close();
    this.inbox?.close();
    this.announcements?.close();
    this.toLeader?.close();
    this.clients.forEach(({ channel }) => channel.close());
    this.releaseLocks();
  }
}
