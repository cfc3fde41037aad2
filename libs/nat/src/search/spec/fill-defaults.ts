/** Every default of a search, in one place: what is left out comes from the preset, and the preset from the kind of reward. */
import type { PlacementOptions, SchemeName } from '@nat/cells';
import type { BaselineOptions } from '../../learning/baseline.ts';
import { DEFAULT_IMPORTANCE_CLIP } from '../../learning/importance.ts';
import { EDGE_POLICY, officialGcnPolicy } from '../../policy/policy-config.ts';
import { BASELINE_DECAY, searchHyperparameters } from '../hyperparameters.ts';
import { searchPreset, type PresetName, type SearchPreset, type SharedWeightsPreset } from '../presets.ts';
import { officialOperations } from './official-operations.ts';
import type {
  EffectiveSearchSpec,
  EncoderSpec,
  FromScratchReward,
  HeldOutComparisonSpec,
  LearnerSpec,
  PipeliningSpec,
  RewardKind,
  RewardSpec,
  SearchSpec,
  SharedWeightsReward,
} from './search-spec.ts';

export const DEFAULT_COLUMN = 'c10_valid_200';
export const DEFAULT_DATASET = 'mnist';
/** Candidates that one evaluation carries: a look-up costs nothing, a child takes minutes. */
const CANDIDATES_AN_EVALUATION: Readonly<Record<RewardKind, number>> = { tabular: 1024, 'shared-weights': 8, 'from-scratch': 1 };
const IMAGE_BATCH = 64;
/** PyTorch's. */
const ADAM_EPSILON = 1e-8;

/** Training images of the data sets that always have as many, and how `splitForSearch` of @nat/datasets splits them: what a pass over them is. */
const TRAINING_IMAGES: Readonly<Partial<Record<string, number>>> = { mnist: 60_000, cifar10: 50_000, cifar100: 50_000 };
const WEIGHTS_SHARE = 0.4;
/** Images that the `set-aside` split keeps from weights and policy. */
const SET_ASIDE = 5_000;

type Given<T> = T | undefined;
type GivenReward<Kind extends RewardKind> = Extract<SearchSpec['reward'], { readonly kind: Kind }>;

/** Images that a split keeps from weights and policy. */
export function imagesSetAside(split: SharedWeightsReward['split']): number {
  return split === 'official' ? 0 : SET_ASIDE;
}

/** Steps of one pass over a share of the images of a data set; undefined where it is not known how many it has. */
export function stepsOfPass(dataset: string, split: SharedWeightsReward['split'], imageBatch: number, of: 'weights' | 'policy'): number | undefined {
  const images = TRAINING_IMAGES[dataset];
  if (images === undefined) return undefined;
  const share = of === 'weights' ? WEIGHTS_SHARE : 1 - WEIGHTS_SHARE;
  return Math.ceil(Math.round(share * (images - imagesSetAside(split))) / imageBatch);
}

/**
 * A search with every default filled in; filling in again changes nothing. It says nothing about whether the search can be run (check-search.ts): numbers that
 * cannot be derived are 0.
 */
export function fillDefaults(given: SearchSpec): EffectiveSearchSpec {
  const { sources, reward: givenReward, seed = 0, priority = 0, threads = 1 } = given;
  const presetName = given.preset ?? defaultPreset(givenReward.kind, given.actions?.scheme ?? 'nat');
  const preset = searchPreset(presetName);
  const scheme = given.actions?.scheme ?? preset.scheme;
  const { reward, steps } = fillReward(givenReward, given.learner?.steps, preset);
  return {
    sources,
    actions: {
      scheme,
      masking: given.actions?.masking ?? 'cost-masked',
      placement: fillPlacement(given.actions?.placement ?? {}, reward, preset.sharedWeights),
    },
    policy: {
      encoder: fillEncoder(given.policy?.encoder, sources, scheme, preset),
      ...(given.policy?.initialPolicy === undefined ? {} : { initialPolicy: given.policy.initialPolicy }),
    },
    reward,
    learner: fillLearner(given.learner ?? {}, steps, presetName, preset),
    pipelining: fillPipelining(given.pipelining ?? {}),
    ...(reward.kind === 'shared-weights' ? { heldOutComparison: fillComparison(given.heldOutComparison ?? {}, reward, preset.sharedWeights) } : {}),
    preset: presetName,
    seed,
    priority,
    threads,
  };
}

/** What a search uses where it names none: the preset of its kind of reward. */
function defaultPreset(reward: RewardKind, scheme: SchemeName): PresetName {
  return reward === 'tabular' ? 'tabular' : scheme;
}

function fillReward(given: SearchSpec['reward'], steps: Given<number>, preset: SearchPreset): { readonly reward: RewardSpec; readonly steps: number } {
  const candidatesPerEvaluation = given.candidatesPerEvaluation ?? CANDIDATES_AN_EVALUATION[given.kind];
  switch (given.kind) {
    case 'tabular':
      return { reward: { kind: 'tabular', column: given.column ?? DEFAULT_COLUMN, candidatesPerEvaluation }, steps: steps ?? preset.steps ?? 0 };
    case 'from-scratch':
      return { reward: fillFromScratch(given, candidatesPerEvaluation), steps: steps ?? preset.steps ?? 0 };
    case 'shared-weights': {
      const reward = fillSharedWeights(given, steps, preset.sharedWeights, candidatesPerEvaluation);
      return { reward, steps: steps ?? Math.max(1, (reward.epochs - reward.policyStartEpoch) * reward.policyStepsPerEpoch) };
    }
  }
}

