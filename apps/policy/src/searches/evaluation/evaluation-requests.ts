/** What a round asks of the evaluator: the same round always asks the same, to the byte. */
import { evaluation as wire, type architecture as architectureWire } from '@nat/contracts';
import {
  BLOCK_SPACES,
  derivedSeed,
  epochOf,
  isBlockSpaceName,
  supernetKind,
  weightLearningRateAt,
  weightRoundsOf,
  type EffectiveSearchSpec,
  type RoundPair,
  type SharedWeightsReward,
  type WeightRound,
} from '@nat/nat';
import { evaluableRef, placementToWire, refOfText, toDuration } from '@nat/convert';
import { evaluationNames } from '../names.ts';
import { splitToWire } from '../store/search-spec-converter.ts';

/** Pairs of one evaluation are cut off at this much text, so that requests, leases and outcomes stay under the limits of messages. */
const MAX_PAIR_TEXT = 600_000;
/** Of the comparison after the last step: both results of one source, each scored on thousands of images. */
const HELD_OUT_PAIRS_AN_EVALUATION = 2;
/** Leases of an evaluation before it is given up: workers of a long search are lost now and then, and a step needs all of its evaluations. */
export const MAX_ATTEMPTS = 20;
/** Children are compared after short training. */
export const CHILD_RECIPE = { learningRate: 0.025, momentum: 0.9, weightDecay: 3e-4 };

/** `weights`: a shard of weight training; `average`: of the shards of a round of it; `pairs`: what rewards come from. */
export type EvaluationKindName = 'weights' | 'average' | 'pairs';

/** One evaluation of a round, before it is asked for. */
export interface PlannedEvaluation {
  readonly name: string;
  readonly position: number;
  readonly kind: EvaluationKindName;
  readonly firstPair: number;
  readonly pairs: number;
}

export interface RoundKey {
  readonly namespace: string;
  readonly searchId: string;
  /** Of the round, from 1. */
  readonly number: number;
}

/** Id of a pair everywhere outside this service. */
function pairId({ namespace, searchId, number }: RoundKey, pair: number): string {
  return `${namespace}/${searchId}/${number}/${pair}`;
}

/** Cuts the pairs of a round into evaluations; rounds of weight training come first where the step has some: shards, then their average. */
export function planEvaluations(spec: EffectiveSearchSpec, key: RoundKey, pairs: readonly RoundPair[]): readonly PlannedEvaluation[] {
  const planned: PlannedEvaluation[] = [];
  const name = (suffix: string): string => evaluationNames.format({ namespace: key.namespace, evaluation: `${key.searchId}.${key.number}.${suffix}` });
  const plan = (kind: EvaluationKindName, suffix: string): void => {
    planned.push({ name: name(suffix), position: planned.length, kind, firstPair: 0, pairs: 0 });
  };
  for (const { round } of weightRoundsOf(spec, key.number)) {
    for (let shard = 0; shard < shardsOf(spec); shard++) plan('weights', `weights-${round}-${shard}`);
    if (shardsOf(spec) > 1) plan('average', `average-${round}`);
  }
  const most = isComparison(spec, key.number) ? HELD_OUT_PAIRS_AN_EVALUATION : spec.reward.candidatesPerEvaluation;
  let first = 0;
  let text = 0;
  const close = (end: number): void => {
    if (end === first) return;
    planned.push({ name: name(String(first)), position: planned.length, kind: 'pairs', firstPair: first, pairs: end - first });
    first = end;
    text = 0;
  };
  pairs.forEach(({ source, result }, i) => {
    const length = source.length + result.length;
    if (i - first === most || (text + length > MAX_PAIR_TEXT && i > first)) close(i);
    text += length;
  });
  close(pairs.length);
  return planned;
}

function shardsOf({ reward }: EffectiveSearchSpec): number {
  return reward.kind === 'shared-weights' ? reward.weightTraining.shards : 1;
}

/** Whether a round is the comparison after the last step. */
function isComparison({ reward, learner }: EffectiveSearchSpec, round: number): boolean {
  return reward.kind === 'shared-weights' && round > learner.steps;
}

/** What an evaluation of weights is for: a shard of a round, or the round's average. */
export interface WeightTask extends WeightRound {
  /** Undefined: the average. */
  readonly shard: number | undefined;
}

/** The task at a position, as `planEvaluations` counts them. */
export function weightTaskAt(spec: EffectiveSearchSpec, round: number, position: number): WeightTask {
  const shards = shardsOf(spec);
  const width = shards > 1 ? shards + 1 : 1;
  const task = weightRoundsOf(spec, round)[Math.floor(position / width)];
  if (task === undefined) throw new RangeError(`round ${round} has no weight training at ${position}`);
  return { ...task, shard: position % width === shards ? undefined : position % width };
}

