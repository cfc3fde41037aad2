/** Lagrange multipliers of the bounds: what a unit of each measure costs in log-probability. */

/** A measure that is bounded: what each arc adds to it, and the most that a path may come to. */
export interface BoundedMeasure {
  /** [arcs] */
  readonly costs: Float64Array;
  readonly most: number;
}

const SWEEPS = 6;
const HALVINGS = 40;
const DOUBLINGS = 200;

/**
 * Multipliers at which a path (the best one, or a mean) just keeps the bounds: one after the other, each by bisection, until they no longer move.
 * @param spent what comes of multipliers, one a measure
 * @returns multipliers at which every measure is within its bound, as far as each alone can bring it there
 */
export function findMultipliers(measures: readonly BoundedMeasure[], spent: (multipliers: readonly number[]) => readonly number[]): readonly number[] {
  const multipliers = measures.map(() => 0);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    let moved = false;
    for (const [at, { most }] of measures.entries()) {
      const exceeds = (value: number): boolean => spent(multipliers.map((each, index) => (index === at ? value : each)))[at]! > most;
      const found = leastWithin(exceeds, 1 / Math.max(1, most));
      moved ||= Math.abs(found - multipliers[at]!) > 1e-9 * Math.max(found, multipliers[at]!);
      multipliers[at] = found;
    }
    if (!moved || measures.length === 1) break;
  }
  return multipliers;
}

/** The least value that does not exceed, for what falls as the value rises. @param unit a first guess */
function leastWithin(exceeds: (value: number) => boolean, unit: number): number {
  if (!exceeds(0)) return 0;
  let [low, high] = [0, unit];
  for (let doubling = 0; doubling < DOUBLINGS && exceeds(high); doubling++) [low, high] = [high, 2 * high];
  for (let halving = 0; halving < HALVINGS; halving++) {
    const middle = (low + high) / 2;
    if (exceeds(middle)) low = middle;
    else high = middle;
  }
  return high;
}
