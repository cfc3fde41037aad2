/**
 * NAS-Bench-201 as a test of transforms: every held-out cell is transformed once, and what was gained is compared with what could have been.
 * Rewards are the column's own values, as an evaluator would return them. Scores are its means over each functional class (`iso_class`): members
 * compute the same function, so what sets them apart is the noise of single trainings, which no policy can or should follow.
 */
import { columnOf, type NasBench201Table } from '@nat/datasets';
import { splitNasBench201 } from '@nat/nat';
import { CellTable, codeOf, type CellResults, type CellRules } from './cell-results.ts';

/** What results of all held-out cells come to. */
export interface HeldOutGain {
  /** (mean of results - mean of sources) / (mean of best results that cost no more - mean of sources). */
  readonly gain: number;
  /** Mean change of sources above 90, in the unit of the column. */
  readonly changeAbove90: number;
  /** Results with more params or MACs than their source. */
  readonly dearer: number;
}

/** A table in which a column holds, for every cell, the mean over its functional class. */
function withClassMeans(table: NasBench201Table, column: string): NasBench201Table {
  const isoClass = columnOf(table, 'iso_class');
  const values = columnOf(table, column);
  const sums = new Map<number, { sum: number; count: number }>();
  values.forEach((value, row) => {
    const of = sums.get(isoClass[row]!) ?? { sum: 0, count: 0 };
    sums.set(isoClass[row]!, { sum: of.sum + value, count: of.count + 1 });
  });
  const means = Float64Array.from(isoClass, (of) => sums.get(of)!.sum / sums.get(of)!.count);
  return { ...table, columns: new Map([...table.columns, [column, means]]) };
}

/** Training and held-out cells with their rewards and scores. */
export class NasBench201Task {
  readonly table: NasBench201Table;
  readonly column: string;
  /** By code: what an evaluation returns. */
  readonly rewards: CellTable;
  /** By code: what results are judged by. */
  readonly scores: CellTable;
  readonly training: readonly CellResults[];
  readonly heldOut: readonly CellResults[];
  readonly #source: number;
  readonly #best: number;

  /** @throws DomainError INVALID_ARGUMENT UNKNOWN_COLUMN; NOT_FOUND UNKNOWN_CELL for a table that lacks cells */
  constructor(table: NasBench201Table, column = 'c10_valid_200') {
    this.table = table;
    this.column = column;
    this.rewards = new CellTable(table, column);
    this.scores = new CellTable(withClassMeans(table, column), column);
    const { training, heldOut } = splitNasBench201(table);
    this.training = training.map((row) => this.rewards.cell(row));
    this.heldOut = heldOut.map((row) => this.rewards.cell(row));
    this.#source = this.meanScore(this.heldOut.map(({ digits }) => codeOf(digits)));
    this.#best = this.attainable(this.heldOut);
  }

  /** The held-out cells, in the same order, under other rules. */
  heldOutUnder(rules: CellRules): readonly CellResults[] {
    return this.heldOut.map(({ row }) => this.rewards.cell(row, rules));
  }

  /** Mean score of cells given by code. */
  meanScore(codes: readonly number[]): number {
    return mean(codes.map((code) => this.scores.value[code]!));
  }

  /** Mean score of the best results of the given cells that cost no more. */
  attainable(cells: readonly CellResults[]): number {
    return mean(cells.map((cell) => this.scores.affordable(cell).reduce((best, code) => Math.max(best, this.scores.value[code]!), -Infinity)));
  }

  /** @param results code of the result of every held-out cell */
  gainOf(results: readonly number[]): HeldOutGain {
    const value = this.scores.value;
    const sources = this.heldOut.map(({ digits }) => codeOf(digits));
    const good = sources.flatMap((source, i) => (value[source]! > 90 ? [value[results[i]!]! - value[source]!] : []));
    return {
      gain: (this.meanScore(results) - this.#source) / (this.#best - this.#source),
      changeAbove90: good.length === 0 ? 0 : mean(good),
      dearer: results.filter((code, i) => !this.scores.costsNoMore(code, sources[i]!)).length,
    };
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
