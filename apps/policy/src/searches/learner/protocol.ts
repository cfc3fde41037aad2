/** What a search and its learner process say to each other, over the IPC channel with structured clones. */
import type { DomainErrorKind, FieldViolation } from '@nat/base/errors';
import type { CountedTrial, SampledTrial, SessionSpec, StepStats } from '@nat/nat';

export interface OpenRequest {
  readonly kind: 'open';
  readonly spec: SessionSpec;
  /** Where the search stands; absent: at its start. */
  readonly checkpoint: Uint8Array | undefined;
  readonly dataDirectory: string | undefined;
}

export interface DrawRequest {
  readonly kind: 'draw';
  readonly step: number;
}

/** Transforms of sources of a space by the policy now, and by the one that the search began with. */
export interface DrawHeldOutRequest {
  readonly kind: 'draw-held-out';
  readonly sources: number;
  /** Undefined: a fresh policy. */
  readonly start: Uint8Array | undefined;
}

export interface LearnRequest {
  readonly kind: 'learn';
  readonly trials: readonly CountedTrial[];
  /** As `SearchSession.learn`. */
  readonly staleness: number;
}

export type LearnerRequest = OpenRequest | DrawRequest | DrawHeldOutRequest | LearnRequest;

/** What a step did, and the state after it. */
export interface Learned {
  readonly stats: StepStats;
  readonly checkpoint: Uint8Array;
}

export interface LearnerAnswers {
  /** The state that it opened with. */
  readonly open: Uint8Array;
  readonly draw: readonly SampledTrial[];
  readonly 'draw-held-out': readonly SampledTrial[];
  readonly learn: Learned;
}

export interface RequestMessage {
  readonly id: number;
  readonly request: LearnerRequest;
}

export type ResponseMessage =
  { readonly id: number; readonly answer: LearnerAnswers[LearnerRequest['kind']] } | { readonly id: number; readonly error: LearnerFailure };

/** A domain error on its way between processes. */
export interface LearnerFailure {
  readonly kind: DomainErrorKind;
  readonly message: string;
  readonly reason: string;
  readonly violations: readonly FieldViolation[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly stack: string | undefined;
}
