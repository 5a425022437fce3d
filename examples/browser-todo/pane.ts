// One device: a form, a live list, a switch, and what has become of what was changed offline.
import type { Database, Diff, Sync, SyncStatus } from 'tributary';

interface Todo {
  id: string;
  text: string;
  done: number;
}

const words: Record<SyncStatus['state'], string> = {
  connecting: 'connecting', 'catching up': 'catching up', live: 'in sync', offline: 'hub not reachable', ended: 'offline',
};

export class Pane {
  readonly element: HTMLElement;
  onSwitch: (on: boolean) => void = () => {};
  private sync: Sync | undefined;
  private items = new Map<string, HTMLLIElement>();
  private settled: number | undefined;
  private readonly list: HTMLUListElement;
  /** What was written here while it was offline: whether it has lasted is told afterwards. */
  private readonly offlineEdits = new Map<string, Partial<Todo>>();
  private readonly notes = new Map<string, string>();

  constructor(name: string, readonly db: Database) {
    const template = document.getElementById('device') as HTMLTemplateElement;
    this.element = (template.content.cloneNode(true) as DocumentFragment).querySelector('section')!;
    this.list = this.element.querySelector('ul')!;
    this.element.querySelector('h2')!.textContent = name;
    const form = this.element.querySelector('form')!;
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const text = String(new FormData(form).get('text')).trim();
      if (text !== '') void db.exec('INSERT INTO todo(text, done) VALUES (?, 0)', [text]);
      form.reset();
    });
    const online = this.element.querySelector<HTMLInputElement>('.switch input')!;
    online.addEventListener('change', () => {
      this.element.querySelector('.label')!.textContent = online.checked ? 'online' : 'offline';
      this.onSwitch(online.checked);
    });
    this.connect(undefined);
    db.live<Todo>('SELECT id, text, done FROM todo ORDER BY id', [], (rows, update) => this.render(rows, update.diff('id')));
  }

  connect(sync: Sync | undefined): void {
    this.sync?.close();
    this.sync = sync;
    if (sync === undefined) this.showStatus({ state: 'ended' });
    sync?.subscribe((status) => this.sync === sync && this.showStatus(status));
  }

  private showStatus(status: SyncStatus): void {
    const badge = this.element.querySelector<HTMLElement>('.status')!;
    badge.dataset['state'] = status.state;
    badge.title = status.error?.message ?? '';
    badge.textContent = words[status.state];
    this.element.classList.toggle('offline', status.state === 'ended' || status.state === 'offline');
    // A while after both are back, who changes it has seen it.
    clearTimeout(this.settled);
    if (status.state === 'live') this.settled = window.setTimeout(() => this.offlineEdits.clear(), 5000);
  }

  private write(id: string, column: 'text' | 'done', value: string | number): void {
    if (this.sync === undefined || this.sync.status.state !== 'live') {
      this.offlineEdits.set(id, { ...this.offlineEdits.get(id), [column]: value });
    }
    this.notes.delete(id);
    void this.db.exec(`UPDATE todo SET ${column} = ? WHERE id = ?`, [value, id]);
  }

  private findClashes({ changed, removed }: Diff<Todo>): void {
    for (const { after } of changed) {
      const mine = this.offlineEdits.get(after.id);
      if (mine?.text !== undefined && mine.text !== after.text) {
        this.notes.set(after.id, `Changed on both: you had “${mine.text}”, the other side’s text won.`);
      }
    }
    for (const { id } of removed) this.notes.delete(id);
  }

  private render(rows: Todo[], diff: Diff<Todo>): void {
    this.findClashes(diff);
    const fresh = new Set([...diff.added, ...diff.changed.map(({ after }) => after)].map(({ id }) => id));
    for (const [id, item] of this.items) if (!rows.some((todo) => todo.id === id)) item.remove();
    this.items = new Map(rows.map((todo) => [todo.id, this.items.get(todo.id) ?? this.makeItem(todo)]));
    // Entries stay where they are: moved, they would lose the cursor.
    rows.forEach((todo, i) => {
      const item = this.items.get(todo.id)!;
      if (this.list.children[i] !== item) this.list.insertBefore(item, this.list.children[i] ?? null);
      this.fill(item, todo, fresh.has(todo.id));
    });
    const open = rows.filter(({ done }) => done === 0).length;
    this.element.querySelector('.summary')!.textContent =
      rows.length === 0 ? 'Nothing yet: add an entry.' : `${open} of ${rows.length} to be done · ${this.db.storage === 'opfs' ? 'stored on this device' : 'in memory only'}`;
  }

  private makeItem({ id }: Todo): HTMLLIElement {
    const item = document.createElement('li');
    const box = Object.assign(document.createElement('input'), { type: 'checkbox' });
    box.addEventListener('change', () => this.write(id, 'done', box.checked ? 1 : 0));
    const text = Object.assign(document.createElement('input'), { className: 'text', ariaLabel: 'Text' });
    text.addEventListener('change', () => this.write(id, 'text', text.value));
    const remove = Object.assign(document.createElement('button'), { type: 'button', textContent: '×' });
    remove.addEventListener('click', () => void this.db.exec('DELETE FROM todo WHERE id = ?', [id]));
    item.append(box, text, remove, Object.assign(document.createElement('p'), { className: 'note' }));
    return item;
  }

  private fill(item: HTMLLIElement, todo: Todo, fresh: boolean): void {
    const [box, text] = [...item.querySelectorAll('input')] as [HTMLInputElement, HTMLInputElement];
    box.checked = todo.done !== 0;
    box.ariaLabel = `Done: ${todo.text}`;
    if (text.defaultValue !== todo.text || document.activeElement !== text) text.value = todo.text;
    text.defaultValue = todo.text;
    item.querySelector('button')!.ariaLabel = `Remove ${todo.text}`;
    const note = this.notes.get(todo.id);
    item.querySelector('.note')!.textContent = note ?? '';
    item.classList.toggle('done', todo.done !== 0);
    item.classList.toggle('clash', note !== undefined);
    item.classList.toggle('arrived', fresh);
  }
}
