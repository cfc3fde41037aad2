/**
 * Regression with a quadratic penalty (Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, section 2.2: the posterior mean):
 *
 *     f(x) = mean(y) + sum_i alpha_i k(x_i, x),   alpha = (K + lambda I)^-1 (y - mean(y))
 *
 * `linear` is ridge regression; `matern32` lets a feature matter together with others. With groups, every group has an unknown level of its own (a random
 * effect), which f leaves out: K grows by a large constant between members of a group.
 */
import { CholeskyDecomposition, Matrix } from 'ml-matrix';

export interface KernelOptions {
  readonly kernel: 'linear' | 'matern32';
  /** Penalty. */
  readonly lambda: number;
  /** Length scale of `matern32`, in root mean squares of the standardised features. */
  readonly lengthScale?: number;
}

interface GroupedOptions extends KernelOptions {
  /** Group of each row. With less than two groups there are no levels to tell apart. @default one for all [n] */
  readonly groups?: readonly string[];
}

/** Variance of the groups' levels, where targets have variance 1: large, so that only differences within groups are fitted. */
const LEVEL_VARIANCE = 10;

/** Fits y on rows of equal length. x: [n][features], y: [n] -> f. Columns are standardised; constant ones are left out. */
export function fitKernelRegression(x: readonly Float64Array[], y: ArrayLike<number>, options: GroupedOptions): (row: Float64Array) => number {
  const n = x.length;
  const width = x[0]?.length ?? 0;
  const columns = Array.from({ length: width }, (_, j) => {
    const center = x.reduce((sum, row) => sum + row[j]!, 0) / n;
    return { j, center, deviation: Math.sqrt(x.reduce((sum, row) => sum + (row[j]! - center) ** 2, 0) / n) };
  }).filter(({ deviation }) => deviation > 0);
  const standardised = (row: Float64Array): Float64Array => Float64Array.from(columns, ({ j, center, deviation }) => (row[j]! - center) / deviation);
  const kernel = kernelOf(options, Math.max(1, columns.length));
  const rows = x.map(standardised);
  const { groups = [] } = options;
  const levels = new Set(groups).size > 1 ? LEVEL_VARIANCE : 0;
  const K = Matrix.zeros(n, n);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k <= i; k++) {
      const value = kernel(rows[i]!, rows[k]!) + (groups[i] === groups[k] ? levels : 0);
      K.set(i, k, value);
      K.set(k, i, value);
    }
    K.set(i, i, K.get(i, i) + options.lambda);
  }
  const center = Array.from(y).reduce((sum, value) => sum + value, 0) / n;
  const alpha = new CholeskyDecomposition(K).solve(Matrix.columnVector(Array.from(y, (value) => value - center))).to1DArray();
  return (row) => {
    const z = standardised(row);
    let sum = center;
    for (let i = 0; i < n; i++) sum += alpha[i]! * kernel(rows[i]!, z);
    return sum;
  };
}

function kernelOf({ kernel, lengthScale = 1 }: KernelOptions, width: number): (a: Float64Array, b: Float64Array) => number {
  switch (kernel) {
    case 'linear':
      return (a, b) => {
        let sum = 0;
        for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
        return sum / width;
      };
    case 'matern32':
      return (a, b) => {
        let squares = 0;
        for (let i = 0; i < a.length; i++) squares += (a[i]! - b[i]!) ** 2;
        const r = Math.sqrt((3 * squares) / width) / lengthScale;
        return (1 + r) * Math.exp(-r);
      };
  }
}
