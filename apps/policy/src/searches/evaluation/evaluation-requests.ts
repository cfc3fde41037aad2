/** What a round asks of the evaluator: the same round always asks the same, to the byte. */
import { evaluation as wire, type architecture as architectureWire } from '@nat/contracts';
import {
  derivedSeed,
  epochOf,
  supernetKind,
  weightLearningRateAt,
  weightRoundsOf,
  type EffectiveSearchSpec,
  type FromScratchReward,
  type SharedWeightsReward,
  type WeightRound,
} from '@nat/nat';
import { evaluableRef, placementToWire, refOfText, schemeToWire, toDuration } from '@nat/convert';
import { evaluationNames } from '../names.ts';
import { splitToWire } from '../store/search-spec-converter.ts';
import type { EvaluationKindName } from '../store/tables.ts';

/** Candidates of one evaluation are cut off at this much text, so that requests, leases and outcomes stay under the limits of messages. */
const MAX_CANDIDATE_TEXT = 600_000;
/** In the comparison after the last step a candidate is scored on thousands of images. */
const HELD_OUT_CANDIDATES_AN_EVALUATION = 3;
/** Leases of an evaluation before it is given up: workers of a long search are lost now and then, and a step needs all of its evaluations. */
export const MAX_ATTEMPTS = 20;
/** Children are compared after short training. */
export const CHILD_RECIPE = { learningRate: 0.025, momentum: 0.9, weightDecay: 3e-4 };

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
  /** Of the round, from 1. */
  readonly number: number;
}

/** Id of a candidate everywhere outside this service. */
function candidateId({ namespace, searchId, number }: RoundKey, candidate: number): string {
  return `${namespace}/${searchId}/${number}/${candidate}`;
}

/** Cuts the candidates of a round into evaluations; rounds of weight training come first where the step has some: shards, then their average. */
export function planEvaluations(spec: EffectiveSearchSpec, key: RoundKey, candidates: readonly string[]): readonly PlannedEvaluation[] {
  const planned: PlannedEvaluation[] = [];
  const name = (suffix: string): string => evaluationNames.format({ namespace: key.namespace, evaluation: `${key.searchId}.${key.number}.${suffix}` });
  const plan = (kind: EvaluationKindName, suffix: string): void => {
    planned.push({ name: name(suffix), position: planned.length, kind, firstCandidate: 0, candidates: 0 });
  };
  for (const { round } of weightRoundsOf(spec, key.number)) {
    for (let shard = 0; shard < shardsOf(spec); shard++) plan('weights', `weights-${round}-${shard}`);
    if (shardsOf(spec) > 1) plan('average', `average-${round}`);
  }
  const most = isComparison(spec, key.number) ? HELD_OUT_CANDIDATES_AN_EVALUATION : spec.reward.candidatesPerEvaluation;
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
  /** The candidates of the round. */
  readonly candidates: readonly string[];
  /** Blobs of the weights to start from or to score with (one), or to average (one a shard). */
  readonly weights: readonly string[];
}

/** The request of a planned evaluation. */
export function evaluationSpec(planned: PlannedEvaluation, context: EvaluationContext): wire.EvaluationSpec {
  return wire.EvaluationSpec.create({ kind: kindOf(planned, context), search: context.search, priority: context.spec.priority, maxAttempts: MAX_ATTEMPTS });
}

function kindOf(planned: PlannedEvaluation, context: EvaluationContext): wire.EvaluationSpec['kind'] {
  if (planned.kind !== 'candidates') return weightsKind(planned, context);
  const { spec, key, weights } = context;
  const { reward } = spec;
  const candidates = context.candidates
    .slice(planned.firstCandidate, planned.firstCandidate + planned.candidates)
    .flatMap((text, i) => (text === NO_CANDIDATE ? [] : [{ id: candidateId(key, planned.firstCandidate + i), architecture: refOf(text) }]));
  switch (reward.kind) {
    case 'tabular':
      return { $case: 'tabular', value: { table: wire.BenchmarkTable.BENCHMARK_TABLE_NASBENCH201, column: reward.column, candidates } };
    case 'shared-weights':
      return {
        $case: 'sharedWeights',
        value: {
          supernet: supernetOf(spec, reward, epochOf(reward, key.number)),
          weights: weights[0] || undefined,
          candidates,
          images: isComparison(spec, key.number)
            ? { $case: 'selectionImages', value: { count: spec.heldOutComparison?.images || undefined } }
            : // All candidates of a step are scored on the same batches.
              { $case: 'policyImages', value: { batches: reward.scoreBatches, seed: derivedSeed(spec.seed, 'validation', key.number) } },
        },
      };
    case 'from-scratch':
      return {
        $case: 'fromScratch',
        value: wire.FromScratchEvaluation.create({
          dataset: reward.dataset,
          placement: placementToWire(spec.actions.placement),
          recipe: childRecipe(spec, reward),
          candidates,
        }),
      };
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
    weights: weights[0] || undefined,
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
  const { wiring, operations, block } = supernetKind(sources, actions.scheme);
  const { imageBatch, momentum, weightDecay, clipNorm } = reward.weightTraining;
  return {
    wiring: wiring === 'LOOSE_END_PRIMITIVES' ? wire.Wiring.WIRING_LOOSE_END : wire.Wiring.WIRING_FULLY_CONCAT,
    scheme: schemeToWire(operations),
    dataset: reward.dataset,
    channels: actions.placement.channels ?? 0,
    layers: actions.placement.layers ?? 0,
    seed: derivedSeed(seed, 'supernet'),
    imageBatch,
    optimizer: { learningRate: weightLearningRateAt(reward, epoch), momentum, weightDecay, clipNorm },
    split: splitToWire(reward.split),
    block,
    threads,
  };
}

/** All children of a search start and see their data alike, so that they differ in their architectures only. */
function childRecipe({ seed, threads }: EffectiveSearchSpec, { epochs, steps, timeMs, imageBatch }: FromScratchReward): wire.TrainingRecipe {
  return wire.TrainingRecipe.create({
    ...CHILD_RECIPE,
    epochs,
    maxSteps: steps,
    maxTime: timeMs === undefined ? undefined : toDuration(timeMs),
    batch: imageBatch,
    seed: derivedSeed(seed, 'child'),
    threads,
  });
}

/** The text of a trial as workers take it. */
export function refOf(text: string): architectureWire.ArchitectureRef {
  return evaluableRef(refOfText(text), 'trial');
}
