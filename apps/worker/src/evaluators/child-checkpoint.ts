/** What a from-scratch evaluation goes on from, as one blob: the children that are done, and one between two epochs. */
import { createHash } from 'node:crypto';
import { evaluation } from '@nat/contracts';
import { decodeTensors, encodeTensors, type TensorFile } from '@nat/tensor';
import type { BlobStore } from '@nat/storage';
import { z } from 'zod';

/** A child that needs no more training. */
export interface FinishedChild {
  readonly report?: evaluation.ChildReport;
  /** Why there is no report. */
  readonly errorMessage: string;
}

export interface RunningChild {
  readonly key: string;
  readonly state: TensorFile;
}

export interface Checkpoint {
  /** Of the evaluation that `finished` are from. */
  readonly fingerprint: string;
  /** By key of the child. */
  readonly finished: ReadonlyMap<string, FinishedChild>;
  readonly running?: RunningChild;
}

const METADATA = 'nat.from-scratch';
const schema = z.object({
  fingerprint: z.string(),
  finished: z.array(z.object({ key: z.string(), report: z.string().optional(), errorMessage: z.string() })),
  running: z.string().optional(),
});

/** The same work has the same fingerprint, wherever it starts from. */
export function fingerprintOf(spec: evaluation.EvaluationSpec): string {
  return createHash('sha256')
    .update(evaluation.EvaluationSpec.encode({ ...spec, resumeFrom: '' }).finish())
    .digest('hex');
}

/** Stores a checkpoint. A reported one has the fingerprint of its evaluation; one that is kept for others belongs to none. */
export async function writeCheckpoint(blobs: BlobStore, { fingerprint, finished, running }: Checkpoint): Promise<string> {
  const children = [...finished].map(([key, { report, errorMessage }]) => ({
    key,
    ...(report === undefined ? {} : { report: Buffer.from(evaluation.ChildReport.encode(report).finish()).toString('base64') }),
    errorMessage,
  }));
  const metadata: z.infer<typeof schema> = { fingerprint, finished: children, ...(running === undefined ? {} : { running: running.key }) };
  const { tensors, metadata: ofState } = running?.state ?? { tensors: new Map(), metadata: {} };
  return blobs.put(encodeTensors({ tensors, metadata: { ...ofState, [METADATA]: JSON.stringify(metadata) } }));
}

/** A checkpoint; undefined for tensors that are none. @throws DomainError NOT_FOUND, DATA_LOSS */
export async function readCheckpoint(blobs: BlobStore, key: string): Promise<Checkpoint | undefined> {
  const { tensors, metadata } = decodeTensors(await blobs.get(key));
  const { [METADATA]: text, ...ofState } = metadata;
  if (text === undefined) return undefined;
  const { fingerprint, finished, running } = schema.parse(JSON.parse(text));
  const children = finished.map(({ key: child, report, errorMessage }): [string, FinishedChild] => [
    child,
    { ...(report === undefined ? {} : { report: evaluation.ChildReport.decode(Buffer.from(report, 'base64')) }), errorMessage },
  ]);
  return {
    fingerprint,
    finished: new Map(children),
    ...(running === undefined ? {} : { running: { key: running, state: { tensors, metadata: ofState } } }),
  };
}
