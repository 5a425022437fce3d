// Sessions with other replicas (sync/session/README.md): over a WebSocket that is made here, or over
// a channel that the page has, whose bytes are passed on.
import type { Engine } from './engine.js';
import { TributaryError, type PlainError } from './errors.js';
import type { Event, Request, Result, SyncStats, SyncStatus } from './protocol.js';

const CLOSED = 1;
const FINISHED = 2;
const CAUGHT_UP = 8;
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 30_000;
// absl's codes after which trying again is of no use: the two cannot be synced, or may not.
const hopeless = new Set([3, 7, 9, 16]);

/** One replica to sync with, for one tab or several. */
class Link {
  session = 0;
  socket: WebSocket | undefined;
  status: SyncStatus = { state: 'connecting' };
  readonly watchers: { client: string; sync: number }[] = [];
  retry: ReturnType<typeof setTimeout> | undefined;
  failures = 0;
  reported = 0; // when its progress was last told
  /** What has come and is not read yet; the page's channel cannot wait. */
  readonly received: Uint8Array[] = [];

  constructor(readonly url: string | undefined, readonly token: string | undefined) {}
}

export class SyncSet {
  private readonly links: Link[] = [];

  constructor(
    private readonly engine: Engine,
    private readonly tell: (client: string, event: Event) => void,
    private readonly wake: () => void,
  ) {}

  perform(client: string, request: Request): Result {
    switch (request.op) {
      case 'sync':
        this.connect(client, request.sync, request.url, request.token);
        break;
      case 'peer': {
        const link = new Link(undefined, undefined);
        link.watchers.push({ client, sync: request.sync });
        this.links.push(link);
        this.begin(link);
        break;
      }
      case 'peerData': {
        // Empty: the channel has closed.
        const link = this.find(client, request.sync);
        if (link === undefined) break;
        if (request.data.length > 0) this.receive(link, request.data);
        else this.lost(link);
        break;
      }
      case 'unsync':
        this.leave(client, request.sync);
        break;
    }
    return {};
  }

  private find(client: string, sync: number): Link | undefined {
    return this.links.find(({ watchers }) => watchers.some((one) => one.client === client && one.sync === sync));
  }

  // Tabs that ask for one address share a connection.
  private connect(client: string, sync: number, url: string, token: string | undefined): void {
    let link = this.links.find((one) => one.url === url && one.token === token && one.status.state !== 'ended');
    if (link === undefined) {
      link = new Link(url, token);
      this.links.push(link);
      link.watchers.push({ client, sync });
      this.dial(link);
    } else {
      link.watchers.push({ client, sync });
      this.tell(client, { event: 'sync', sync, status: link.status });
    }
  }

  private leave(client: string, sync: number | undefined): void {
    for (const link of [...this.links]) {
      const kept = link.watchers.filter((one) => one.client !== client || (sync !== undefined && one.sync !== sync));
      if (kept.length === link.watchers.length) continue;
      link.watchers.splice(0, link.watchers.length, ...kept);
      if (kept.length === 0) this.drop(link);
    }
  }

  removeClient(client: string): void {
    this.leave(client, undefined);
  }

  close(): void {
    for (const link of [...this.links]) {
      this.report(link, { state: 'ended', error: { code: 'CLOSED', message: 'the database was closed or replaced' } });
      this.drop(link);
    }
  }

  private drop(link: Link): void {
    clearTimeout(link.retry);
    this.end(link);
    const at = this.links.indexOf(link);
    if (at >= 0) this.links.splice(at, 1);
  }

  private report(link: Link, status: SyncStatus): void {
    if (link.session !== 0) status.stats = JSON.parse(this.engine.sessionStats(link.session)) as SyncStats;
    link.status = status;
    link.reported = performance.now();
    for (const { client, sync } of link.watchers) this.tell(client, { event: 'sync', sync, status });
  }

