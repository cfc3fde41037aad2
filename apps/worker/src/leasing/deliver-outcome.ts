import type { evaluation } from '@nat/contracts';
import { DomainError, isDomainError, type DomainErrorKind } from '@nat/base/errors';
import { retry, type RetryPolicy } from '@nat/base/retry';
import type { Logger } from '@nat/service';
import { failure } from '../job/failure.ts';

export interface DeliveryOptions {
  readonly complete: (outcome: evaluation.Outcome) => Promise<unknown>;
  readonly policy: RetryPolicy;
  readonly random: () => number;
  /** Aborts when this worker gives up waiting for the server. */
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

/** The server refused the outcome, and will refuse it again. Everything else is tried again. */
const REFUSED: ReadonlySet<DomainErrorKind> = new Set<DomainErrorKind>(['FAILED_PRECONDITION', 'NOT_FOUND', 'INVALID_ARGUMENT', 'RESOURCE_EXHAUSTED']);

/**
 * Delivers an outcome, however long the server is away. An outcome that the server refuses is replaced by a failure that says why; an outcome whose lease
 * is over is dropped.
 * @returns whether the server has this outcome now
 */
export async function deliverOutcome(outcome: evaluation.Outcome, options: DeliveryOptions): Promise<boolean> {
  const { logger, signal } = options;
  try {
    await send(outcome, options);
    return true;
  } catch (error) {
    if (signal.aborted) return false;
    if (!isDomainError(error)) throw error;
    logger.warn({ reason: error.reason, message: error.message }, 'the outcome was refused');
    const replacement = replacementFor(error);
    if (replacement === undefined) return false;
    await send(replacement, options).catch((second: unknown) => {
      if (!signal.aborted) logger.warn({ err: second }, 'the failure was refused too');
    });
    return false;
  }
}

function send(outcome: evaluation.Outcome, { complete, policy, random, signal, logger }: DeliveryOptions): Promise<unknown> {
  return retry(policy, () => complete(outcome), {
    random,
    signal,
    retryable: (error) => !isDomainError(error) || !REFUSED.has(error.kind),
    onRetry: ({ error, pauseMs }) => {
      logger.warn({ err: error, pauseMs }, 'the outcome could not be delivered yet');
    },
  });
}

/** What to send instead of an outcome that was refused; nothing when the lease is over. */
function replacementFor({ kind, reason, message }: DomainError): evaluation.Outcome | undefined {
  if (kind === 'INVALID_ARGUMENT' || kind === 'RESOURCE_EXHAUSTED') return failure(new DomainError(kind, message, { reason: 'OUTCOME_REFUSED' }), true);
  if (reason === 'BLOB_NOT_FOUND') return failure(new DomainError(kind, `${message}: worker and server do not share their blobs`, { reason }), false);
  return undefined;
}
