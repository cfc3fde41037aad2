import { isTransient } from '../errors/index.ts';
import { systemClock } from '../clock/index.ts';
import { Backoff, type BackoffOptions } from './backoff.ts';
import type { RetryPolicy } from './retry-policy.ts';

export interface Retry {
  readonly error: unknown;
  /** The try that failed, from 1. */
  readonly attempt: number;
  /** Until the next try. */
  readonly pauseMs: number;
}

export interface RetryOptions extends BackoffOptions {
  /** Ends the tries: `retry` then rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Which errors another try may mend. @default isTransient */
  readonly retryable?: (error: unknown) => boolean;
  /** Told before each pause. */
  readonly onRetry?: (retry: Retry) => void;
}

/**
 * Calls until it succeeds, fails for good, or the policy allows no other try.
 * @param call gets the number of the try, from 1
 * @throws what the last try threw; the signal's reason when it aborted
 */
export async function retry<Result>(policy: RetryPolicy, call: (attempt: number) => Promise<Result>, options: RetryOptions = {}): Promise<Result> {
  const { signal, retryable = isTransient, onRetry, clock = systemClock } = options;
  const backoff = new Backoff(policy, options);
  for (let attempt = 1; ; attempt += 1) {
    signal?.throwIfAborted();
    try {
      return await call(attempt);
    } catch (error) {
      if (!retryable(error)) throw error;
      signal?.throwIfAborted();
      const pauseMs = backoff.fail();
      if (pauseMs === undefined) throw error;
      onRetry?.({ error, attempt, pauseMs });
      await clock.sleep(pauseMs, { signal });
    }
  }
}