  // The token travels as a subprotocol: a page can set no header.
  private dial(link: Link): void {
    this.report(link, { state: 'connecting' });
    let socket: WebSocket;
    try {
      const offered = link.token === undefined ? [] : ['tributary', `bearer.${link.token}`];
      socket = new WebSocket(link.url!, offered);
    } catch (error) {
      this.report(link, { state: 'ended', error: { code: 'MISUSE', message: `sync with ${link.url}: ${String(error)}` } });
      return;
    }
    link.socket = socket;
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => {
      if (link.socket !== socket) return;
      this.begin(link);
    };
    socket.onmessage = ({ data }) => {
      if (link.socket === socket && data instanceof ArrayBuffer) this.receive(link, new Uint8Array(data));
    };
    socket.onclose = ({ code, reason }) => {
      if (link.socket !== socket) return;
      const why = reason !== '' ? reason : `the connection to ${link.url} closed (${code})`;
      this.lost(link, { code: 'SYNC', message: why });
    };
  }

  private begin(link: Link): void {
    link.session = this.engine.newSession(true);
    this.report(link, { state: 'catching up' });
    this.wake();
  }

  private receive(link: Link, data: Uint8Array): void {
    link.received.push(data);
    this.wake();
  }

  private end(link: Link): void {
    if (link.session !== 0) this.engine.exports.trib_session_free(link.session);
    link.session = 0;
    link.received.length = 0;
    const { socket } = link;
    link.socket = undefined;
    socket?.close();
  }

  private lost(link: Link, error?: PlainError): void {
    const { url } = link;
    this.end(link);
    if (url === undefined || link.status.state === 'ended') {
      if (link.status.state !== 'ended') this.report(link, { state: 'ended', ...(error === undefined ? {} : { error }) });
      this.drop(link);
      return;
    }
    const retryMs = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** link.failures++) * (0.5 + Math.random() / 2);
    this.report(link, { state: 'offline', retryMs, ...(error === undefined ? {} : { error }) });
    link.retry = setTimeout(() => this.dial(link), retryMs);
  }

  /** Somebody may have written. */
  changed(): void {
    for (const { session } of this.links) if (session !== 0) this.engine.exports.trib_session_changed(session);
  }

  /** Before a request: what sessions read must not stand in the way of writes. */
  rest(): void {
    for (const { session } of this.links) if (session !== 0) this.engine.exports.trib_session_rest(session);
  }

  /** One step of each session; false if none had anything to do. Not inside a transaction. */
  work(): boolean {
    let worked = false;
    for (const link of [...this.links]) {
      if (link.session !== 0 && this.step(link)) worked = true;
    }
    return worked;
  }

  private step(link: Link): boolean {
    const { exports } = this.engine;
    const { session } = link;
    let worked = false;
    while (link.received.length > 0) {
      this.engine.receive(session, link.received.shift()!);
      worked = true;
    }
    const step = exports.trib_session_work(session);
    if (step < 0) throw new TributaryError('SQLITE_NOMEM', 'out of memory', { errno: 7 });
    worked ||= step > 0;
    const output = this.engine.sessionOutput(session);
    if (output.length > 0) this.send(link, output);
    this.judge(link, exports.trib_session_state(session), worked);
    if (worked) this.others(link);
    return worked;
  }

  // What one has brought is news for the others.
  private others(link: Link): void {
    for (const { session } of this.links) {
      if (session !== 0 && session !== link.session) this.engine.exports.trib_session_changed(session);
    }
  }

  private send(link: Link, data: Uint8Array<ArrayBuffer>): void {
    if (link.url !== undefined) link.socket?.send(data);
    else for (const { client, sync } of link.watchers) this.tell(client, { event: 'peerData', sync, data });
  }

  private judge(link: Link, state: number, worked: boolean): void {
    if ((state & CLOSED) !== 0) {
      const { code, message } = this.engine.sessionStatus(link.session);
      const error: PlainError = { code: 'SYNC', message };
      if ((state & FINISHED) !== 0) link.failures = 0;
      if (hopeless.has(code)) {
        this.report(link, { state: 'ended', error });
        this.end(link);
      } else {
        this.lost(link, (state & FINISHED) !== 0 ? undefined : error);
      }
    } else if ((state & CAUGHT_UP) !== 0) {
      link.failures = 0;
      if (link.status.state !== 'live' || (worked && performance.now() - link.reported > 200)) {
        this.report(link, { state: 'live' });
      }
    } else if (link.status.state !== 'catching up' || performance.now() - link.reported > 200) {
      this.report(link, { state: 'catching up' });
    }
  }
}
