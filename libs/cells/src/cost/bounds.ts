/** Upper bounds on the axes of a cost; absent where unbounded. */
export interface CostBounds {
  readonly maxParams?: number;
  readonly maxMacs?: number;
  /** Bytes. */
  readonly maxPeakActivationBytes?: number;
}

/** Upper bounds as shares of a source's cost, above 0 and at most 1; absent where unbounded. */
export interface CostShares {
  readonly params?: number;
  readonly macs?: number;
  readonly peakActivationBytes?: number;
}
