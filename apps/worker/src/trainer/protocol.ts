import type { DomainErrorKind } from '@nat/base/errors';
import type { StoredCheckpoint } from '../job/job.ts';

/** What a worker sends to its trainer, over the channel of a forked process. */
export interface TrainerRequest {
  /** The serialized EvaluationSpec. */
  readonly spec: Uint8Array;
  readonly evaluation: string;
  /** Whether what the specification starts from was written by an earlier attempt. */
  readonly continued: boolean;
  readonly blobUrl: string;
  readonly dataDir: string | undefined;
  /** Least time between two checkpoints of a child in training. */
  readonly checkpointMs: number;
}

export interface ObservationMessage {
  readonly metric: string;
  readonly value: number;
  readonly step: number;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly pairId: string;
}

/** What a trainer sends back: any number of the first two, then one of the others, with the key of the weights that it has in memory then. */
export type TrainerMessage =
  | { readonly type: 'observations'; readonly observations: readonly ObservationMessage[] }
  | { readonly type: 'checkpoint'; readonly checkpoint: StoredCheckpoint }
  /** The serialized Outcome. */
  | { readonly type: 'finished'; readonly outcome: Uint8Array; readonly loadedWeights: string }
  | { readonly type: 'failed'; readonly kind: DomainErrorKind; readonly reason: string; readonly message: string; readonly loadedWeights: string };
