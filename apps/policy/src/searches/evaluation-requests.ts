/** What a round asks of the evaluator: the same round always asks the same, to the byte. */
import { readJson } from '@nat/architecture';
import { evaluation as wire, type search as searchWire } from '@nat/contracts';
import { BLOCK_SPACES, derivedSeed, isBlockSpaceName, type RoundPair } from '@nat/search';
import { architectureToSpec } from '@nat/wire';
import { evaluationNames } from './names.ts';
import { evaluatorOf, operationListOf, wiringOf } from './search-spec.ts';

/** Pairs of one evaluation are cut off at this much text, so that requests, leases and outcomes stay under the limits of messages. */
const MAX_PAIR_TEXT = 600_000;
/** Leases of an evaluation before it is given up: workers of a long search are lost now and then, and a step needs all of its evaluations. */
const MAX_ATTEMPTS = 20;
/** Children are compared after short training. */
export const CHILD_RECIPE = { learningRate: 0.025, momentum: 0.9, weightDecay: 3e-4 };

/** One evaluation of a round, before it is asked for. */
export interface PlannedEvaluation {
  readonly name: string;
  readonly position: number;
  readonly kind: 'weights' | 'pairs';
  readonly firstPair: number;
  readonly pairs: number;
}

export interface RoundKey {
  readonly namespace: string;
  readonly searchId: string;
  /** From 1. */
  readonly step: number;
}

/** Id of a pair everywhere outside this service. */
export function pairId({ namespace, searchId, step }: RoundKey, pair: number): string {
  return `${namespace}/${searchId}/${step}/${pair}`;
}

/** Cuts the pairs of a round into evaluations; training of shared weights comes first where the step has some. */
export function planEvaluations(spec: searchWire.SearchSpec, key: RoundKey, pairs: readonly RoundPair[]): readonly PlannedEvaluation[] {
  const planned: PlannedEvaluation[] = [];
  const name = (suffix: string): string => evaluationNames.format({ namespace: key.namespace, evaluation: `${key.searchId}.${key.step}.${suffix}` });
  if (weightStepsOf(spec, key.step) > 0) planned.push({ name: name('weights'), position: 0, kind: 'weights', firstPair: 0, pairs: 0 });
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
    if (i - first === spec.pairsPerEvaluation || (text + length > MAX_PAIR_TEXT && i > first)) close(i);
    text += length;
  });
  close(pairs.length);
  return planned;
}

/** Steps of weight training that a step begins with. */
function weightStepsOf(spec: searchWire.SearchSpec, step: number): number {
  if (evaluatorOf(spec) !== 'shared-weights') return 0;
  return spec.weightSteps + (step === 1 ? spec.warmupWeightSteps : 0);
}

export interface EvaluationContext {
  readonly spec: searchWire.SearchSpec;
  readonly key: RoundKey;
  /** namespaces/* /searches/* */
  readonly search: string;
  readonly pairs: readonly RoundPair[];
  /** Blob of the weights that this round starts from, or scores with. */
  readonly weights: string;
}

/** The request of a planned evaluation. */
export function evaluationSpec(planned: PlannedEvaluation, context: EvaluationContext): wire.EvaluationSpec {
  return wire.EvaluationSpec.create({ kind: kindOf(planned, context), search: context.search, priority: context.spec.priority, maxAttempts: MAX_ATTEMPTS });
}

function kindOf({ kind, firstPair, pairs: count }: PlannedEvaluation, { spec, key, pairs, weights }: EvaluationContext): wire.EvaluationSpec['kind'] {
  const { step } = key;
  if (kind === 'weights') {
    // One seed for all rounds: with one shard it does not matter where one round ends and the next begins.
    const seed = derivedSeed(spec.seed, 'weights');
    return {
      $case: 'trainShard',
      value: wire.TrainShardEvaluation.create({
        supernet: supernetOf(spec),
        weights,
        round: step,
        shard: 0,
        shards: 1,
        steps: weightStepsOf(spec, step),
        seed,
      }),
    };
  }
  const wirePairs = pairs.slice(firstPair, firstPair + count).map(({ source, result }, i) => ({
    id: pairId(key, firstPair + i),
    source: subjectOf(source),
    result: subjectOf(result),
  }));
  switch (evaluatorOf(spec)) {
    case 'tabular':
      return { $case: 'tabular', value: { table: 'nasbench201', column: spec.reward, pairs: wirePairs } };
    case 'shared-weights':
      // Every pair of a step is scored on the same validation batches.
      return {
        $case: 'sharedWeights',
        value: {
          supernet: supernetOf(spec),
          weights,
          batchSeed: derivedSeed(spec.seed, 'validation', step),
          batches: spec.scoreBatches,
          pairs: wirePairs,
          images: wire.ScoredImages.SCORED_IMAGES_POLICY,
          imageCount: 0,
        },
      };
    case 'from-scratch':
      return {
        $case: 'fromScratch',
        value: { dataset: spec.dataset, placement: spec.placement, recipe: childRecipe(spec), pairs: wirePairs, reportTest: false },
      };
  }
}

function supernetOf(spec: searchWire.SearchSpec): wire.Supernet {
  return {
    wiring: wiringOf(spec) === 'LOOSE_END_PRIMITIVES' ? 'LOOSE_END' : 'FULLY_CONCAT',
    primitives: operationListOf(spec),
    dataset: spec.dataset,
    channels: spec.placement?.channels ?? 0,
    layers: spec.placement?.layers ?? 0,
    seed: derivedSeed(spec.seed, 'supernet'),
    imageBatch: spec.imageBatch,
    learningRate: spec.weightLearningRate ?? 0,
    momentum: spec.weightMomentum,
    weightDecay: spec.weightDecay,
    clipNorm: spec.clipNorm,
    split: spec.split,
    block: isBlockSpaceName(spec.space) ? BLOCK_SPACES[spec.space] : '',
    threads: spec.threads,
  };
}

/** All children of a search start and see their data alike, so that a pair differs in its architectures only. */
function childRecipe({ childEpochs, childSteps, childTime, imageBatch, seed, threads }: searchWire.SearchSpec): wire.TrainingRecipe {
  return wire.TrainingRecipe.create({
    ...CHILD_RECIPE,
    epochs: childEpochs,
    maxSteps: childSteps,
    maxTime: childTime,
    batch: imageBatch,
    seed: derivedSeed(seed, 'child'),
    threads,
  });
}

/** The text form of a trial as workers take it. */
export function subjectOf(text: string): wire.Subject {
  if (text.startsWith('{')) return { subject: { $case: 'spec', value: architectureToSpec(readJson(text)) } };
  if (text.startsWith('|')) return { subject: { $case: 'nasbench201', value: text } };
  if (text.includes('(')) return { subject: { $case: 'genotype', value: text } };
  return { subject: { $case: 'zoo', value: text } };
}
