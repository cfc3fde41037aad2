/**
 * One round of a search as pure functions: draw trials, name the pairs to evaluate, and turn outcomes into what the learner
 * takes. Everything a round draws comes from (seed, step, index), so it does not matter who draws it or when; what was
 * drawn is stored before it is evaluated, and learning reads what was stored.
 */
import { formatArchitecture } from '@nat/cells';
import type { PolicyInference } from '../policy/inference/policy-inference.ts';
import type { SampledTransform } from '../policy/sampled-transform.ts';
import type { Trial } from '../learning/reinforce.ts';
import { RandomStream } from '@nat/base/random';
import type { SearchSpace } from './spaces/space.ts';
import type { EnvironmentCache } from './environment-cache.ts';

/** A drawn pair, as it is stored. */
export interface SampledTrial {
  /** Position in the round. */
  readonly index: number;
  readonly source: string;
  /** As `Draw.actions`. */
  readonly actions: readonly number[];
  readonly result: string;
  /** log pi(actions | source) under the policy that drew. */
  readonly logProb: number;
  /** Result of the policy's greedy actions on the same source; only where the baseline needs it. */
  readonly greedyResult?: string;
}

export interface RoundOptions {
  readonly space: SearchSpace;
  readonly environments: EnvironmentCache;
  readonly policy: PolicyInference;
  readonly seed: number;
  /** From 1. */
  readonly step: number;
  /** Trials of the round. */
  readonly batch: number;
  /** Whether every trial needs its greedy partner (the self-critical baseline). */
  readonly withGreedy: boolean;
}

/** Draws the trials of one step: a source a ~ space and a transform b ~ pi(. | a). */
export function sampleRound({ space, environments, policy, seed, step, batch, withGreedy }: RoundOptions): readonly SampledTrial[] {
  return Array.from({ length: batch }, (_, index) => {
    const stream = RandomStream.of(seed, step, index);
    const source = space.sampleSource(stream);
    const environment = environments.of(source);
    const draw = policy.sample(environment, { mode: 'sample', stream });
    const trial = { index, source: source.text, actions: [...draw.actions], result: resultText(source.text, draw), logProb: draw.logProb };
    if (!withGreedy) return trial;
    const greedy = policy.sample(environment, { mode: 'greedy' });
    return { ...trial, greedyResult: sameActions(draw, greedy) ? trial.result : resultText(source.text, greedy) };
  });
}

/** The result's text; the source's own where nothing was replaced, so that equal architectures of a space have equal texts. */
function resultText(source: string, { environment, result }: SampledTransform): string {
  return result === environment.architecture ? source : formatArchitecture(result).text;
}

function sameActions(a: SampledTransform, b: SampledTransform): boolean {
  return a.actions.every((action, i) => action === b.actions[i]);
}

/** Two architectures to evaluate against each other. */
export interface RoundPair {
  readonly source: string;
  readonly result: string;
}

/** The pairs of a round: pair i < batch is trial i; greedy partners that no trial happens to be follow, each once. */
export interface RoundPairs {
  readonly pairs: readonly RoundPair[];
  /** Pair that holds the greedy reward of each trial; empty without greedy partners. [batch] */
  readonly greedyPair: readonly number[];
}

/** Names the pairs of a round. The same trials give the same pairs in the same order. */
export function pairsOfRound(trials: readonly SampledTrial[]): RoundPairs {
  const pairs: RoundPair[] = trials.map(({ source, result }) => ({ source, result }));
  const known = new Map<string, number>();
  const keyOf = ({ source, result }: RoundPair): string => `${source}\n${result}`;
  pairs.forEach((pair, i) => {
    if (!known.has(keyOf(pair))) known.set(keyOf(pair), i);
  });
  const greedyPair: number[] = [];
  for (const { source, greedyResult } of trials) {
    if (greedyResult === undefined) continue;
    const pair = { source, result: greedyResult };
    let position = known.get(keyOf(pair));
    if (position === undefined) {
      position = pairs.push(pair) - 1;
      known.set(keyOf(pair), position);
    }
    greedyPair.push(position);
  }
  return { pairs, greedyPair };
}

/** What became of one pair. */
export type PairOutcome = { readonly sourceValue: number; readonly resultValue: number } | { readonly failure: string };

/** A trial that counts in the step. */
export interface CountedTrial {
  readonly trial: SampledTrial;
  readonly reward: number;
  readonly greedyReward?: number;
}

/** A trial that does not, and why. */
export interface LeftOutTrial {
  readonly trial: SampledTrial;
  readonly failure: string;
}

export interface CollatedRound {
  readonly counted: readonly CountedTrial[];
  readonly leftOut: readonly LeftOutTrial[];
}

/** Reward of a pair: value(b) - value(a), in the unit of the values. */
function rewardOf(outcome: PairOutcome): number | string {
  if ('failure' in outcome) return outcome.failure;
  const reward = outcome.resultValue - outcome.sourceValue;
  return Number.isFinite(reward) ? reward : 'NOT_FINITE: a value is not a finite number';
}

/**
 * Rewards in trial order, whatever order the outcomes came in. A trial whose own pair or greedy partner failed is left out.
 * @param outcomes by pair, as `pairsOfRound` numbers them
 */
export function collateRound(trials: readonly SampledTrial[], { greedyPair }: RoundPairs, outcomes: readonly PairOutcome[]): CollatedRound {
  const counted: CountedTrial[] = [];
  const leftOut: LeftOutTrial[] = [];
  trials.forEach((trial, i) => {
    const reward = rewardOf(outcomes[i]!);
    if (typeof reward === 'string') {
      leftOut.push({ trial, failure: reward });
      return;
    }
    const partner = greedyPair[i];
    if (partner === undefined) {
      counted.push({ trial, reward });
      return;
    }
    const greedyReward = rewardOf(outcomes[partner]!);
    if (typeof greedyReward === 'string') leftOut.push({ trial, failure: `greedy partner: ${greedyReward}` });
    else counted.push({ trial, reward, greedyReward });
  });
  return { counted, leftOut };
}

/**
 * The learner's form of counted trials, in the same order.
 * @param stale whether an earlier policy drew them: they are weighted by how much likelier the learner's policy is to draw them. @default false
 */
export function learnerTrials(counted: readonly CountedTrial[], environments: EnvironmentCache, stale = false): Trial[] {
  return counted.map(({ trial, reward, greedyReward }) => ({
    environment: environments.read(trial.source),
    actions: trial.actions,
    reward,
    ...(greedyReward === undefined ? {} : { greedyReward }),
    ...(stale ? { behaviourLogProb: trial.logProb } : {}),
  }));
}
