import type { evaluation } from '@nat/contracts';
import { isDomainError, type DomainErrorKind } from '@nat/base/errors';

const MAX_MESSAGE = 2_000;
/** Of one pair among up to 1,024: all of them must fit into one message of the stream. */
const MAX_PAIR_MESSAGE = 300;

/** What the same evaluation would run into again on any worker. */
const TERMINAL: ReadonlySet<DomainErrorKind> = new Set<DomainErrorKind>(['INVALID_ARGUMENT', 'NOT_FOUND', 'UNIMPLEMENTED']);
/** Reasons of other kinds that the same evaluation would run into again. */
const TERMINAL_REASONS: ReadonlySet<string> = new Set(['TIME_BUDGET_EXCEEDED', 'MEMORY_BUDGET_EXCEEDED']);

/** A failed outcome. `terminal`: trying again cannot help. */
export function failure(reason: string, message: string, terminal: boolean): evaluation.Outcome {
  return { result: { $case: 'failed', value: { reason, message: message.slice(0, MAX_MESSAGE), terminal } } };
}

/** The outcome of an attempt that threw. What is wrong with the request is terminal; what may be wrong with this worker is not. */
export function failureOf(error: unknown): evaluation.Outcome {
  if (isDomainError(error)) return failure(error.reason, error.message, TERMINAL.has(error.kind) || TERMINAL_REASONS.has(error.reason));
  return failure('WORKER_ERROR', error instanceof Error ? error.message : String(error), false);
}

/** The text of an error that stands beside a single pair; undefined for one that the pair is not to blame for. */
export function pairFault(error: unknown): string | undefined {
  if (!isDomainError(error) || !(TERMINAL.has(error.kind) || PAIR_REASONS.has(error.reason))) return undefined;
  return `${error.reason}: ${error.message}`.slice(0, MAX_PAIR_MESSAGE);
}

/** Reasons of other kinds that concern one architecture alone. */
const PAIR_REASONS: ReadonlySet<string> = new Set(['NOT_A_CELL_STRING', 'TRAINING_DIVERGED']);
