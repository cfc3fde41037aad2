/** What was stored when evaluations carried pairs of a source and a result, as evaluations of candidates. */
import { architecture, evaluation } from '@nat/contracts';
import { toDuration, upgradeArchitectureRef, upgradePlacement } from '@nat/convert';
import { DomainError } from '@nat/base/errors';
import { domainErrorToStatus } from '@nat/service';
import { readMessage, type MessageOf } from './read-message.ts';
import { OUTCOME, SPEC } from './shapes.ts';

type PairSpec = MessageOf<typeof SPEC>;
type PairOutcome = MessageOf<typeof OUTCOME>;
type Pair = NonNullable<PairSpec['tabular']>['pairs'][number];
type PairValue = NonNullable<PairOutcome['succeeded']>['values'][number];
type Report = NonNullable<PairValue['sourceReport']>;
type Role = 'source' | 'result';

/** One of the two candidates of a pair. */
export interface PairedCandidate {
  readonly pairId: string;
  readonly role: Role;
  readonly candidate: evaluation.Candidate;
}

export interface ConvertedSpec {
  readonly spec: evaluation.EvaluationSpec;
  /** In the order of the specification: source and result of the first pair, then of the next. */
  readonly candidates: readonly PairedCandidate[];
}

/**
 * A stored specification. A pair becomes two candidates, one without a result becomes one that keeps its id. Where all ids of whole pairs end in a number, as
 * searches numbered them, pair `x/7` becomes the candidates `x/14` and `x/15`; else pair `a` becomes `a-source` and `a-result`.
 */
export function convertSpec(bytes: Uint8Array): ConvertedSpec {
  const old = readMessage(SPEC, bytes);
  const candidates = pairCandidates(old.tabular?.pairs ?? old.sharedWeights?.pairs ?? old.fromScratch?.pairs ?? []);
  const spec = evaluation.EvaluationSpec.create({
    kind: convertKind(
      old,
      candidates.map(({ candidate }) => candidate),
    ),
    search: old.search ?? '',
    priority: old.priority ?? 0,
    capabilities: [...old.capabilities],
    budget: old.budget && {
      time: durationOf(old.budget.time),
      epochs: positive(old.budget.epochs),
      steps: positive(old.budget.steps),
      memoryBytes: positive(old.budget.memoryBytes),
    },
    maxAttempts: positive(old.maxAttempts),
    resumeFrom: filled(old.resumeFrom),
  });
  return { spec, candidates };
}

const NUMBERED = /^(.*\/)(\d+)$/;

function pairCandidates(pairs: readonly Pair[]): readonly PairedCandidate[] {
  const numbered = pairs.every(({ id = '', source, result }) => source !== undefined && result !== undefined && NUMBERED.test(id));
  return pairs.flatMap(({ id = '', source, result }) => {
    const roles = (
      [
        ['source', source],
        ['result', result],
      ] as const
    ).flatMap(([role, ref]) => (ref === undefined ? [] : [{ role, ref }]));
    return roles.map(({ role, ref }) => ({
      pairId: id,
      role,
      candidate: { id: roles.length < 2 ? id : candidateId(id, role, numbered), architecture: refOf(ref) },
    }));
  });
}

function refOf(stored: Uint8Array): architecture.ArchitectureRef {
  return architecture.ArchitectureRef.decode(upgradeArchitectureRef(stored));
}

function candidateId(pairId: string, role: Role, numbered: boolean): string {
  const [, prefix = '', number = ''] = numbered ? (NUMBERED.exec(pairId) ?? []) : [];
  return numbered ? `${prefix}${2 * Number(number) + (role === 'source' ? 0 : 1)}` : `${pairId}-${role}`;
}

