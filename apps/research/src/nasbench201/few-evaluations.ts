/** Ways to spend a small budget of evaluations on NAS-Bench-201. An evaluation is the look-up of one distinct cell, source or result. */
import { readNasBench201 } from '@nat/cells';
import { RandomStream } from '@nat/base/random';
import { argmax } from '../reward-model/argmax.ts';
import { RewardModel, REWARD_MODEL, type RewardModelOptions } from '../reward-model/reward-model.ts';
import { codeOf, textOfCode, type CellResults } from './cell-results.ts';
import type { NasBench201Task } from './held-out-gain.ts';

/** Cells that were looked up, by code, with their rewards. */
export type Evaluated = ReadonlyMap<number, number>;

export interface BudgetOptions {
  readonly task: NasBench201Task;
  /** Distinct cells. */
  readonly evaluations: number;
  readonly seed: number;
}

/** Distinct training cells, drawn uniformly. */
export function evaluateRandom({ task, evaluations, seed }: BudgetOptions): Evaluated {
  const codes = RandomStream.of(seed, 'evaluate').shuffle(task.training.map(({ digits }) => codeOf(digits)));
  return new Map(codes.slice(0, evaluations).map((code) => [code, task.rewards.value[code]!]));
}

const RANDOM_SHARE = 0.4;
const ROUNDS = 4;

/**
 * Random cells first (40 %), then in four rounds what the model of all before it thinks the best results of random training cells: transforms are
 * judged by how good their results are, so that is where the model must be right.
 */
export function evaluateActively({ task, evaluations, seed }: BudgetOptions): Evaluated {
  const first = Math.round(RANDOM_SHARE * evaluations);
  const evaluated = new Map(evaluateRandom({ task, evaluations: first, seed }));
  const stream = RandomStream.of(seed, 'active');
  for (let round = 1; round <= ROUNDS; round++) {
    const predict = predictorOf(fitRewardModel(evaluated));
    const goal = Math.round(first + ((evaluations - first) * round) / ROUNDS);
    while (evaluated.size < goal) {
      const cell = task.training[stream.integer(task.training.length)]!;
      // The best result that has not been looked up: sources share their best ones.
      const fresh = task.rewards.affordable(cell).filter((code) => !evaluated.has(code));
      if (fresh.length === 0) continue;
      const best = argmax(fresh, predict);
      evaluated.set(best, task.rewards.value[best]!);
    }
  }
  return evaluated;
}

/** Regularized evolution over all cells (Real et al., AAAI 2019: population 25, tournaments of 5), until as many distinct cells were looked up. */
export function evaluateByEvolution({ task, evaluations, seed }: BudgetOptions): Evaluated {
  const stream = RandomStream.of(seed, 'evolution');
  const evaluated = new Map<number, number>();
  const population: { readonly digits: readonly number[]; readonly value: number }[] = [];
  while (evaluated.size < evaluations) {
    let digits = task.training[stream.integer(task.training.length)]!.digits;
    if (population.length >= 25) {
      const tournament = Array.from({ length: 5 }, () => population[stream.integer(population.length)]!);
      const parent = tournament.reduce((best, member) => (member.value > best.value ? member : best));
      const edge = stream.integer(digits.length);
      digits = parent.digits.map((digit, e) => (e === edge ? (digit + 1 + stream.integer(4)) % 5 : digit));
    }
    const value = task.rewards.value[codeOf(digits)]!;
    evaluated.set(codeOf(digits), value);
    population.push({ digits, value });
    if (population.length > 25) population.shift();
  }
  return evaluated;
}

/** A reward model of what was looked up. */
export function fitRewardModel(evaluated: Evaluated, options: RewardModelOptions = REWARD_MODEL): RewardModel {
  const observations = [...evaluated].map(([code, value]) => ({ architecture: readNasBench201(textOfCode(code)), value }));
  return new RewardModel(observations, options);
}

/** Predictions by code, each made once. */
export function predictorOf(model: RewardModel): (code: number) => number {
  const known = new Map<number, number>();
  return (code) => {
    let value = known.get(code);
    if (value === undefined) known.set(code, (value = model.predict(readNasBench201(textOfCode(code)))));
    return value;
  };
}

/** For every cell the result that costs no more and is predicted best. */
export function bestPredicted(task: NasBench201Task, cells: readonly CellResults[], predict: (code: number) => number): readonly number[] {
  return cells.map((cell) => argmax(task.rewards.affordable(cell), predict));
}

/** For every cell the best of the looked-up results that cost no more; the cell itself where there is none. */
export function bestEvaluated(task: NasBench201Task, cells: readonly CellResults[], evaluated: Evaluated): readonly number[] {
  return cells.map((cell) => {
    const known = task.rewards.affordable(cell).filter((code) => evaluated.has(code));
    return known.length === 0 ? codeOf(cell.digits) : argmax(known, (code) => evaluated.get(code)!);
  });
}
