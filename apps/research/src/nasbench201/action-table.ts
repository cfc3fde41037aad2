/**
 * A policy without context: the probabilities of an edge's targets depend on nothing but the edge's place in the cell and
 * its operation. Learned by the same REINFORCE with the same trials, partners and entropy decay as the policy it is compared
 * with, so the difference between the two is what reading the architecture is worth.
 */
import { RandomStream } from '@nat/base/random';
import { codeOf, type CellResults, type CellTable } from './cell-results.ts';

export interface ActionTableOptions {
  readonly steps: number;
  /** Trials a step. */
  readonly batch: number;
  readonly seed: number;
}

const DIGITS = 5;
const LEARNING_RATE = 0.05;
const ENTROPY = 0.2;
const CLIP = 3;
const DECAYS = [0.9, 0.999] as const;

/** Scores of every target of every operation at every place. [edges, digits, digits] */
export interface ActionTable {
  readonly scores: Float64Array;
  readonly evaluations: number;
}

function at(edge: number, before: number, after: number): number {
  return (edge * DIGITS + before) * DIGITS + after;
}

/** Softmax over an edge's targets. */
function probabilities(scores: Float64Array, edge: number, before: number, targets: readonly number[]): number[] {
  const logits = targets.map((after) => scores[at(edge, before, after)]!);
  const highest = Math.max(...logits);
  const weights = logits.map((logit) => Math.exp(logit - highest));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/** The likeliest target of every edge. */
export function greedyDigits({ scores }: ActionTable, { digits, targets }: CellResults): readonly number[] {
  return targets.map((choices, edge) =>
    choices.reduce((best, after) => (scores[at(edge, digits[edge]!, after)]! > scores[at(edge, digits[edge]!, best)]! ? after : best)),
  );
}

/** Learns the table on the given cells. */
export function learnActionTable(table: CellTable, cells: readonly CellResults[], { steps, batch, seed }: ActionTableOptions): ActionTable {
  const size = 6 * DIGITS * DIGITS;
  const scores = new Float64Array(size);
  const first = new Float64Array(size);
  const second = new Float64Array(size);
  const learned: ActionTable = { scores, evaluations: 2 * steps * batch };
  for (let step = 1; step <= steps; step++) {
    const gradient = new Float64Array(size);
    const trials = Array.from({ length: batch }, (_, index) => {
      const stream = RandomStream.of(seed, 'action-table', step, index);
      const cell = cells[stream.integer(cells.length)]!;
      const chosen = cell.targets.map((choices, edge) => stream.categorical(probabilities(scores, edge, cell.digits[edge]!, choices)));
      const sampled = table.value[codeOf(chosen.map((k, edge) => cell.targets[edge]![k]!))]!;
      return { cell, chosen, advantage: sampled - table.value[codeOf(greedyDigits(learned, cell))]! };
    });
    const rms = Math.sqrt(trials.reduce((sum, { advantage }) => sum + advantage ** 2, 0) / batch) || 1;
    const entropyWeight = ENTROPY * (1 - (step - 1) / steps);
    for (const { cell, chosen, advantage } of trials) {
      const weight = Math.max(-CLIP, Math.min(CLIP, advantage / rms));
      cell.targets.forEach((choices, edge) => {
        const before = cell.digits[edge]!;
        const p = probabilities(scores, edge, before, choices);
        const entropy = -p.reduce((sum, q) => sum + q * Math.log(q), 0);
        choices.forEach((after, k) => {
          // d(-A log p_chosen - w H) / d logit
          const policyGradient = weight * (p[k]! - (k === chosen[edge] ? 1 : 0));
          gradient[at(edge, before, after)]! += (policyGradient + entropyWeight * p[k]! * (Math.log(p[k]!) + entropy)) / batch;
        });
      });
    }
    for (let i = 0; i < size; i++) {
      first[i] = DECAYS[0] * first[i]! + (1 - DECAYS[0]) * gradient[i]!;
      second[i] = DECAYS[1] * second[i]! + (1 - DECAYS[1]) * gradient[i]! ** 2;
      scores[i]! -= (LEARNING_RATE * (first[i]! / (1 - DECAYS[0] ** step))) / (Math.sqrt(second[i]! / (1 - DECAYS[1] ** step)) + 1e-8);
    }
  }
  return learned;
}
