/** The best result of every held-out cell under a cost that its source must shrink to. */
import { columnOf } from '@nat/datasets';
import type { PolicyInference } from '@nat/nat';
import { argmax } from '../reward-model/argmax.ts';
import { codeOf, codeOfNames, codeOfText, type CellResults } from './cell-results.ts';
import type { NasBench201Task } from './held-out-gain.ts';

export interface Constraint {
  /** A column of the table: `flops` (MACs) or a latency. */
  readonly column: string;
  /** Share of the source's cost that the result may have. */
  readonly fraction: number;
}

/** Means over the sources that have a result within the constraint, in the unit of the column. */
export interface ConstrainedScores {
  /** Share of held-out cells that have one. */
  readonly feasible: number;
  readonly source: number;
  /** The likeliest under the policy. */
  readonly policy: number;
  /** The best predicted by the reward model. */
  readonly model: number;
  /** Expectation of a result drawn uniformly. */
  readonly random: number;
  /** Value of the best there is. */
  readonly best: number;
}

/** Latencies below this share of their column's median are no measurements; cells with one are neither sources nor results. */
const NEAR_ZERO = 0.01;

export function scoreUnderConstraint(
  task: NasBench201Task,
  { column, fraction }: Constraint,
  policy: PolicyInference,
  predict: (code: number) => number,
): ConstrainedScores {
  const cost = costByCode(task, column);
  const value = (code: number): number => task.scores.value[code]!;
  const totals = { source: 0, policy: 0, model: 0, random: 0, best: 0 };
  let feasible = 0;
  for (const cell of task.heldOut) {
    const source = codeOf(cell.digits);
    const bound = fraction * cost[source]!;
    const within = task.scores.affordable(cell).filter((code) => cost[code]! <= bound); // none where either is NaN
    if (within.length === 0) continue;
    feasible++;
    const likelihood = likelihoodOf(policy, cell);
    totals.source += value(source);
    totals.policy += value(argmax(within, likelihood));
    totals.model += value(argmax(within, predict));
    totals.random += within.reduce((sum, code) => sum + value(code), 0) / within.length;
    totals.best += value(argmax(within, value));
  }
  const mean = (total: number): number => total / feasible;
  return {
    feasible: feasible / task.heldOut.length,
    source: mean(totals.source),
    policy: mean(totals.policy),
    model: mean(totals.model),
    random: mean(totals.random),
    best: mean(totals.best),
  };
}

/** NaN for what is no measurement. */
function costByCode({ table }: NasBench201Task, column: string): Float64Array {
  const values = columnOf(table, column);
  const floor = column.startsWith('lat_') ? NEAR_ZERO * [...values].sort((a, b) => a - b)[values.length >> 1]! : -Infinity;
  const cost = new Float64Array(values.length).fill(NaN);
  values.forEach((value, row) => {
    if (value >= floor) cost[codeOfText(table.cells[row]!)] = value;
  });
  return cost;
}

/** log pi(result | source) up to a constant: the sum of the scores of its actions; masks only leave results out. */
function likelihoodOf(policy: PolicyInference, { environment }: CellResults): (code: number) => number {
  const scores = policy.scores(environment);
  // By edge, the score of every digit it may get.
  const byDigit = Array.from({ length: environment.decisions }, (_, edge) => {
    const scoreOf = new Float64Array(5).fill(-Infinity);
    for (let c = environment.candidateStart[edge]!; c < environment.candidateStart[edge + 1]!; c++) {
      scoreOf[codeOfNames([environment.target(edge, environment.candidateAction[c]!)])] = scores[c]!;
    }
    return scoreOf;
  });
  return (code) => {
    let sum = 0;
    for (let edge = byDigit.length - 1, rest = code; edge >= 0; edge--, rest = Math.floor(rest / 5)) sum += byDigit[edge]![rest % 5]!;
    return sum;
  };
}
