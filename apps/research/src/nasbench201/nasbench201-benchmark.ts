import type { NasBench201Table } from '@nat/datasets';
import { createCheckpoint, EDGE_POLICY, PolicyInference, type SampledTransform, splitNasBench201 } from '@nat/nat';
import { RandomStream } from '@nat/base/random';
import { greedyDigits, learnActionTable } from './action-table.ts';
import { CellTable, codeOf, type CellResults } from './cell-results.ts';
import { evolve } from './evolution.ts';
import { scoreMethod, type MethodScore } from './scores.ts';
import { codeOfDraw } from './tabular-search.ts';

export interface NasBench201BenchmarkOptions {
  readonly table: NasBench201Table;
  readonly policy: PolicyInference;
  /** Distinct pairs the policy learned from, to be shown. @default null, not known */
  readonly policyEvaluations?: number | null;
  /** What is gained. @default 'c10_valid_200' */
  readonly column?: string;
  /** Seed of the methods that sample. @default 0 */
  readonly seed?: number;
  /** Look-ups of regularized evolution for each cell. @default 50 */
  readonly evolutionEvaluations?: number;
  /** Learning of the action table. @default 500 steps of 512 */
  readonly actionTable?: { readonly steps: number; readonly batch: number };
}

export interface NasBench201Report {
  readonly column: string;
  readonly heldOutCells: number;
  /** The policy first, then what it is compared with. */
  readonly methods: readonly MethodScore[];
}

const RANDOM_DRAWS = 10;

/**
 * What one greedy transform of every held-out cell reaches, beside simpler methods: `policy`, `keep-all`, `uniform-random`,
 * `best-of-10-random`, `action-table` and `regularized-evolution`.
 *
 * @throws DomainError INVALID_ARGUMENT UNKNOWN_COLUMN
 */
export function benchmarkNasBench201(options: NasBench201BenchmarkOptions): NasBench201Report {
  const { table, policy, column = 'c10_valid_200', seed = 0, evolutionEvaluations = 50, policyEvaluations = null } = options;
  const cellTable = new CellTable(table, column);
  const { training, heldOut } = splitNasBench201(table);
  const cells = heldOut.map((row) => cellTable.cell(row));
  const source = cells.map(({ digits }) => cellTable.value[codeOf(digits)]!);
  const best = cells.map((cell) => cellTable.affordable(cell).reduce((highest, code) => Math.max(highest, cellTable.value[code]!), -Infinity));
  const values = { source, best };
  const look = (digits: readonly number[]): number => cellTable.value[codeOf(digits)]!;
  const byDigits = (name: string, evaluations: number, decide: (cell: CellResults, index: number) => readonly number[]): MethodScore => {
    const results = cells.map(decide);
    const certificateViolations = results.filter((digits, i) => !cellTable.costsNoMore(codeOf(digits), codeOf(cells[i]!.digits))).length;
    return scoreMethod(values, results.map(look), { name, evaluations, certificateViolations });
  };
  const byDraw = (name: string, evaluations: number | null, decide: (cell: CellResults, index: number) => SampledTransform): MethodScore => {
    const draws = cells.map(decide);
    const codes = draws.map(codeOfDraw);
    // Both the certificate and the benchmark's own counts must agree that nothing got dearer.
    const certificateViolations = draws.filter((draw, i) => !draw.certificate.holds || !cellTable.costsNoMore(codes[i]!, codeOf(cells[i]!.digits))).length;
    return scoreMethod(values, codes.map((code) => cellTable.value[code]!), { name, evaluations, certificateViolations }); // prettier-ignore
  };

  const uniform = new PolicyInference(createCheckpoint(EDGE_POLICY, RandomStream.of(seed, 'uniform')));
  const sample = (cell: CellResults, index: number, draw: number): SampledTransform =>
    uniform.sample(cell.environment, { mode: 'sample', stream: RandomStream.of(seed, 'benchmark', index, draw) });
  const bestOfRandom = (cell: CellResults, index: number): SampledTransform => {
    const draws = Array.from({ length: RANDOM_DRAWS }, (_, k) => sample(cell, index, k));
    const valueOf = (draw: SampledTransform): number => cellTable.value[codeOfDraw(draw)]!;
    return draws.reduce((best, draw) => (valueOf(draw) > valueOf(best) ? draw : best));
  };
  const { steps, batch } = options.actionTable ?? { steps: 500, batch: 512 };
  const learned = learnActionTable(cellTable, training.map((row) => cellTable.cell(row)), { steps, batch, seed }); // prettier-ignore

  return {
    column,
    heldOutCells: cells.length,
    methods: [
      byDraw('policy', policyEvaluations, (cell) => policy.sample(cell.environment, { mode: 'greedy' })),
      byDigits('keep-all', 0, ({ digits }) => digits),
      byDraw('uniform-random', 0, (cell, i) => sample(cell, i, 0)),
      byDraw('best-of-10-random', RANDOM_DRAWS * cells.length, bestOfRandom),
      byDigits('action-table', learned.evaluations, (cell) => greedyDigits(learned, cell)),
      byDigits('regularized-evolution', evolutionEvaluations * cells.length, (cell, i) =>
        evolve(cellTable, cell, RandomStream.of(seed, 'evolution', i), { evaluations: evolutionEvaluations }),
      ),
    ],
  };
}
