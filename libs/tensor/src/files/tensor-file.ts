/**
 * Named float32 tensors and text metadata as bytes, in the safetensors layout (8-byte little-endian header length, JSON
 * header, raw little-endian data), so other tools can read them. The same tensors and metadata always give the same bytes.
 */
import { createHash } from 'node:crypto';
import { DomainError } from '@nat/base/errors';

/** Dense numbers outside TensorFlow; `data` is row-major. */
export interface HostTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Tensors by name, and any text beside them. */
export interface TensorFile {
  readonly tensors: ReadonlyMap<string, HostTensor>;
  /** @default none */
  readonly metadata: Readonly<Record<string, string>>;
}

const MAX_HEADER_BYTES = 16 * 1024 * 1024;
const DIGEST = 'data_sha256';

/** Lower-case hexadecimal SHA-256. */
export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The product of the dimensions. */
export function sizeOfShape(shape: readonly number[]): number {
  return shape.reduce((size, dimension) => size * dimension, 1);
}

/**
 * Bytes of a tensor file: names in code-unit order, a digest of the data in the header.
 * @throws DomainError INVALID_ARGUMENT for a tensor whose shape and data disagree
 */
export function encodeTensors({ tensors, metadata }: TensorFile): Uint8Array {
  const names = [...tensors.keys()].sort();
  const header: Record<string, unknown> = {};
  let offset = 0;
  for (const name of names) {
    const { shape, data } = tensors.get(name)!;
    if (name === '__metadata__' || sizeOfShape(shape) !== data.length) {
      throw DomainError.invalid(`tensors.${name}`, `${data.length} numbers do not fill the shape [${shape.join(', ')}]`, 'TENSOR_SHAPE');
    }
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + 4 * data.length] };
    offset += 4 * data.length;
  }
  const payload = new Uint8Array(offset);
  const view = new DataView(payload.buffer);
  let position = 0;
  for (const name of names) {
    for (const value of tensors.get(name)!.data) {
      view.setFloat32(position, value, true);
      position += 4;
    }
  }
  const described: Record<string, string> = { ...metadata, [DIGEST]: sha256(payload) };
  const sorted = Object.fromEntries(Object.entries(described).sort(([a], [b]) => (a < b ? -1 : 1)));
  const json = new TextEncoder().encode(JSON.stringify({ __metadata__: sorted, ...header }));
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + headerBytes + payload.length).fill(0x20, 8, 8 + headerBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.set(json, 8);
  bytes.set(payload, 8 + headerBytes);
  return bytes;
}

function corrupt(message: string, reason: string, cause?: unknown): DomainError {
  return new DomainError('DATA_LOSS', `tensor file: ${message}`, { reason, cause });
}

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

function isEntry(value: unknown): value is Entry {
  if (typeof value !== 'object' || value === null) return false;
  const { dtype, shape, data_offsets: offsets } = value as Partial<Record<keyof Entry, unknown>>;
  const whole = (n: unknown): boolean => Number.isSafeInteger(n) && (n as number) >= 0;
  return typeof dtype === 'string' && Array.isArray(shape) && shape.every(whole) && Array.isArray(offsets) && offsets.length === 2 && offsets.every(whole);
}

function parseHeader(bytes: Uint8Array): { entries: Record<string, unknown>; start: number } {
  if (bytes.length < 8) throw corrupt(`${bytes.length} bytes hold no header`, 'TENSOR_FILE_TRUNCATED');
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (length > MAX_HEADER_BYTES) throw corrupt(`its header claims ${length} bytes`, 'TENSOR_FILE_HEADER');
  if (8 + length > bytes.length) throw corrupt(`its header of ${length} bytes is cut off`, 'TENSOR_FILE_TRUNCATED');
  try {
    const parsed: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, 8 + length)));
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return { entries: parsed as Record<string, unknown>, start: 8 + length };
  } catch (cause) {
    throw corrupt('its header is not JSON', 'TENSOR_FILE_HEADER', cause);
  }
  throw corrupt('its header is not an object', 'TENSOR_FILE_HEADER');
}

/**
 * Reads what `encodeTensors` or another safetensors writer wrote. The numbers are copied. PyTorch's counters of batches, which no network reads, are left out.
 * @throws DomainError DATA_LOSS: TENSOR_FILE_TRUNCATED, TENSOR_FILE_HEADER, TENSOR_FILE_LAYOUT, TENSOR_FILE_DIGEST
 */
export function decodeTensors(bytes: Uint8Array): TensorFile {
  const { entries, start } = parseHeader(bytes);
  const { __metadata__: described = {}, ...named } = entries;
  if (typeof described !== 'object' || described === null || !Object.values(described).every((value) => typeof value === 'string')) {
    throw corrupt('its metadata are not texts', 'TENSOR_FILE_HEADER');
  }
  const { [DIGEST]: digest, ...metadata } = described as Record<string, string>;
  const payload = bytes.subarray(start);
  const view = new DataView(bytes.buffer, bytes.byteOffset + start);
  const tensors = new Map<string, HostTensor>();
  const ordered = Object.entries(named).map(([name, entry]) => {
    if (!isEntry(entry)) throw corrupt(`"${name}" has no valid entry`, 'TENSOR_FILE_HEADER');
    if (entry.dtype !== 'F32' && !isCounter(name, entry.dtype)) throw corrupt(`"${name}" has the type ${entry.dtype}, only F32 is read`, 'TENSOR_FILE_LAYOUT');
    return { name, entry };
  });
  ordered.sort((a, b) => a.entry.data_offsets[0] - b.entry.data_offsets[0] || a.entry.data_offsets[1] - b.entry.data_offsets[1]);
  let expected = 0;
  for (const { name, entry } of ordered) {
    const [begin, end] = entry.data_offsets;
    const size = sizeOfShape(entry.shape);
    const counter = isCounter(name, entry.dtype);
    if (begin !== expected || end - begin !== (counter ? 8 : 4) * size)
      throw corrupt(`"${name}" lies at ${begin}..${end}, not where its shape puts it`, 'TENSOR_FILE_LAYOUT');
    if (end > payload.length) throw corrupt(`"${name}" is cut off`, 'TENSOR_FILE_TRUNCATED');
    expected = end;
    if (counter) continue;
    const data = new Float32Array(size);
    for (let i = 0; i < size; i++) data[i] = view.getFloat32(begin + 4 * i, true);
    tensors.set(name, { shape: entry.shape, data });
  }
  if (expected !== payload.length) throw corrupt(`${payload.length - expected} bytes follow the last tensor`, 'TENSOR_FILE_LAYOUT');
  if (digest !== undefined && digest !== sha256(payload)) throw corrupt('the data do not have the digest in the header', 'TENSOR_FILE_DIGEST');
  return { tensors, metadata };
}

/** `num_batches_tracked` of a batch normalisation, as PyTorch writes it. */
function isCounter(name: string, dtype: string): boolean {
  return dtype === 'I64' && name.endsWith('.num_batches_tracked');
}
