/** How often and after which pauses work is tried again; the fields are those of Temporal's retry policy. */
export interface RetryPolicy {
  /** Pause after the first failure, milliseconds. */
  readonly initialIntervalMs: number;
  /** Each further pause is this many times the one before. @default 2 */
  readonly backoffCoefficient?: number;
  /** No pause is longer, milliseconds. @default 100 times the initial one */
  readonly maximumIntervalMs?: number;
  /** Tries in all, the first one included. @default no limit */
  readonly maximumAttempts?: number;
  /** No try begins later than this after the first one began, milliseconds. @default no limit */
  readonly maximumElapsedMs?: number;
}

/** The pause after the try `attempt` (from 1) failed, before jitter, milliseconds. */
export function retryIntervalMs(policy: RetryPolicy, attempt: number): number {
  const { initialIntervalMs, backoffCoefficient = 2, maximumIntervalMs = 100 * initialIntervalMs } = policy;
  return Math.min(maximumIntervalMs, initialIntervalMs * backoffCoefficient ** Math.max(0, attempt - 1));
}
