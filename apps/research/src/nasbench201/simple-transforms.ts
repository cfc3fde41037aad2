/** Transforms of held-out cells without a network: what a policy is compared with. */
import { RandomStream } from '@nat/base/random';
import { greedyDigits, learnActionTable } from './action-table.ts';
import { codeOf } from './cell-results.ts';
import { evolve } from './evolution.ts';
import type { NasBench201Task } from './held-out-gain.ts';

/** Codes of the greedy results of an action table learned with the given steps and trials a step, two look-ups a trial. */
export function actionTableCodes(task: NasBench201Task, options: { readonly steps: number; readonly batch: number; readonly seed: number }): readonly number[] {
  const learned = learnActionTable(task.rewards, task.training, options);
  return task.heldOut.map((cell) => codeOf(greedyDigits(learned, cell)));
}

/** Codes of the best of `draws` uniform results of every cell that cost no more, looked up one by one. */
export function uniformCodes(task: NasBench201Task, { draws, seed }: { readonly draws: number; readonly seed: number }): readonly number[] {
  return task.heldOut.map((cell, i) => {
    const stream = RandomStream.of(seed, 'uniform', i);
    const within = task.rewards.affordable(cell);
    const codes = Array.from({ length: draws }, () => within[stream.integer(within.length)]!);
    return codes.reduce((best, code) => (task.rewards.value[code]! > task.rewards.value[best]! ? code : best));
  });
}

/** Codes of the best results that regularized evolution finds, cell by cell. */
export function evolvedCodes(task: NasBench201Task, { evaluations, seed }: { readonly evaluations: number; readonly seed: number }): readonly number[] {
  return task.heldOut.map((cell, i) => codeOf(evolve(task.rewards, cell, RandomStream.of(seed, 'evolution', i), { evaluations })));
}