function convertKind(old: PairSpec, candidates: evaluation.Candidate[]): evaluation.EvaluationSpec['kind'] {
  const { tabular, sharedWeights, fromScratch, trainShard, average } = old;
  if (tabular !== undefined) {
    return { $case: 'tabular', value: { table: evaluation.BenchmarkTable.BENCHMARK_TABLE_NASBENCH201, column: tabular.column ?? '', candidates } };
  }
  if (sharedWeights !== undefined) {
    return {
      $case: 'sharedWeights',
      value: { supernet: supernetOf(sharedWeights.supernet), weights: filled(sharedWeights.weights), images: imagesOf(sharedWeights), candidates },
    };
  }
  if (fromScratch !== undefined) {
    const { dataset = '', placement, recipe, reportTest = false, keepWeights = false, keepCheckpoints = false, inherit } = fromScratch;
    return {
      $case: 'fromScratch',
      value: {
        dataset,
        placement: placement && architecture.Placement.decode(upgradePlacement(placement)),
        recipe: recipe && recipeOf(recipe),
        candidates,
        reportTest,
        keepWeights,
        keepCheckpoints,
        inherit: inherit && {
          weights: inherit.weights ?? '',
          source: inherit.source && refOf(inherit.source),
        },
      },
    };
  }
  if (trainShard !== undefined) {
    const { supernet, weights, round = 0, shard = 0, shards = 1, steps = 1, seed = 0 } = trainShard;
    return { $case: 'trainShard', value: { supernet: supernetOf(supernet), weights: filled(weights), round, shard, shards, steps, seed } };
  }
  if (average !== undefined) return { $case: 'average', value: { round: average.round ?? 0, weights: [...average.weights] } };
  throw new DomainError('DATA_LOSS', 'a stored specification is of no kind', { reason: 'UNREADABLE_SPEC' });
}

/** By the numbers of the enum: unspecified and 1 are the images of the policy, 2 those set aside, 3 the test images. */
function imagesOf({ images = 0, imageCount, batches, batchSeed = 0 }: NonNullable<PairSpec['sharedWeights']>): evaluation.SharedWeightsEvaluation['images'] {
  const count = positive(imageCount);
  if (images === 2) return { $case: 'selectionImages', value: { count } };
  if (images === 3) return { $case: 'testImages', value: { count } };
  return { $case: 'policyImages', value: { batches: positive(batches) ?? 1, seed: batchSeed } };
}

function supernetOf(supernet: NonNullable<PairSpec['trainShard']>['supernet']): evaluation.Supernet | undefined {
  if (supernet === undefined) return undefined;
  const { wiring, primitives, dataset = '', channels = 0, layers = 0, seed = 0, imageBatch = 0, learningRate, threads, split, block } = supernet;
  const optimizer = { learningRate: positive(learningRate), momentum: supernet.momentum, weightDecay: supernet.weightDecay, clipNorm: supernet.clipNorm };
  return {
    wiring: wiring === 'LOOSE_END' ? 'WIRING_LOOSE_END' : 'WIRING_FULLY_CONCAT',
    scheme: primitives === 'nat++' ? 'SCHEME_NAT_PLUS_PLUS' : 'SCHEME_NAT',
    dataset,
    channels,
    layers,
    seed,
    imageBatch,
    optimizer: Object.values(optimizer).every((value) => value === undefined) ? undefined : optimizer,
    split: evaluation.SearchSplit[split === 2 ? 'SEARCH_SPLIT_OFFICIAL' : split === 1 ? 'SEARCH_SPLIT_SET_ASIDE' : 'SEARCH_SPLIT_UNSPECIFIED'],
    block: filled(block),
    threads: positive(threads),
  };
}

const PRESETS: Readonly<Record<string, evaluation.RecipePreset>> = { official: 'RECIPE_PRESET_OFFICIAL', 'fine-tune': 'RECIPE_PRESET_FINE_TUNE' };

function recipeOf(recipe: NonNullable<NonNullable<PairSpec['fromScratch']>['recipe']>): evaluation.TrainingRecipe {
  const { clipNorm, labelSmoothing, dropPath, auxiliaryWeight, cutout, seed = 0 } = recipe;
  return {
    preset: PRESETS[recipe.preset ?? ''] ?? 'RECIPE_PRESET_UNSPECIFIED',
    epochs: positive(recipe.epochs),
    maxSteps: positive(recipe.maxSteps),
    maxTime: durationOf(recipe.maxTime),
    batch: positive(recipe.batch),
    learningRate: positive(recipe.learningRate),
    momentum: positive(recipe.momentum),
    weightDecay: positive(recipe.weightDecay),
    seed,
    threads: positive(recipe.threads),
    trainImages: positive(recipe.trainImages),
    validationImages: positive(recipe.validationImages),
    clipNorm,
    labelSmoothing,
    dropPath,
    auxiliaryWeight,
    cutout,
    patience: positive(recipe.patience),
    stopAfterEpochs: positive(recipe.stopAfterEpochs),
  };
}

