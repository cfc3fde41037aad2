/** Times of the coordinator, milliseconds. */
export interface CoordinatorConfig {
  /** A lease that is not renewed for so long goes to another worker. */
  readonly leaseMs: number;
  /** Workers are asked to renew this often; under half of `leaseMs`. */
  readonly renewMs: number;
  /** Expired leases are looked for this often. */
  readonly reapMs: number;
  /** Waiting workers ask the queue this often without a wake-up. */
  readonly pollMs: number;
  /** Pause before the second attempt, doubled before each further one. */
  readonly retryBackoffMs: number;
  readonly maxRetryBackoffMs: number;
  /** An evaluation that none of the live workers can run fails after so long with NO_CAPABLE_WORKER; 0: never. */
  readonly noCapableWorkerMs: number;
  /** The same while no worker is live at all: they may still be starting. */
  readonly noWorkerMs: number;
  /** A worker that was not heard of for so long is not live. */
  readonly workerTimeoutMs: number;
  /** Specifications in one answer to a lease, bytes. */
  readonly maxLeaseBytes: number;
}

export const DEFAULT_COORDINATOR_CONFIG: CoordinatorConfig = {
  leaseMs: 30_000,
  renewMs: 10_000,
  reapMs: 1_000,
  pollMs: 1_000,
  retryBackoffMs: 1_000,
  maxRetryBackoffMs: 60_000,
  noCapableWorkerMs: 10_000,
  noWorkerMs: 60_000,
  workerTimeoutMs: 45_000,
  maxLeaseBytes: 3_000_000,
};