export interface EvaluationContext {
  readonly spec: EffectiveSearchSpec;
  readonly key: RoundKey;
  /** namespaces/* /searches/* */
  readonly search: string;
  readonly pairs: readonly RoundPair[];
  /** Blobs of the weights to start from or to score with (one), or to average (one a shard). */
  readonly weights: readonly string[];
}

/** The request of a planned evaluation. */
export function evaluationSpec(planned: PlannedEvaluation, context: EvaluationContext): wire.EvaluationSpec {
  return wire.EvaluationSpec.create({ kind: kindOf(planned, context), search: context.search, priority: context.spec.priority, maxAttempts: MAX_ATTEMPTS });
}

function kindOf(planned: PlannedEvaluation, context: EvaluationContext): wire.EvaluationSpec['kind'] {
  const { spec, key, pairs, weights } = context;
  const { reward } = spec;
  if (planned.kind !== 'pairs') return weightsKind(planned, context);
  const wirePairs = pairs.slice(planned.firstPair, planned.firstPair + planned.pairs).map(({ source, result }, i) => ({
    id: pairId(key, planned.firstPair + i),
    source: refOf(source),
    result: refOf(result),
  }));
  switch (reward.kind) {
    case 'tabular':
      return { $case: 'tabular', value: { table: 'nasbench201', column: reward.column, pairs: wirePairs } };
    case 'shared-weights':
      return {
        $case: 'sharedWeights',
        value: {
          supernet: supernetOf(spec, reward, epochOf(reward, key.number)),
          weights: weights[0] ?? '',
          pairs: wirePairs,
          ...(isComparison(spec, key.number)
            ? { images: wire.ScoredImages.SCORED_IMAGES_SELECTION, imageCount: spec.heldOutComparison?.images ?? 0, batches: 0, batchSeed: 0 }
            : {
                // Every pair of a step is scored on the same batches.
                images: wire.ScoredImages.SCORED_IMAGES_POLICY,
                imageCount: 0,
                batches: reward.scoreBatches,
                batchSeed: derivedSeed(spec.seed, 'validation', key.number),
              }),
        },
      };
    case 'from-scratch': {
      const { dataset, imageBatch, epochs = 0, steps = 0, timeMs } = reward;
      // All children of a search start and see their data alike, so that a pair differs in its architectures only.
      const recipe = wire.TrainingRecipe.create({
        ...CHILD_RECIPE,
        epochs,
        maxSteps: steps,
        maxTime: timeMs === undefined ? undefined : toDuration(timeMs),
        batch: imageBatch,
        seed: derivedSeed(spec.seed, 'child'),
        threads: spec.threads,
      });
      return { $case: 'fromScratch', value: { dataset, placement: placementToWire(spec.actions.placement), recipe, pairs: wirePairs, reportTest: false } };
    }
  }
}

/** A shard of a round of weight training, or the average of the shards. */
function weightsKind({ position }: PlannedEvaluation, { spec, key, weights }: EvaluationContext): wire.EvaluationSpec['kind'] {
  const { reward, seed } = spec;
  if (reward.kind !== 'shared-weights') throw new RangeError('only shared weights are trained');
  const { round, epoch, steps, shard } = weightTaskAt(spec, key.number, position);
  if (shard === undefined) return { $case: 'average', value: { round, weights: [...weights] } };
  const value = {
    supernet: supernetOf(spec, reward, epoch),
    weights: weights[0] ?? '',
    round,
    shard,
    shards: reward.weightTraining.shards,
    steps,
    // One seed for all rounds: with one shard it does not matter where one round ends and the next begins.
    seed: derivedSeed(seed, 'weights'),
  };
  return { $case: 'trainShard', value };
}

/** The supernet of a search as it is in an epoch. */
export function supernetOf({ sources, actions, seed, threads }: EffectiveSearchSpec, reward: SharedWeightsReward, epoch: number): wire.Supernet {
  const { wiring, operations } = supernetKind(sources, actions.scheme);
  const { imageBatch, momentum, weightDecay, clipNorm } = reward.weightTraining;
  return {
    wiring: wiring === 'LOOSE_END_PRIMITIVES' ? 'LOOSE_END' : 'FULLY_CONCAT',
    primitives: operations,
    dataset: reward.dataset,
    channels: actions.placement.channels ?? 0,
    layers: actions.placement.layers ?? 0,
    seed: derivedSeed(seed, 'supernet'),
    imageBatch,
    learningRate: weightLearningRateAt(reward, epoch),
    momentum,
    weightDecay,
    clipNorm,
    split: splitToWire(reward.split),
    block: sources.kind === 'space' && isBlockSpaceName(sources.space) ? BLOCK_SPACES[sources.space] : '',
    threads,
  };
}

/** The text of a trial as workers take it. */
export function refOf(text: string): architectureWire.ArchitectureRef {
  return evaluableRef(refOfText(text), 'trial');
}
