import type { evaluation } from '@nat/contracts';
import type { ObservationMessage } from '../evaluators/context.ts';

/** An evaluation, as a worker gives it to a trainer process. */
export interface TrainerRequest {
  /** The serialized EvaluationSpec. */
  readonly spec: Uint8Array;
  /** Whether the checkpoint that the specification starts from was written by an earlier attempt. */
  readonly continued: boolean;
  readonly blobUrl: string;
  readonly dataDir: string | undefined;
  /** Least time between two checkpoints of a child in training. */
  readonly checkpointMs: number;
}

export type TrainerEvent =
  | { readonly type: 'observations'; readonly observations: readonly ObservationMessage[] }
  | { readonly type: 'checkpoint'; readonly checkpoint: evaluation.Checkpoint }
  /** The last one, whether it succeeded or not: key of the weights that the trainer has in memory now; empty: none. */
  | { readonly type: 'loaded'; readonly weights: string };

export interface TrainerProtocol {
  readonly run: {
    readonly request: TrainerRequest;
    /** The serialized Outcome. */
    readonly response: Uint8Array;
    readonly event: TrainerEvent;
  };
}
