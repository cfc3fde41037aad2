import { deflateRawSync, inflateRawSync } from 'node:zlib';

/**
 * Bytes as the tables keep them: deflated. Specifications and outcomes repeat themselves, and the embedded database spends more time on 100 KB of
 * parameter than this does on making 15 KB of it.
 */
export function pack(bytes: Uint8Array): Uint8Array {
  return deflateRawSync(bytes, { level: 1 });
}

export function unpack(packed: Uint8Array): Uint8Array {
  return inflateRawSync(packed);
}