function fillFromScratch(given: GivenReward<'from-scratch'>, candidatesPerEvaluation: number): FromScratchReward {
  const { dataset = DEFAULT_DATASET, imageBatch = IMAGE_BATCH, epochs, steps, timeMs } = given;
  const budget = epochs === undefined && steps === undefined && timeMs === undefined ? { epochs: 1 } : { epochs, steps, timeMs };
  return { kind: 'from-scratch', dataset, imageBatch, ...budget, candidatesPerEvaluation };
}

/** Where the policy's steps are counted, epochs follow from them, else steps from epochs. */
function fillSharedWeights(
  given: GivenReward<'shared-weights'>,
  steps: Given<number>,
  preset: SharedWeightsPreset,
  candidatesPerEvaluation: number,
): SharedWeightsReward {
  const { dataset = DEFAULT_DATASET, split = 'set-aside', policyStartEpoch = preset.policyStartEpoch, weightTraining: training = {} } = given;
  const imageBatch = training.imageBatch ?? preset.imageBatch;
  const fromPreset = (count: number | 'pass', of: 'weights' | 'policy'): number =>
    count === 'pass' ? (stepsOfPass(dataset, split, imageBatch, of) ?? 0) : count;
  const stepsPerEpoch = training.stepsPerEpoch ?? fromPreset(preset.weightSteps, 'weights');
  const policyStepsPerEpoch = given.policyStepsPerEpoch ?? fromPreset(preset.policySteps, 'policy');
  const { learningRate = preset.weightLearningRate } = training;
  return {
    kind: 'shared-weights',
    dataset,
    split,
    epochs: given.epochs ?? (steps === undefined ? preset.epochs : policyStartEpoch + Math.ceil(steps / Math.max(1, policyStepsPerEpoch))),
    policyStartEpoch,
    policyStepsPerEpoch,
    weightTraining: {
      stepsPerEpoch,
      warmupSteps: training.warmupSteps ?? 0,
      shards: training.shards ?? preset.shards,
      stepsPerRound: training.stepsPerRound ?? Math.min(preset.roundSteps, stepsPerEpoch),
      imageBatch,
      learningRate,
      minLearningRate: training.minLearningRate ?? (training.learningRate === undefined ? preset.weightLearningRateMin : learningRate),
      momentum: training.momentum ?? preset.momentum,
      weightDecay: training.weightDecay ?? preset.weightDecay,
      clipNorm: training.clipNorm ?? preset.clipNorm,
    },
    scoreBatches: given.scoreBatches ?? preset.scoreBatches,
    candidatesPerEvaluation,
  };
}

/** The network that costs are counted in; a supernet's size is stated, since its weights have it. */
function fillPlacement(given: PlacementOptions, reward: RewardSpec, { channels, layers }: SharedWeightsPreset): PlacementOptions {
  return reward.kind === 'shared-weights' ? { network: 'supernet', channels, layers, ...given } : given;
}

/** The official GCN reads published cells only: where it is the preset's, other sources have the edge GNN. */
function fillEncoder(
  given: NonNullable<SearchSpec['policy']>['encoder'],
  sources: SearchSpec['sources'],
  scheme: SchemeName,
  preset: SearchPreset,
): EncoderSpec {
  const official = officialOperations(sources, scheme);
  if (given?.kind === 'gcn' || (given === undefined && preset.encoder === 'gcn' && official !== undefined)) {
    const { embedding, features, hidden } = { ...officialGcnPolicy(scheme, official?.primitives ?? []), ...withoutUndefined(given ?? {}) };
    return { kind: 'gcn', embedding, features, hidden };
  }
  const { hidden, layers } = { ...EDGE_POLICY, ...withoutUndefined(given ?? {}) };
  return { kind: 'edge-gnn', hidden, layers };
}

function withoutUndefined<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as { [K in keyof T]: Exclude<T[K], undefined> };
}

function fillLearner(given: NonNullable<SearchSpec['learner']>, steps: number, presetName: EffectiveSearchSpec['preset'], preset: SearchPreset): LearnerSpec {
  const kind = given.baseline?.kind ?? preset.baseline;
  const decay = given.baseline === undefined || given.baseline.kind === 'self-critical' ? undefined : given.baseline.decay;
  const baseline: BaselineOptions = kind === 'self-critical' ? { kind } : { kind, decay: decay ?? BASELINE_DECAY };
  const base = searchHyperparameters({ preset: presetName, steps: Math.max(1, steps), baseline: kind });
  const { beta1, beta2, epsilon, weightDecay } = given.adam ?? {};
  return {
    steps,
    batch: given.batch ?? preset.batch,
    baseline,
    learningRate: given.learningRate ?? base.learningRate,
    entropyWeight: given.entropyWeight ?? (typeof base.entropy === 'number' ? base.entropy : base.entropy[0]!),
    adam: {
      beta1: beta1 ?? base.betas[0],
      beta2: beta2 ?? base.betas[1],
      epsilon: epsilon ?? base.epsilon ?? ADAM_EPSILON,
      weightDecay: weightDecay ?? base.weightDecay,
    },
    advantageShape: given.advantageShape ?? base.advantages?.shape ?? 'linear',
  };
}

function fillPipelining({ roundsInFlight = 1, maxStaleness, importanceClip }: NonNullable<SearchSpec['pipelining']>): PipeliningSpec {
  return { roundsInFlight, maxStaleness: maxStaleness ?? 2 * roundsInFlight, importanceClip: importanceClip ?? DEFAULT_IMPORTANCE_CLIP };
}

function fillComparison(
  { sources, images }: NonNullable<SearchSpec['heldOutComparison']>,
  { split }: SharedWeightsReward,
  preset: SharedWeightsPreset,
): HeldOutComparisonSpec {
  return {
    sources: sources ?? (split === 'official' ? 0 : preset.heldOutSources),
    images: images ?? Math.min(preset.heldOutImages, imagesSetAside(split)),
  };
}
