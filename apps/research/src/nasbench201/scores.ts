/** Bands of source values that results are reported by, percent. */
const SOURCE_BANDS: readonly (readonly [number, number])[] = [
  [0, 50],
  [50, 80],
  [80, 85],
  [85, 88],
  [88, 90],
  [90, 100],
];

/** What one method did to the sources of a band. Means of the reward column, in its unit. */
export interface BandScore {
  /** Sources from `low` up to below `high` (100 belongs to the last band). */
  readonly low: number;
  readonly high: number;
  readonly cells: number;
  readonly sourceMean: number;
  readonly resultMean: number;
  /** Mean of the best allowed results that cost no more. */
  readonly bestMean: number;
  /** (resultMean - sourceMean) / (bestMean - sourceMean); 0 where nothing can be gained. */
  readonly gain: number;
}

export interface MethodScore {
  readonly name: string;
  /** Table look-ups the method made in all: while learning, or while searching for these very cells; null where it is not known. */
  readonly evaluations: number | null;
  readonly overall: BandScore;
  /** Without empty bands. */
  readonly bands: readonly BandScore[];
  /** Results that cost more than their source in params, MACs or peak activation. */
  readonly certificateViolations: number;
  /** Mean change of the sources above 90: not below 0 means they do not get worse. */
  readonly changeAbove90: number;
}

/** Indices by cell. */
export interface Values {
  readonly source: ArrayLike<number>;
  readonly best: ArrayLike<number>;
}

/** Scores the results of one method. @param result values by cell, as the sources */
export function scoreMethod(
  { source, best }: Values,
  result: ArrayLike<number>,
  method: { readonly name: string; readonly evaluations: number | null; readonly certificateViolations: number },
): MethodScore {
  const cells = Array.from({ length: source.length }, (_, i) => i);
  const mean = (of: ArrayLike<number>, among: readonly number[]): number => (among.length === 0 ? 0 : among.reduce((sum, i) => sum + of[i]!, 0) / among.length);
  const score = (low: number, high: number, among: readonly number[]): BandScore => {
    const [sourceMean, resultMean, bestMean] = [mean(source, among), mean(result, among), mean(best, among)];
    const gain = bestMean > sourceMean ? (resultMean - sourceMean) / (bestMean - sourceMean) : 0;
    return { low, high, cells: among.length, sourceMean, resultMean, bestMean, gain };
  };
  const bands = SOURCE_BANDS.map(([low, high], b) =>
    score(
      low,
      high,
      cells.filter((i) => source[i]! >= low && (source[i]! < high || b === SOURCE_BANDS.length - 1)),
    ),
  );
  const above = cells.filter((i) => source[i]! > 90);
  return {
    ...method,
    overall: score(0, 100, cells),
    bands: bands.filter((band) => band.cells > 0),
    changeAbove90: mean(result, above) - mean(source, above),
  };
}
