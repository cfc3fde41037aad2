/**
 * What a table of docs/results.md is. To add one: write a module in `tables/` that exports a `ResultTable`, and name it in `registry.ts`.
 *
 * A table has sections, a section has rows, a row is computed once a seed. What a row computes are plain numbers by name (its measures). The page shows
 * them through columns, each of which sees the numbers of all seeds of a row, so that it can state a mean with its interval or a paired difference.
 */
import { isDomainError, type DomainError } from '@nat/base/errors';
import { meanInterval, pairedDifference, type MeanInterval } from '@nat/nat';

/** The numbers of one row and seed, by measure. All are finite. */
export type Values = Readonly<Record<string, number>>;

/** What a row may use while it is computed. */
export interface RowContext {
  /** Data sets; absent where NAT_DATA_DIR is not set. */
  readonly dataDirectory: string | undefined;
  /** TensorFlow threads, of which the bits of a result depend. */
  readonly threads: number;
  /** Says what goes on, to a person who waits. */
  readonly note: (text: string) => void;
  /**
   * Bytes that several rows need, such as a learned policy: made once, then read from the working folder, also by a later process.
   * Names are unique in the table and hold the seed where the bytes depend on it.
   */
  readonly artifact: (name: string, make: () => Promise<Uint8Array>) => Promise<Uint8Array>;
}

/** One line of a section. */
export interface ResultRow {
  /** Unique in its table, such as `one-shot/policy`. */
  readonly name: string;
  /** What the first column says. */
  readonly title: string;
  /** Seeds that the page publishes. `--seed` with another one computes the row all the same, without committed numbers to compare with. */
  readonly seeds: readonly number[];
  readonly compute: (seed: number, context: RowContext) => Promise<Values>;
}

/** How a measure is compared. */
export interface Measure {
  /** The largest difference from the committed number; null for what a clock measured, which is not compared. */
  readonly tolerance: ((committed: number) => number) | null;
}

/** A column of the page. */
export interface Column {
  readonly title: string;
  /** @param seeds numbers of one row, by seed in ascending order; never empty */
  readonly cell: (seeds: readonly Values[]) => string;
}

export interface Section {
  readonly title: string;
  /** Markdown, before the rows. */
  readonly text: string;
  readonly rows: readonly ResultRow[];
  readonly columns: readonly Column[];
}

export interface ResultTable {
  readonly name: string;
  readonly title: string;
  /** Markdown, before the sections. */
  readonly text: string;
  /** TensorFlow threads of every row, whatever the environment says. @default the environment's */
  readonly threads?: number;
  /** Raised when the computation changes: working rows of another revision are computed again, and the page is not generated from them. */
  readonly revision: number;
  readonly measures: Readonly<Record<string, Measure>>;
  readonly sections: readonly Section[];
  /** What `--publish` writes beside the page, from what the rows made; called with the rows that were computed. */
  readonly publishFiles?: (rows: readonly { readonly name: string; readonly seed: number }[], context: RowContext) => Promise<void>;
  /** Why the table cannot be computed here, before the first row is. @default it can */
  readonly unavailable?: (context: Pick<RowContext, 'dataDirectory'>) => DomainError | undefined;
}

/** `ResultTable.unavailable` of a table that needs what `load` gives: the DomainError that it throws. */
export function unavailableWithout(load: (context: Pick<RowContext, 'dataDirectory'>) => unknown): NonNullable<ResultTable['unavailable']> {
  return (context) => {
    try {
      load(context);
      return undefined;
    } catch (error) {
      if (isDomainError(error)) return error;
      throw error;
    }
  };
}

/** Rows of a table in the order of the page. */
export function rowsOf({ sections }: ResultTable): readonly ResultRow[] {
  return sections.flatMap(({ rows }) => rows);
}

/** Differences up to `size`, in the unit of the measure. */
export function absolute(size: number): Measure {
  return { tolerance: () => size };
}

/** Counts and the like: the very number. */
export const exact: Measure = absolute(0);

/** Times of a clock. */
export const timed: Measure = { tolerance: null };

export type Format = (value: number) => string;

/** A fixed number of decimals, with thousands separated. */
export function decimals(digits: number): Format {
  const format = new Intl.NumberFormat('en', { minimumFractionDigits: digits, maximumFractionDigits: digits, signDisplay: 'negative' });
  return (value) => format.format(value);
}

/** A fraction in percent. */
export function percent(digits: number): Format {
  const format = decimals(digits);
  return (value) => `${format(100 * value)} %`;
}

/** `mean ± half`, or the value alone where there is one. */
function formatInterval({ mean, half, n }: MeanInterval, format: Format): string {
  return n === 1 ? format(mean) : `${format(mean)} ± ${format(half)}`;
}

/** Mean over seeds with its 95 % interval; `-` in rows without the measure. */
export function meanColumn(title: string, measure: string, format: Format): Column {
  return {
    title,
    cell: (seeds) => {
      const values = seeds.flatMap((of) => of[measure] ?? []);
      return values.length === 0 ? '-' : formatInterval(meanInterval(values), format);
    },
  };
}

/** A number that is the same for every seed, or nearly: its mean without an interval. */
export function plainColumn(title: string, measure: string, format: Format): Column {
  return {
    title,
    cell: (seeds) => {
      const values = seeds.flatMap((of) => of[measure] ?? []);
      return values.length === 0 ? '-' : format(meanInterval(values).mean);
    },
  };
}

/** Mean of after - before, paired by seed, with its 95 % interval. */
export function differenceColumn(title: string, measures: { readonly before: string; readonly after: string }, format: Format): Column {
  return {
    title,
    cell: (seeds) => {
      const both = seeds.filter((of) => of[measures.before] !== undefined && of[measures.after] !== undefined);
      if (both.length === 0) return '-';
      const of = (measure: string): number[] => both.map((values) => values[measure]!);
      return formatInterval(pairedDifference(of(measures.before), of(measures.after)), format);
    },
  };
}
