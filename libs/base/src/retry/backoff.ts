import { systemClock, type Clock } from '../clock/index.ts';
import { retryIntervalMs, type RetryPolicy } from './retry-policy.ts';

export interface BackoffOptions {
  /**
   * Uniform in [0, 1). With it each pause is drawn uniformly from 0 to what the policy says (full jitter), so that many who lost the same server do not come
   * back together. @default no jitter
   */
  readonly random?: (() => number) | undefined;
  /** @default the system's */
  readonly clock?: Clock | undefined;
}

/** Counts the failures in a row of a loop that goes on by itself, and pauses after each. */
export class Backoff {
  readonly #policy: RetryPolicy;
  readonly #random: () => number;
  readonly #clock: Clock;
  #failures = 0;
  #since: number;

  constructor(policy: RetryPolicy, { random = () => 1, clock = systemClock }: BackoffOptions = {}) {
    this.#policy = policy;
    this.#random = random;
    this.#clock = clock;
    this.#since = clock.now();
  }

  /** Failures since the last success. */
  get failures(): number {
    return this.#failures;
  }

  /** Notes a success: the next failure counts as the first one, and its time begins now. */
  reset(): void {
    this.#failures = 0;
    this.#since = this.#clock.now();
  }

  /** Notes a failure. Returns the pause before the next try, milliseconds; undefined when the policy allows no other. */
  fail(): number | undefined {
    this.#failures += 1;
    const { maximumAttempts = Infinity, maximumElapsedMs = Infinity } = this.#policy;
    if (this.#failures >= maximumAttempts) return undefined;
    const pauseMs = this.#random() * retryIntervalMs(this.#policy, this.#failures);
    return this.#clock.now() - this.#since + pauseMs > maximumElapsedMs ? undefined : pauseMs;
  }

  /** Notes a failure and pauses, at most until the signal aborts. @returns false when the policy allows no other try */
  async pause(signal?: AbortSignal): Promise<boolean> {
    const pauseMs = this.fail();
    if (pauseMs === undefined) return false;
    await this.#clock.sleep(pauseMs, { signal });
    return true;
  }
}
