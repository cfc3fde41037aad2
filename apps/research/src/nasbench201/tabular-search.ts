/** A search whose rewards are looked up, in one process: the rounds of a `tabular` search without the services around them. */
import { type PolicyInference, type SampledTransform, type SampledTrial, searchInProcess, SearchSession, type SessionSpec } from '@nat/nat';
import { RandomStream } from '@nat/base/random';
import type { NasBench201Task } from './held-out-gain.ts';
import { codeOfNames, codeOfText, type CellResults } from './cell-results.ts';

export interface TabularSearchOptions {
  readonly task: NasBench201Task;
  readonly spec: SessionSpec;
  readonly steps: number;
  /** Value of a cell. @default the task's reward */
  readonly rewardOf?: (code: number) => number;
  readonly onStep?: (step: number) => void;
}

export interface TabularSearchResult {
  /** As `SearchSession.serialize` gives it. */
  readonly checkpoint: Uint8Array;
  /** Pairs of a source and a transform that were rewarded, those that came again in another step included. */
  readonly pairs: number;
  /** Distinct cells looked up, sources and results. */
  readonly distinct: number;
}

/** Learns a policy from looked-up rewards: the same bits as the services give for the same spec and thread count. */
export async function searchTabular({ task, spec, steps, rewardOf, onStep }: TabularSearchOptions): Promise<TabularSearchResult> {
  const session = new SearchSession(spec, { loadTable: () => task.table });
  const seen = new Set<number>();
  const value = (cell: string): number => {
    const code = codeOfText(cell);
    seen.add(code);
    return rewardOf === undefined ? task.rewards.value[code]! : rewardOf(code);
  };
  let count = 0;
  await searchInProcess({
    session,
    steps,
    evaluate: ({ candidates }) => candidates.texts.map((text) => ({ value: value(text) })),
    onStep: ({ step, round }) => {
      count += transformsOf(round.trials);
      onStep?.(step);
    },
  });
  return { checkpoint: session.serialize(), pairs: count, distinct: seen.size };
}

/** The transforms that a step rewards: every trial, and each greedy transform that is no trial's, once. */
function transformsOf(trials: readonly SampledTrial[]): number {
  const keyOf = (source: string, result: string): string => `${source}\n${result}`;
  const sampled = new Set(trials.map(({ source, result }) => keyOf(source, result)));
  const greedy = new Set(trials.flatMap(({ source, greedyResult }) => (greedyResult === undefined ? [] : keyOf(source, greedyResult))));
  return trials.length + [...greedy].filter((key) => !sampled.has(key)).length;
}

/** Code of the greedy result of every cell. */
export function greedyCodes(policy: PolicyInference, cells: readonly CellResults[]): readonly number[] {
  return cells.map(({ environment }) => codeOfDraw(policy.sample(environment, { mode: 'greedy' })));
}

/** Results of the held-out cells, and how many look-ups it took to choose them. */
export interface SampledCodes {
  readonly codes: readonly number[];
  readonly lookUps: number;
}

/**
 * Codes of one of `draws` samples of every held-out cell.
 * @param by `reward`: the best of them, every distinct one looked up (none where there is but one draw); `likelihood`: the likeliest, none looked up
 */
export function sampledCodes(
  task: NasBench201Task,
  policy: PolicyInference,
  { draws, seed, by }: { readonly draws: number; readonly seed: number; readonly by: 'reward' | 'likelihood' },
): SampledCodes {
  let lookUps = 0;
  const codes = task.heldOut.map(({ environment }, i) => {
    const stream = RandomStream.of(seed, 'samples', i);
    const samples = Array.from({ length: draws }, () => policy.sample(environment, { mode: 'sample', stream }));
    const valueOf = (code: number): number => task.rewards.value[code]!;
    if (by === 'likelihood') return codeOfDraw(samples.reduce((best, draw) => (draw.logProb > best.logProb ? draw : best)));
    const distinct = [...new Set(samples.map(codeOfDraw))];
    if (draws > 1) lookUps += distinct.length;
    return distinct.reduce((best, code) => (valueOf(code) > valueOf(best) ? code : best));
  });
  return { codes, lookUps };
}

/** Code of what a draw results in. */
export function codeOfDraw({ result }: SampledTransform): number {
  return codeOfNames(result.cells[0]!.edges.map(({ operation }) => operation.name));
}
