import type { evaluation } from '@nat/contracts';
import { isDomainError, type DomainErrorKind } from '@nat/base/errors';
import type { Logger } from '@nat/service';
import type { Backoff } from './backoff.ts';
import { failure } from '../job/failure.ts';

export interface DeliveryOptions {
  readonly complete: (outcome: evaluation.Outcome) => Promise<unknown>;
  readonly backoff: Backoff;
  /** Aborts when this worker gives up waiting for the server. */
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

/** The server said no, and will say no again. Everything else is tried again. */
const REFUSED: ReadonlySet<DomainErrorKind> = new Set<DomainErrorKind>(['FAILED_PRECONDITION', 'NOT_FOUND', 'INVALID_ARGUMENT', 'RESOURCE_EXHAUSTED']);

/**
 * Delivers an outcome, however long the server is away. An outcome that the server does not take is replaced by a failure that says why; a lease that
 * is over is dropped.
 * @returns whether the server has this outcome now
 */
export async function deliverOutcome(outcome: evaluation.Outcome, { complete, backoff, signal, logger }: DeliveryOptions): Promise<boolean> {
  let sending = outcome;
  while (!signal.aborted) {
    try {
      await complete(sending);
      return sending === outcome;
    } catch (error) {
      if (!isDomainError(error) || !REFUSED.has(error.kind)) {
        logger.warn({ err: error }, 'the outcome could not be delivered yet');
        await backoff.pause(signal);
        continue;
      }
      const replacement = replacementFor(error.kind, error.reason, error.message);
      if (replacement === undefined || sending !== outcome) {
        logger.warn({ reason: error.reason, message: error.message }, 'the outcome was not taken');
        return false;
      }
      sending = replacement;
    }
  }
  return false;
}

/** What to send instead of an outcome that was refused; nothing when the lease is over. */
function replacementFor(kind: DomainErrorKind, reason: string, message: string): evaluation.Outcome | undefined {
  if (kind === 'INVALID_ARGUMENT' || kind === 'RESOURCE_EXHAUSTED') return failure('OUTCOME_REFUSED', message, true);
  if (reason === 'BLOB_NOT_FOUND') return failure('BLOB_NOT_FOUND', `${message}: worker and server do not share their blobs`, false);
  return undefined;
}
