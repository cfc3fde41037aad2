import type { evaluation } from '@nat/contracts';
import type { EvaluationKindName } from '@nat/convert';

/** A leased evaluation, as an executor sees it. */
export interface Job {
  /** namespaces/* /evaluations/* */
  readonly evaluation: string;
  readonly spec: evaluation.EvaluationSpec;
  readonly attempt: number;
  /** Whether `spec.resumeFrom` was written by an earlier attempt. */
  readonly continued: boolean;
}

/** What an executor may do besides answering. */
export interface JobContext {
  /** Aborts when the work is not wanted any more: cancelled, lost, or this worker drains. */
  readonly signal: AbortSignal;
  /** Numbers seen while it runs; sent in the background. */
  readonly observe: (observations: readonly evaluation.Observation[]) => void;
  /** A blob that another attempt may start from, with those that it names. */
  readonly checkpoint: (checkpoint: evaluation.Checkpoint) => void;
}

/** Runs one kind of evaluation. Rejects with a DomainError, or with anything when the signal has aborted. */
export type Execute = (job: Job, context: JobContext) => Promise<evaluation.Outcome>;

/** Kinds that take milliseconds and run in the worker's own process. */
export const QUICK_KINDS: readonly EvaluationKindName[] = ['tabular'];
