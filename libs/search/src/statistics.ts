/** Means over seeds, with the interval that says how far they can be trusted. */
import jstat from 'jstat';

/** A mean and the t-interval around it: mean +- t(df = n - 1) s / sqrt(n). */
export interface MeanInterval {
  readonly n: number;
  readonly mean: number;
  /** Half the width of the interval; NaN for a single value, about which nothing can be said. */
  readonly half: number;
}

const CONFIDENCE = 0.95;

/** Mean of independent values and its 95 % t-interval. @throws RangeError for no values */
export function meanInterval(values: readonly number[]): MeanInterval {
  const n = values.length;
  if (n === 0) throw new RangeError('a mean needs at least one value');
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  if (n === 1) return { n, mean, half: NaN };
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1);
  return { n, mean, half: jstat.studentt.inv(1 - (1 - CONFIDENCE) / 2, n - 1) * Math.sqrt(variance / n) };
}

/** The interval of the mean of after[i] - before[i]: values of the same index come from the same seed. @throws RangeError unless they pair up */
export function pairedDifference(before: readonly number[], after: readonly number[]): MeanInterval {
  if (before.length !== after.length) throw new RangeError(`${before.length} values do not pair with ${after.length}`);
  return meanInterval(after.map((value, i) => value - before[i]!));
}

/** Whether the interval leaves out 0. False for a single value. */
export function differsFromZero({ mean, half }: MeanInterval): boolean {
  return Math.abs(mean) > half;
}
