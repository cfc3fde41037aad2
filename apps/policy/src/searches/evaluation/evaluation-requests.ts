/** What a round asks of the evaluator: the same round always asks the same, to the byte. */
import { evaluation as wire, type architecture as architectureWire, type search as searchWire } from '@nat/contracts';
import { BLOCK_SPACES, derivedSeed, isBlockSpaceName } from '@nat/nat';
import { evaluableRef, refOfText, schemeToWire } from '@nat/convert';
import { evaluationNames } from '../names.ts';
import { evaluatorOf, operationListOf, wiringOf } from '../contract/search-spec.ts';
import { epochOf, isComparison, weightLearningRateAt, weightRoundsOf, type WeightRound } from '../contract/shared-weights-spec.ts';

/** Candidates of one evaluation are cut off at this much text, so that requests, leases and outcomes stay under the limits of messages. */
const MAX_CANDIDATE_TEXT = 600_000;
/** In the comparison after the last step a candidate is scored on thousands of images. */
const HELD_OUT_CANDIDATES_AN_EVALUATION = 3;
/** Leases of an evaluation before it is given up: workers of a long search are lost now and then, and a step needs all of its evaluations. */
export const MAX_ATTEMPTS = 20;
/** Children are compared after short training. */
export const CHILD_RECIPE = { learningRate: 0.025, momentum: 0.9, weightDecay: 3e-4 };

/** `weights`: a shard of weight training; `average`: of the shards of a round of it; `candidates`: what rewards come from. */
export type EvaluationKindName = 'weights' | 'average' | 'candidates';

/** The text of a number that stands for no candidate: rounds that were converted from pairs have some. */
export const NO_CANDIDATE = '';

/** One evaluation of a round, before it is asked for. */
export interface PlannedEvaluation {
  readonly name: string;
  readonly position: number;
  readonly kind: EvaluationKindName;
  /** The candidates of the round that it carries. */
  readonly firstCandidate: number;
  readonly candidates: number;
}

export interface RoundKey {
  readonly namespace: string;
  readonly searchId: string;
  /** From 1; of an asynchronous search, the number of the round. */
  readonly step: number;
}

/** Id of a candidate everywhere outside this service. */
function candidateId({ namespace, searchId, step }: RoundKey, candidate: number): string {
  return `${namespace}/${searchId}/${step}/${candidate}`;
}

/** Cuts the candidates of a round into evaluations; rounds of weight training come first where the step has some: shards, then their average. */
export function planEvaluations(spec: searchWire.SearchSpec, key: RoundKey, candidates: readonly string[]): readonly PlannedEvaluation[] {
  const planned: PlannedEvaluation[] = [];
  const name = (suffix: string): string => evaluationNames.format({ namespace: key.namespace, evaluation: `${key.searchId}.${key.step}.${suffix}` });
  const plan = (kind: EvaluationKindName, suffix: string): void => {
    planned.push({ name: name(suffix), position: planned.length, kind, firstCandidate: 0, candidates: 0 });
  };
  for (const { round } of weightRoundsOf(spec, key.step)) {
    for (let shard = 0; shard < shardsOf(spec); shard++) plan('weights', `weights-${round}-${shard}`);
    if (shardsOf(spec) > 1) plan('average', `average-${round}`);
  }
  const most = isComparison(spec, key.step) ? HELD_OUT_CANDIDATES_AN_EVALUATION : spec.pairsPerEvaluation;
  let first = 0;
  let text = 0;
  const close = (end: number): void => {
    if (end === first) return;
    planned.push({ name: name(String(first)), position: planned.length, kind: 'candidates', firstCandidate: first, candidates: end - first });
    first = end;
    text = 0;
  };
  candidates.forEach(({ length }, i) => {
    if (i - first === most || (text + length > MAX_CANDIDATE_TEXT && i > first)) close(i);
    text += length;
  });
  close(candidates.length);
  return planned;
}

function shardsOf({ shards }: searchWire.SearchSpec): number {
  return Math.max(1, shards);
}

/** What an evaluation of weights is for: a shard of a round, or the round's average. */
export interface WeightTask extends WeightRound {
  /** Undefined: the average. */
  readonly shard: number | undefined;
}

/** The task at a position, as `planEvaluations` counts them. */
export function weightTaskAt(spec: searchWire.SearchSpec, step: number, position: number): WeightTask {
  const shards = shardsOf(spec);
  const width = shards > 1 ? shards + 1 : 1;
  const round = weightRoundsOf(spec, step)[Math.floor(position / width)];
  if (round === undefined) throw new RangeError(`step ${step} has no weight training at ${position}`);
  return { ...round, shard: position % width === shards ? undefined : position % width };
}

