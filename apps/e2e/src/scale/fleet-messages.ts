/** What the driver tells a process of simulated workers. */
export interface FleetOrders {
  /** Coordinators, `host:port` each, separated by commas. */
  readonly server: string;
  /** Number of its first worker: ids are distinct over processes. */
  readonly first: number;
  readonly workers: number;
  /** Evaluations that a worker leases at once. */
  readonly leases: number;
  /** An evaluation takes so long, milliseconds; nothing is computed meanwhile. */
  readonly workMs: number;
  /** A folder: a worker has a blob store, though nothing is put there. */
  readonly blobs: string;
}

/** What a process of workers has done; counts grow from its start. */
export interface FleetReport {
  readonly registered: number;
  /** Evaluations whose outcome the coordinator has acknowledged. */
  readonly completed: number;
  /** Milliseconds that evaluations have run, of all workers together, those that run now included. */
  readonly busyMs: number;
  /** Lease calls since the last report that brought work, milliseconds each; waiting for work included. */
  readonly leaseMs: readonly number[];
  /** Evaluations that these brought. */
  readonly leased: number;
  /** Calls that deliver an outcome, milliseconds. */
  readonly completeMs: readonly number[];
  readonly residentBytes: number;
}
