/**
 * One round of a search as pure functions: draw trials, name the candidates to evaluate, and turn outcomes into what the learner
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

/** A source and a transform of it, as they are stored. */
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
  /** Whether every trial needs the greedy transform of its source (the self-critical baseline). */
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

/** Where the architectures of a trial stand among the candidates of its round. */
export interface TrialCandidates {
  readonly source: number;
  readonly result: number;
  /** Of the policy's greedy actions; only where the baseline needs it. */
  readonly greedyResult?: number;
}

/** What is to be evaluated for a round. */
export interface RoundCandidates {
  /** The sources, results and greedy results of the trials, each text once. [candidates] */
  readonly texts: readonly string[];
  /** Positions in `texts`. [batch] */
  readonly trials: readonly TrialCandidates[];
}

/** Names the candidates of a round. The same trials give the same candidates in the same order: as they first occur, trial by trial. */
export function candidatesOfRound(trials: readonly SampledTrial[]): RoundCandidates {
  const positions = new Map<string, number>();
  const positionOf = (text: string): number => {
    const known = positions.get(text);
    if (known !== undefined) return known;
    positions.set(text, positions.size);
    return positions.size - 1;
  };
  const ofTrials = trials.map(({ source, result, greedyResult }) => ({
    source: positionOf(source),
    result: positionOf(result),
    ...(greedyResult === undefined ? {} : { greedyResult: positionOf(greedyResult) }),
  }));
  return { texts: [...positions.keys()], trials: ofTrials };
}

/** What came of one candidate. */
export type CandidateOutcome = { readonly value: number } | { readonly failure: string };

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

/** R(b | a) = value(b) - value(a), in the unit of the values; else why there is none. */
function rewardOf(source: CandidateOutcome, result: CandidateOutcome): number | string {
  if ('failure' in source) return source.failure;
  if ('failure' in result) return result.failure;
  const reward = result.value - source.value;
  return Number.isFinite(reward) ? reward : 'NOT_FINITE: a value is not a finite number';
}

/**
 * Rewards in trial order, whatever order the outcomes came in. A trial is left out when its source, its result or its greedy result has no value.
 * @param outcomes by candidate, as `RoundCandidates.texts` numbers them
 */
export function collateRound(trials: readonly SampledTrial[], candidates: RoundCandidates, outcomes: readonly CandidateOutcome[]): CollatedRound {
  const counted: CountedTrial[] = [];
  const leftOut: LeftOutTrial[] = [];
  trials.forEach((trial, i) => {
    const { source, result, greedyResult } = candidates.trials[i]!;
    const reward = rewardOf(outcomes[source]!, outcomes[result]!);
    if (typeof reward === 'string') {
      leftOut.push({ trial, failure: reward });
      return;
    }
    if (greedyResult === undefined) {
      counted.push({ trial, reward });
      return;
    }
    const greedyReward = rewardOf(outcomes[source]!, outcomes[greedyResult]!);
    if (typeof greedyReward === 'string') leftOut.push({ trial, failure: `greedy result: ${greedyReward}` });
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
