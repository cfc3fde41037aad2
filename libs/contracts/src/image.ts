import { readFileSync } from 'node:fs';

/** The serialized `google.protobuf.FileDescriptorSet` of every contract and everything it imports; reads the file on each call. */
export function readDescriptorImage(): Uint8Array {
  return readFileSync(new URL('../image.binpb', import.meta.url));
}
