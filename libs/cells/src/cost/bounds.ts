/** Upper bounds on the axes of a cost; absent where unbounded. */
export interface CostBounds {
  readonly maxParams?: number;
  readonly maxMacs?: number;
  /** Bytes. Decisions are not masked by it: results are checked against it. */
  readonly maxPeakActivationBytes?: number;
}