export interface EvaluationContext {
  readonly spec: searchWire.SearchSpec;
  readonly key: RoundKey;
  /** namespaces/* /searches/* */
  readonly search: string;
  /** The candidates of the round. */
  readonly candidates: readonly string[];
  /** Blobs of the weights to start from or to score with (one), or to average (one a shard). */
  readonly weights: readonly string[];
}

/** The request of a planned evaluation. */
export function evaluationSpec(planned: PlannedEvaluation, context: EvaluationContext): wire.EvaluationSpec {
  return wire.EvaluationSpec.create({ kind: kindOf(planned, context), search: context.search, priority: context.spec.priority, maxAttempts: MAX_ATTEMPTS });
}

function kindOf({ kind, position, firstCandidate, candidates: count }: PlannedEvaluation, context: EvaluationContext): wire.EvaluationSpec['kind'] {
  const { spec, key } = context;
  const { step } = key;
  const weights = context.weights[0] || undefined;
  if (kind !== 'candidates') {
    const { round, epoch, steps, shard } = weightTaskAt(spec, step, position);
    if (shard === undefined) return { $case: 'average', value: { round, weights: [...context.weights] } };
    // One seed for all rounds: with one shard it does not matter where one round ends and the next begins.
    const seed = derivedSeed(spec.seed, 'weights');
    return { $case: 'trainShard', value: { supernet: supernetOf(spec, epoch), weights, round, shard, shards: shardsOf(spec), steps, seed } };
  }
  const candidates = context.candidates
    .slice(firstCandidate, firstCandidate + count)
    .flatMap((text, i) => (text === NO_CANDIDATE ? [] : [{ id: candidateId(key, firstCandidate + i), architecture: refOf(text) }]));
  switch (evaluatorOf(spec)) {
    case 'tabular':
      return { $case: 'tabular', value: { table: wire.BenchmarkTable.BENCHMARK_TABLE_NASBENCH201, column: spec.reward, candidates } };
    case 'shared-weights':
      return {
        $case: 'sharedWeights',
        value: {
          supernet: supernetOf(spec, epochOf(spec, step)),
          weights,
          candidates,
          images: isComparison(spec, step)
            ? { $case: 'selectionImages', value: { count: spec.heldOutImages || undefined } }
            : // All candidates of a step are scored on the same batches.
              { $case: 'policyImages', value: { batches: spec.scoreBatches, seed: derivedSeed(spec.seed, 'validation', step) } },
        },
      };
    case 'from-scratch':
      return {
        $case: 'fromScratch',
        value: wire.FromScratchEvaluation.create({ dataset: spec.dataset, placement: spec.placement, recipe: childRecipe(spec), candidates }),
      };
  }
}

/** The supernet of a search as it is in an epoch. */
export function supernetOf(spec: searchWire.SearchSpec, epoch: number): wire.Supernet {
  return {
    wiring: wiringOf(spec) === 'LOOSE_END_PRIMITIVES' ? wire.Wiring.WIRING_LOOSE_END : wire.Wiring.WIRING_FULLY_CONCAT,
    scheme: schemeToWire(operationListOf(spec)),
    dataset: spec.dataset,
    channels: spec.placement?.channels ?? 0,
    layers: spec.placement?.layers ?? 0,
    seed: derivedSeed(spec.seed, 'supernet'),
    imageBatch: spec.imageBatch,
    optimizer: {
      learningRate: weightLearningRateAt(spec, epoch),
      momentum: spec.weightMomentum,
      weightDecay: spec.weightDecay,
      clipNorm: spec.clipNorm,
    },
    split: spec.split,
    block: isBlockSpaceName(spec.space) ? BLOCK_SPACES[spec.space] : undefined,
    threads: spec.threads,
  };
}

/** All children of a search start and see their data alike, so that they differ in their architectures only. */
function childRecipe({ childEpochs, childSteps, childTime, imageBatch, seed, threads }: searchWire.SearchSpec): wire.TrainingRecipe {
  return wire.TrainingRecipe.create({
    ...CHILD_RECIPE,
    epochs: childEpochs || undefined,
    maxSteps: childSteps || undefined,
    maxTime: childTime,
    batch: imageBatch,
    seed: derivedSeed(seed, 'child'),
    threads,
  });
}

/** The text of a trial as workers take it. */
export function refOf(text: string): architectureWire.ArchitectureRef {
  return evaluableRef(refOfText(text), 'trial');
}
