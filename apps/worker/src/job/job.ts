import type { evaluation } from '@nat/contracts';

/** A leased evaluation, as an executor sees it. */
export interface Job {
  /** namespaces/* /evaluations/* */
  readonly evaluation: string;
  readonly spec: evaluation.EvaluationSpec;
  readonly attempt: number;
  /** Whether `spec.resumeFrom` was written by an earlier attempt. */
  readonly continued: boolean;
}

/** A checkpoint in the blob store. */
export interface StoredCheckpoint {
  readonly key: string;
  /** Blobs that it names. */
  readonly blobs: readonly string[];
}

/** What an executor may do besides answering. */
export interface JobContext {
  /** Aborts when the work is not wanted any more: cancelled, lost, or this worker drains. */
  readonly signal: AbortSignal;
  /** Numbers seen while it runs; sent in the background. */
  readonly observe: (observations: readonly evaluation.Observation[]) => void;
  /** A blob that another attempt may start from. */
  readonly checkpoint: (checkpoint: StoredCheckpoint) => void;
}

/** Runs one kind of evaluation. Rejects with a DomainError, or with anything when the signal has aborted. */
export type Execute = (job: Job, context: JobContext) => Promise<evaluation.Outcome>;

/** Kinds as workers register them. */
export const KINDS = ['tabular', 'shared-weights', 'from-scratch', 'train-shard', 'average'] as const;
export type Kind = (typeof KINDS)[number];

/** Kinds that take milliseconds and run in the worker's own process. */
export const QUICK_KINDS: readonly Kind[] = ['tabular'];

/** The registered name of a specification's kind; undefined for one that this build does not know. */
export function kindOf(spec: evaluation.EvaluationSpec): Kind | undefined {
  switch (spec.kind?.$case) {
    case 'tabular':
      return 'tabular';
    case 'sharedWeights':
      return 'shared-weights';
    case 'fromScratch':
      return 'from-scratch';
    case 'trainShard':
      return 'train-shard';
    case 'average':
      return 'average';
    case undefined:
      return undefined;
  }
}
