import { parse as parseArray } from 'postgres-array';

/** PostgreSQL type identifiers whose values get another JavaScript type than text. */
type Decode = (text: string) => unknown;

function decodeInt8(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`int8 value ${text} is beyond 2^53; select it as text`);
  return value;
}

function decodeBytea(text: string): Uint8Array {
  const bytes = Buffer.from(text.slice(2), 'hex'); // after the prefix \x
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Both servers run in UTC, so text is always `2026-01-31 12:00:00.123456+00`; microseconds are cut. */
function decodeTimestamptz(text: string): Date {
  return new Date(text.replace(' ', 'T').replace(/\+00$/, 'Z'));
}

const asText: Decode = (text) => text;

// [type, its array type, decoder], by the fixed identifiers of pg_type
const decoders: readonly (readonly [number, number, Decode])[] = [
  [16, 1000, (text) => text === 't'], // bool
  [17, 1001, decodeBytea],
  [20, 1016, decodeInt8],
  [21, 1005, Number], // int2
  [23, 1007, Number], // int4
  [25, 1009, asText], // text
  [26, 1028, Number], // oid
  [114, 199, (text) => JSON.parse(text) as unknown], // json
  [700, 1021, Number], // float4
  [701, 1022, Number], // float8
  [1042, 1014, asText], // bpchar
  [1043, 1015, asText], // varchar
  [1082, 1182, asText], // date
  [1114, 1115, asText], // timestamp
  [1184, 1185, decodeTimestamptz],
  [1700, 1231, Number], // numeric
  [2950, 2951, asText], // uuid
  [3802, 3807, (text) => JSON.parse(text) as unknown], // jsonb
  [5069, 271, asText], // xid8
];

/** Decoders by the identifier of the column type: the same for both implementations, so that both return the same JavaScript values. */
export const decodersByType: Readonly<Record<number, Decode>> = Object.fromEntries(
  decoders.flatMap(([type, arrayType, decode]) => [
    [type, decode],
    [arrayType, (text: string) => parseArray(text, decode)],
  ]),
);

/** The decoder of a column type; other types stay text. */
export function decoderOf(typeId: number): Decode {
  return decodersByType[typeId] ?? asText;
}

/** Turns a query parameter into text (or null), in PostgreSQL's own input syntax. */
export function encodeParameter(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  switch (typeof value) {
    case 'string':
      return value;
    case 'number':
    case 'bigint':
    case 'boolean':
      return String(value);
    case 'object':
      if (value instanceof Date) return value.toISOString();
      if (value instanceof Uint8Array) return encodeBytea(value);
      if (Array.isArray(value)) return encodeArray(value);
      return JSON.stringify(value);
    default:
      throw new TypeError(`a ${typeof value} cannot be a query parameter`);
  }
}

function encodeBytea(bytes: Uint8Array): string {
  return `\\x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')}`;
}

/** An array literal, `{1,2,"a b",NULL}`; objects inside become JSON. */
export function encodeArray(values: readonly unknown[]): string {
  const parts = new Array<string>(values.length);
  for (let index = 0; index < values.length; index += 1) parts[index] = encodeElement(values[index]);
  return `{${parts.join(',')}}`;
}

function encodeElement(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return encodeArray(value);
  if (value instanceof Uint8Array) return `"\\${encodeBytea(value)}"`; // may be large: nothing else in it needs an escape
  const text = encodeParameter(value);
  if (text === null) return 'NULL';
  return /["\\]/.test(text) ? `"${text.replace(/["\\]/g, '\\$&')}"` : `"${text}"`;
}
