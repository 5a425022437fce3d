// Which rows a simple query can see: of `SELECT ... FROM t WHERE list = ?1 AND ...` only those of one
// list, so that changes of others need not run it again. Whatever is not understood narrows nothing.
import { decodeValues, type Value } from './codec.js';

export interface Narrowing {
  table: string;
  column: string;
  value: bigint | string;
}

const token = /\s+|--[^\n]*|\/\*[\s\S]*?\*\/|("(?:[^"]|"")*"|\[[^\]]*\]|`(?:[^`]|``)*`)|('(?:[^']|'')*')|(\?\d*|[:@$]\w+)|([A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)|(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(<>|<=|>=|==|!=|\|\||[^\s])/gy;

type Kind = 'name' | 'string' | 'parameter' | 'word' | 'number' | 'sign';
interface Token {
  kind: Kind;
  text: string;
}
const kinds: Kind[] = ['name', 'string', 'parameter', 'word', 'number', 'sign'];

function tokenize(sql: string): Token[] {
  const tokens: Token[] = [];
  for (const match of sql.matchAll(token)) {
    const at = match.slice(1).findIndex((group) => group !== undefined);
    if (at >= 0) tokens.push({ kind: kinds[at]!, text: match[at + 1]! });
  }
  return tokens;
}

function nameOf({ kind, text }: Token): string | undefined {
  if (kind === 'word') return text;
  if (kind !== 'name') return undefined;
  const quote = text.at(-1)!;
  return quote === ']' ? text.slice(1, -1) : text.slice(1, -1).replaceAll(quote + quote, quote);
}

// The values by the numbers that SQLite gives parameters, and by names.
function parameterValue(tokens: Token[], at: number, params: Uint8Array): Value | undefined {
  if (params.some((byte) => byte === 7)) return undefined; // it may be a name
  const values = decodeValues(params.subarray(0, params.length - 1), 'exact');
  let last = 0;
  const names = new Map<string, number>();
  for (let i = 0; ; ++i) {
    const { kind, text } = tokens[i]!;
    if (kind !== 'parameter') continue;
    let number: number;
    if (text === '?') number = ++last;
    else if (text.startsWith('?')) number = Number(text.slice(1));
    else number = names.get(text) ?? last + 1;
    names.set(text, text === '?' ? 0 : number);
    last = Math.max(last, number);
    if (i === at) return values[number - 1];
  }
}

const unclear = /^(select|union|intersect|except|join|or|not|between|case|with|recursive|values|natural|left|cross|window)$/i;
const ends = /^(group|order|limit|having|returning)$/i;

/** The first equation that holds for all rows which the query reads. */
export function narrow(sql: string, params: Uint8Array): Narrowing | undefined {
  const tokens = tokenize(sql.trim().replace(/;$/, ''));
  const is = (at: number, word: string) => tokens[at]?.kind === 'word' && tokens[at].text.toLowerCase() === word;
  if (!is(0, 'select') || tokens.slice(1).some(({ kind, text }) => kind === 'word' && unclear.test(text))) return undefined;
  if (tokens.some(({ text }) => text === ';')) return undefined;
  const froms = tokens.flatMap((_, at) => (is(at, 'from') ? [at] : []));
  if (froms.length !== 1) return undefined;
  let at = froms[0]! + 1;
  const table = tokens[at] === undefined ? undefined : nameOf(tokens[at++]!);
  if (is(at, 'as')) ++at;
  let alias = table;
  if (tokens[at] !== undefined && !is(at, 'where')) alias = nameOf(tokens[at++]!);
  if (table === undefined || alias === undefined || !is(at, 'where')) return undefined;
  let depth = 0;
  for (let start = ++at; at <= tokens.length; ++at) {
    const { kind, text } = tokens[at] ?? { kind: 'word', text: 'limit' };
    if (kind === 'sign') depth += text === '(' ? 1 : text === ')' ? -1 : 0;
    const end = depth === 0 && kind === 'word' && ends.test(text);
    if (depth !== 0 || kind !== 'word' || !(end || /^and$/i.test(text))) continue;
    const found = equation(tokens, start, at, table, alias, params);
    if (found !== undefined || end) return found;
    start = at + 1;
  }
  return undefined;
}

// `column = value` and nothing else, between two places.
function equation(tokens: Token[], start: number, end: number, table: string, alias: string, params: Uint8Array):
    Narrowing | undefined {
  let at = start;
  if (tokens[at + 1]?.text === '.') {
    if (nameOf(tokens[at]!)?.toLowerCase() !== alias.toLowerCase()) return undefined;
    at += 2;
  }
  if (end - at !== 3 || !['=', '=='].includes(tokens[at + 1]!.text)) return undefined;
  const column = nameOf(tokens[at]!);
  const { kind, text } = tokens[at + 2]!;
  if (column === undefined) return undefined;
  let value: Value | undefined;
  if (kind === 'string') value = text.slice(1, -1).replaceAll("''", "'");
  else if (kind === 'number' && /^\d{1,18}$/.test(text)) value = BigInt(text);
  else if (kind === 'parameter') value = parameterValue(tokens, at + 2, params);
  return typeof value === 'bigint' || typeof value === 'string' ? { table, column, value } : undefined;
}
