// Values as bytes between the page and the module; glue/codec.h has the format. The bytes travel
// through the worker as they are, so that it never makes objects of rows.
import { TributaryError } from './errors.js';

/** A REAL that is a whole number: `real(1)` is bound as 1.0 where a plain 1 would be an INTEGER. */
export class Real {
  constructor(readonly value: number) {}
  valueOf(): number {
    return this.value;
  }
}

/** Marks a number as REAL, whatever its value. */
export function real(value: number): Real {
  return new Real(value);
}

/** What a column of a row holds. */
export type Value = null | number | bigint | string | Uint8Array;
/** What can be passed for a parameter. */
export type Param = Value | boolean | Real | ArrayBuffer | ArrayBufferView;
/** By position, or by name with or without the sign (`{id: 1}` for `:id`, `@id` or `$id`). */
export type Params = readonly Param[] | Readonly<Record<string, Param>>;
/**
 * `plain`: a whole number is an INTEGER, any other a REAL; integers beyond 2^53 are bigints. `exact`:
 * a bigint is an INTEGER, a number is a REAL, both ways, so that a value read and handed back keeps
 * its type.
 */
export type Numbers = 'plain' | 'exact';

const NULL = 0;
const INT32 = 1;
const INT53 = 2;
const INT64 = 3;
const REAL = 4;
const TEXT = 5;
const BLOB = 6;
const NAME = 7;
const END = 8;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

class Encoder {
  private bytes = new Uint8Array(256);
  private view = new DataView(this.bytes.buffer);
  private at = 0;

  private reserve(size: number): void {
    if (this.at + size <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.at + size));
    grown.set(this.bytes.subarray(0, this.at));
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }

  tag(tag: number): void {
    this.reserve(1);
    this.bytes[this.at++] = tag;
  }

  int32(value: number): void {
    this.reserve(5);
    this.bytes[this.at] = INT32;
    this.view.setInt32(this.at + 1, value, true);
    this.at += 5;
  }

  double(tag: number, value: number): void {
    this.reserve(9);
    this.bytes[this.at] = tag;
    this.view.setFloat64(this.at + 1, value, true);
    this.at += 9;
  }

  int64(value: bigint): void {
    this.reserve(9);
    this.bytes[this.at] = INT64;
    this.view.setBigInt64(this.at + 1, value, true);
    this.at += 9;
  }

  text(tag: number, value: string): void {
    this.reserve(5 + value.length * 3);
    const { written } = encoder.encodeInto(value, this.bytes.subarray(this.at + 5));
    this.bytes[this.at] = tag;
    this.view.setUint32(this.at + 1, written, true);
    this.at += 5 + written;
  }

  blob(value: Uint8Array): void {
    this.reserve(5 + value.length);
    this.bytes[this.at] = BLOB;
    this.view.setUint32(this.at + 1, value.length, true);
    this.bytes.set(value, this.at + 5);
    this.at += 5 + value.length;
  }

  finish(): Uint8Array {
    return this.bytes.slice(0, this.at);
  }
}

function encodeNumber(value: number, where: string, numbers: Numbers, out: Encoder): void {
  if (Number.isNaN(value)) {
    throw new TributaryError('MISUSE', `parameter ${where} is NaN, which SQL does not have: pass null`);
  }
  if (numbers === 'exact' || !Number.isSafeInteger(value) || Object.is(value, -0)) {
    out.double(REAL, value);
  } else if (value === (value | 0)) {
    out.int32(value);
  } else {
    out.double(INT53, value);
  }
}

