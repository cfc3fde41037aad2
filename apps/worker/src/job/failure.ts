import type { evaluation } from '@nat/contracts';
import { DomainError, isDomainError, type DomainErrorKind } from '@nat/base/errors';
import { domainErrorToStatus } from '@nat/service';

/** Of one candidate among up to 1,024: all of them must fit into one message of the stream. */
const MAX_CANDIDATE_MESSAGE = 300;

/** What the same evaluation would run into again on any worker. */
const TERMINAL: ReadonlySet<DomainErrorKind> = new Set<DomainErrorKind>(['INVALID_ARGUMENT', 'NOT_FOUND', 'UNIMPLEMENTED']);
/** Reasons of other kinds that the same evaluation would run into again. */
const TERMINAL_REASONS: ReadonlySet<string> = new Set(['TIME_BUDGET_EXCEEDED', 'MEMORY_BUDGET_EXCEEDED']);
/** Reasons of other kinds that concern one architecture alone. */
const CANDIDATE_REASONS: ReadonlySet<string> = new Set(['NOT_A_CELL_STRING', 'TRAINING_DIVERGED']);

/** A failed outcome. `terminal`: another attempt cannot mend it. */
export function failure(error: DomainError, terminal: boolean): evaluation.Outcome {
  return { result: { $case: 'failed', value: { error: domainErrorToStatus(error), terminal } } };
}

/** The outcome of an attempt that threw. What is wrong with the request is terminal; what may be wrong with this worker is not. */
export function failureOf(error: unknown): evaluation.Outcome {
  if (isDomainError(error)) return failure(error, TERMINAL.has(error.kind) || TERMINAL_REASONS.has(error.reason));
  return failure(new DomainError('INTERNAL', error instanceof Error ? error.message : String(error), { reason: 'WORKER_ERROR' }), false);
}

/**
 * What came of a candidate that could not be evaluated: what it is to blame for is its own error, and the others count all the same.
 * @throws the error where another candidate would run into it too
 */
export function failedCandidate({ id: candidateId }: evaluation.Candidate, error: unknown): evaluation.CandidateResult {
  if (!isDomainError(error) || !(TERMINAL.has(error.kind) || CANDIDATE_REASONS.has(error.reason))) throw error;
  const { kind, reason, metadata } = error;
  const own = new DomainError(kind, error.message.slice(0, MAX_CANDIDATE_MESSAGE), { reason, metadata });
  return { candidateId, result: { $case: 'error', value: domainErrorToStatus(own) } };
}

/** Evaluates one candidate. @throws as `failedCandidate` */
export async function evaluateCandidate(
  candidate: evaluation.Candidate,
  evaluate: () => Promise<Pick<evaluation.CandidateResult, 'report'> & { readonly value: number }>,
): Promise<evaluation.CandidateResult> {
  try {
    const { value, report } = await evaluate();
    return { candidateId: candidate.id, result: { $case: 'value', value }, report };
  } catch (error) {
    return failedCandidate(candidate, error);
  }
}