/** A stored outcome of a specification that was converted. */
export function convertOutcome(bytes: Uint8Array, candidates: readonly PairedCandidate[]): evaluation.Outcome {
  const { succeeded, failed, cancelled } = readMessage(OUTCOME, bytes);
  if (succeeded !== undefined) {
    const values = new Map(succeeded.values.map((value) => [value.pairId ?? '', value]));
    const results = candidates.map(({ pairId, role, candidate }) => resultOf(candidate.id, role, values.get(pairId)));
    const metrics = Object.fromEntries(succeeded.metrics.map(({ key = '', value = 0 }) => [key, value]));
    return { result: { $case: 'succeeded', value: { results, weights: filled(succeeded.weights), metrics } } };
  }
  if (failed !== undefined) {
    const { reason = 'UNKNOWN', message = '', terminal = false } = failed;
    const error = new DomainError(terminal ? 'FAILED_PRECONDITION' : 'UNAVAILABLE', message, { reason });
    return { result: { $case: 'failed', value: { error: domainErrorToStatus(error), terminal } } };
  }
  return { result: { $case: 'cancelled', value: { reason: cancelled?.reason ?? '' } } };
}

/** An error of a pair is one of both candidates: which of them was to blame was not stored. */
function resultOf(candidateId: string, role: Role, value: PairValue | undefined): evaluation.CandidateResult {
  if (value === undefined || filled(value.errorMessage) !== undefined) {
    const [, reason = 'MISSING', message = 'it has no value'] = /^([A-Z][A-Z0-9_]*): (.*)$/s.exec(value?.errorMessage ?? '') ?? [];
    return { candidateId, result: { $case: 'error', value: domainErrorToStatus(new DomainError('FAILED_PRECONDITION', message, { reason })) } };
  }
  const [number = 0, report] = role === 'source' ? [value.sourceValue, value.sourceReport] : [value.resultValue, value.resultReport];
  return { candidateId, result: { $case: 'value', value: number }, report: report && reportOf(report) };
}

/** By the numbers of the enum. */
const ENDS = ['TRAINING_END_UNSPECIFIED', 'TRAINING_END_FINISHED', 'TRAINING_END_TIME', 'TRAINING_END_PATIENCE', 'TRAINING_END_PAUSED'] as const;

function reportOf(report: Report): evaluation.TrainingReport {
  const { params = 0, macs = 0, seconds = 0, inheritedParams, initialValidationAccuracy = 0 } = report;
  return {
    validationAccuracy: report.validationAccuracy ?? 0,
    testAccuracy: report.testAccuracy,
    cost: { params, macs, peakActivationBytes: 0 },
    duration: toDuration(1000 * seconds),
    imagesPerSecond: report.imagesPerSecond ?? 0,
    epochs: report.epochs ?? 0,
    steps: report.steps ?? 0,
    judgedEpoch: report.judgedEpoch ?? 0,
    end: ENDS[report.end ?? 0] ?? 'TRAINING_END_UNSPECIFIED',
    weights: filled(report.weights),
    checkpoint: filled(report.checkpoint),
    inherited: inheritedParams === undefined ? undefined : { params: inheritedParams, validationAccuracy: initialValidationAccuracy },
  };
}

function durationOf(duration: { readonly seconds: number | undefined; readonly nanos: number | undefined } | undefined) {
  const { seconds = 0, nanos = 0 } = duration ?? {};
  return seconds + nanos > 0 ? { seconds, nanos } : undefined;
}

/** Zero stood for what was not said. */
function positive(value: number | undefined): number | undefined {
  return value === undefined || value === 0 ? undefined : value;
}

/** An empty text stood for what was not said. */
function filled(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
