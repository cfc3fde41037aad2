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

export interface RankCorrelation {
  readonly n: number;
  /** Kendall's tau-b: 1 where both rank alike, -1 where one is the other's reverse, 0 for no relation. NaN where either has only one value. */
  readonly tau: number;
  /** Its 95 % interval; NaN with fewer than five values. */
  readonly low: number;
  readonly high: number;
}

/**
 * Kendall's tau-b (ties counted for neither) of paired values, with the interval of Fieller, Hartley and Pearson (1957):
 * atanh(tau) is nearly normal with variance 0.437 / (n - 4).
 * @throws RangeError unless they pair up
 */
export function kendallTau(a: readonly number[], b: readonly number[]): RankCorrelation {
  const n = a.length;
  if (b.length !== n) throw new RangeError(`${n} values do not pair with ${b.length}`);
  let [order, inA, inB] = [0, 0, 0]; // concordant - discordant; pairs that a, and that b, tells apart
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      const [signA, signB] = [Math.sign(a[i]! - a[j]!), Math.sign(b[i]! - b[j]!)];
      order += signA * signB;
      inA += Math.abs(signA);
      inB += Math.abs(signB);
    }
  }
  const tau = order / Math.sqrt(inA * inB);
  const half = n < 5 ? NaN : normalQuantile(1 - (1 - CONFIDENCE) / 2) * Math.sqrt(0.437 / (n - 4));
  return { n, tau, low: Math.tanh(Math.atanh(tau) - half), high: Math.tanh(Math.atanh(tau) + half) };
}

/** The value that a standard normal variable stays below with probability `p`, in (0, 1). */
export function normalQuantile(p: number): number {
  return jstat.normal.inv(p, 0, 1);
}
