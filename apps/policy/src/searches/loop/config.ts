/** Times of the runner, milliseconds. */
export interface RunnerConfig {
  /** Searches learned at the same time in this process, each with a learner process of its own. */
  readonly maxSearches: number;
  /** A search whose owner does not renew for so long is free. */
  readonly leaseMs: number;
  /** Owners renew, and look for free searches, this often. */
  readonly renewMs: number;
  /** Evaluations that did not end are asked for this often: a lost message only delays. */
  readonly sweepMs: number;
  /** An evaluation that did not end after so long is given up. */
  readonly deadlineMs: Readonly<Record<'tabular' | 'shared-weights' | 'from-scratch', number>>;
  /** First pause after a service or learner that does not answer, doubled up to a minute. */
  readonly retryMs: number;
  /** Tries of one step after errors that are nobody's fault, before the search fails. */
  readonly maxTries: number;
}

const HOUR = 3_600_000;

export const DEFAULT_RUNNER_CONFIG: RunnerConfig = {
  maxSearches: 2,
  leaseMs: 15_000,
  renewMs: 4_000,
  sweepMs: 5_000,
  deadlineMs: { tabular: HOUR, 'shared-weights': 24 * HOUR, 'from-scratch': 7 * 24 * HOUR },
  retryMs: 500,
  maxTries: 8,
};