function encodeValue(value: Param, where: string, numbers: Numbers, out: Encoder): void {
  switch (typeof value) {
    case 'number':
      return encodeNumber(value, where, numbers, out);
    case 'string':
      return out.text(TEXT, value);
    case 'boolean':
      return out.int32(value ? 1 : 0);
    case 'bigint':
      if (BigInt.asIntN(64, value) !== value) {
        throw new TributaryError('MISUSE', `parameter ${where} does not fit into 64 bits: pass it as text`);
      }
      return out.int64(value);
    case 'object':
      if (value === null) return out.tag(NULL);
      if (value instanceof Real) return encodeNumber(value.value, where, 'exact', out);
      if (value instanceof Uint8Array) return out.blob(value);
      if (value instanceof ArrayBuffer) return out.blob(new Uint8Array(value));
      if (ArrayBuffer.isView(value)) {
        return out.blob(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
      }
  }
  const what = value === undefined ? 'undefined: pass null' : `no SQL value (${typeof value}): pass null, a ` +
    'number, bigint, string, boolean or Uint8Array';
  throw new TributaryError('MISUSE', `parameter ${where} is ${what}`);
}

function encodeSet(params: Params, numbers: Numbers, out: Encoder): void {
  if (Array.isArray(params)) {
    for (let i = 0; i < params.length; ++i) encodeValue(params[i], String(i + 1), numbers, out);
  } else {
    for (const [name, value] of Object.entries(params as Record<string, Param>)) {
      out.text(NAME, name);
      encodeValue(value, name, numbers, out);
    }
  }
  out.tag(END);
}

/** The parameters of executions that follow each other. */
export function encodeParams(sets: Iterable<Params>, numbers: Numbers): Uint8Array {
  const out = new Encoder();
  for (const params of sets) encodeSet(params, numbers, out);
  return out.finish();
}

function decodeText(bytes: Uint8Array, from: number, to: number): string {
  if (to - from <= 24) {
    let text = '';
    for (let i = from; i < to; ++i) {
      const byte = bytes[i]!;
      if (byte > 127) return decoder.decode(bytes.subarray(from, to));
      text += String.fromCharCode(byte);
    }
    return text;
  }
  return decoder.decode(bytes.subarray(from, to));
}

/** All values in `bytes`, one after the other. */
export function decodeValues(bytes: Uint8Array, numbers: Numbers): Value[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values: Value[] = [];
  const exact = numbers === 'exact';
  for (let at = 0; at < bytes.length; ) {
    switch (bytes[at++]) {
      case NULL:
        values.push(null);
        break;
      case INT32: {
        const value = view.getInt32(at, true);
        values.push(exact ? BigInt(value) : value);
        at += 4;
        break;
      }
      case INT53: {
        // 2^53 itself is in this form, but no safe integer: it stays apart from 2^53 + 1.
        const value = view.getFloat64(at, true);
        values.push(exact || !Number.isSafeInteger(value) ? BigInt(value) : value);
        at += 8;
        break;
      }
      case INT64:
        values.push(view.getBigInt64(at, true));
        at += 8;
        break;
      case REAL:
        values.push(view.getFloat64(at, true));
        at += 8;
        break;
      case TEXT: {
        const end = at + 4 + view.getUint32(at, true);
        values.push(decodeText(bytes, at + 4, end));
        at = end;
        break;
      }
      case BLOB: {
        const end = at + 4 + view.getUint32(at, true);
        values.push(bytes.slice(at + 4, end));
        at = end;
        break;
      }
      default:
        throw new TributaryError('MISUSE', 'the result is malformed');
    }
  }
  return values;
}

/** Rows as arrays. */
export function toArrays(values: Value[], columns: number): Value[][] {
  const rows: Value[][] = [];
  for (let at = 0; at < values.length; at += columns) rows.push(values.slice(at, at + columns));
  return rows;
}

/** Rows as objects; of columns with one name the last is seen. */
export function toObjects<T>(values: Value[], columns: readonly string[]): T[] {
  const rows: T[] = [];
  const count = columns.length;
  for (let at = 0; at < values.length; at += count) {
    const row: Record<string, Value> = {};
    for (let i = 0; i < count; ++i) row[columns[i]!] = values[at + i]!;
    rows.push(row as T);
  }
  return rows;
}
