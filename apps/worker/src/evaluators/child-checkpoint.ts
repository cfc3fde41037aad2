/** What a from-scratch evaluation goes on from, as one blob: the children that are done, and one between two epochs. */
import { createHash } from 'node:crypto';
import { evaluation } from '@nat/contracts';
import { decodeTensors, encodeTensors, type TensorFile } from '@nat/tensor';
import type { BlobStore } from '@nat/storage';
import { z } from 'zod';

/** What came of a child that needs no more training. */
export type ChildResult = Pick<evaluation.CandidateResult, 'result' | 'report'>;

export interface RunningChild {
  readonly key: string;
  readonly state: TensorFile;
}

export interface ChildCheckpoint {
  /** Of the evaluation that `finished` are from. */
  readonly fingerprint: string;
  /** By key of the child. */
  readonly finished: ReadonlyMap<string, ChildResult>;
  readonly running?: RunningChild;
}

const METADATA = 'nat.from-scratch';
/** The version that evaluated pairs wrote `finished` without results; its fingerprints are those of no evaluation of today. */
const schema = z.object({
  fingerprint: z.string(),
  finished: z.array(z.object({ key: z.string(), result: z.string().optional() })),
  running: z.string().optional(),
});

/** The same work has the same fingerprint, wherever it starts from. */
export function fingerprintOf(spec: evaluation.EvaluationSpec): string {
  return createHash('sha256')
    .update(evaluation.EvaluationSpec.encode({ ...spec, resumeFrom: undefined }).finish())
    .digest('hex');
}

/** Stores a checkpoint. A reported one has the fingerprint of its evaluation; one that is kept for others belongs to none. */
export async function writeCheckpoint(blobs: BlobStore, { fingerprint, finished, running }: ChildCheckpoint): Promise<string> {
  const children = [...finished].map(([key, result]) => ({
    key,
    result: Buffer.from(evaluation.CandidateResult.encode({ candidateId: '', ...result }).finish()).toString('base64'),
  }));
  const metadata: z.infer<typeof schema> = { fingerprint, finished: children, ...(running === undefined ? {} : { running: running.key }) };
  const { tensors, metadata: ofState } = running?.state ?? { tensors: new Map(), metadata: {} };
  return blobs.put(encodeTensors({ tensors, metadata: { ...ofState, [METADATA]: JSON.stringify(metadata) } }));
}

/** A checkpoint; undefined for tensors that are none. @throws DomainError NOT_FOUND, DATA_LOSS */
export async function readCheckpoint(blobs: BlobStore, key: string): Promise<ChildCheckpoint | undefined> {
  const { tensors, metadata } = decodeTensors(await blobs.get(key));
  const { [METADATA]: text, ...ofState } = metadata;
  if (text === undefined) return undefined;
  const { fingerprint, finished, running } = schema.parse(JSON.parse(text));
  const children = finished.flatMap(({ key: child, result: bytes }): [string, ChildResult][] => {
    if (bytes === undefined) return [];
    const { result, report } = evaluation.CandidateResult.decode(Buffer.from(bytes, 'base64'));
    return [[child, { result, report }]];
  });
  return {
    fingerprint,
    finished: new Map(children),
    ...(running === undefined ? {} : { running: { key: running, state: { tensors, metadata: ofState } } }),
  };
}
