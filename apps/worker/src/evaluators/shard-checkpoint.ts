/** What a shard in training goes on from, as one blob: the state of the supernet after some of its steps, and what those steps have seen. */
import { decodeTensors, encodeTensors, type TensorFile } from '@nat/tensor';
import type { BlobStore } from '@nat/storage';
import type { ShardProgress } from '@nat/training';
import { z } from 'zod';

export interface ShardCheckpoint {
  readonly state: TensorFile;
  readonly progress: ShardProgress;
}

const METADATA = 'nat.train-shard';
const schema = z.object({ fingerprint: z.string(), made: z.int(), loss: z.number(), accuracy: z.number() });

/** Stores a checkpoint. Its fingerprint makes it the evaluation's own: whoever deletes it takes nothing away from another. */
export async function writeShardCheckpoint(blobs: BlobStore, fingerprint: string, { state, progress }: ShardCheckpoint): Promise<string> {
  const metadata = { ...state.metadata, [METADATA]: JSON.stringify({ fingerprint, ...progress }) };
  return blobs.put(encodeTensors({ tensors: state.tensors, metadata }));
}

/** The checkpoint of the evaluation with the fingerprint; undefined for anything else. @throws DomainError NOT_FOUND, DATA_LOSS */
export async function readShardCheckpoint(blobs: BlobStore, key: string, fingerprint: string): Promise<ShardCheckpoint | undefined> {
  const { tensors, metadata } = decodeTensors(await blobs.get(key));
  const { [METADATA]: text, ...ofState } = metadata;
  if (text === undefined) return undefined;
  const { fingerprint: of, ...progress } = schema.parse(JSON.parse(text));
  return of === fingerprint ? { state: { tensors, metadata: ofState }, progress } : undefined;
}
