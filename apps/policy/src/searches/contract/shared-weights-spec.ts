/** The part of a spec that is about shared weights, completed; and the rounds of weight training that follow from it. */
import { evaluation as evaluationWire, type search as wire } from '@nat/contracts';
import type { SharedWeightsPreset } from '@nat/nat';

type Refuse = (field: string, description: string) => void;

/** Training images of the data sets that always have as many, and how `splitForSearch` of @nat/datasets splits them: what a pass over them is. */
const TRAINING_IMAGES: Readonly<Partial<Record<string, number>>> = { mnist: 60_000, cifar10: 50_000, cifar100: 50_000 };
const SET_ASIDE = 5_000;
const WEIGHTS_SHARE = 0.4;
const MAX_STEPS = 1_000_000;

/** Fields of a completed spec that say how weights and policy alternate. */
type Completed = Pick<
  wire.SearchSpec,
  | 'steps'
  | 'epochs'
  | 'policySteps'
  | 'policyStartEpoch'
  | 'weightSteps'
  | 'shards'
  | 'roundSteps'
  | 'imageBatch'
  | 'scoreBatches'
  | 'weightLearningRate'
  | 'weightLearningRateMin'
  | 'weightMomentum'
  | 'weightDecay'
  | 'clipNorm'
  | 'split'
  | 'heldOutSources'
  | 'heldOutImages'
>;

/** Fills in what is left out, and refuses what does not go together. */
export function completeSharedWeights(given: wire.SearchSpec, dataset: string, preset: SharedWeightsPreset, refuse: Refuse): Completed {
  const official = given.split === 'SEARCH_SPLIT_OFFICIAL';
  const aside = official ? 0 : SET_ASIDE;
  const imageBatch = given.imageBatch || preset.imageBatch;
  const images = TRAINING_IMAGES[dataset];
  const stepsOf = (field: string, asked: number, fromPreset: number | 'pass', share: number): number => {
    if (asked > 0) return asked;
    if (fromPreset !== 'pass') return fromPreset;
    if (images !== undefined) return Math.ceil(Math.round(share * (images - aside)) / imageBatch);
    refuse(field, `has to be said: how many images ${dataset} has is not known here`);
    return 1;
  };
  const weightSteps = stepsOf('weight_steps', given.weightSteps, preset.weightSteps, WEIGHTS_SHARE);
  const policySteps = stepsOf('policy_steps', given.policySteps, preset.policySteps, 1 - WEIGHTS_SHARE);

  // Where the policy's steps are counted, epochs follow from them.
  const counted = given.steps > 0;
  if (counted && given.epochs > 0) refuse('epochs', 'goes not together with steps');
  const policyStartEpoch = given.policyStartEpoch ?? preset.policyStartEpoch;
  const epochs = counted ? policyStartEpoch + Math.ceil(given.steps / policySteps) : given.epochs || preset.epochs;
  if (policyStartEpoch >= epochs) refuse('policy_start_epoch', `${policyStartEpoch} leaves none of the ${epochs} epochs for the policy`);
  const steps = counted ? given.steps : Math.max(1, (epochs - policyStartEpoch) * policySteps);
  if (steps > MAX_STEPS) refuse('epochs', `${epochs} of ${policySteps} policy steps are more than ${MAX_STEPS}`);

  const weightLearningRate = given.weightLearningRate ?? preset.weightLearningRate;
  const weightLearningRateMin = given.weightLearningRateMin ?? (given.weightLearningRate === undefined ? preset.weightLearningRateMin : weightLearningRate);
  if (weightLearningRateMin > weightLearningRate)
    refuse('weight_learning_rate_min', `${weightLearningRateMin} is above the ${weightLearningRate} it begins with`);
  const heldOutSources = given.heldOutSources ?? (official ? 0 : preset.heldOutSources);
  const heldOutImages = given.heldOutImages || Math.min(preset.heldOutImages, aside);
  if (heldOutSources > 0 && official) refuse('held_out_sources', 'the official split sets no images aside');
  if (heldOutSources === 1) refuse('held_out_sources', 'a comparison needs at least 2');
  if (heldOutSources > 0 && heldOutImages > aside) refuse('held_out_images', `${heldOutImages} are more than the ${aside} set aside`);
  return {
    steps,
    epochs,
    policySteps,
    policyStartEpoch,
    weightSteps,
    shards: given.shards || preset.shards,
    roundSteps: given.roundSteps || Math.min(preset.roundSteps, weightSteps),
    imageBatch,
    scoreBatches: given.scoreBatches || preset.scoreBatches,
    weightLearningRate,
    weightLearningRateMin,
    weightMomentum: given.weightMomentum ?? preset.momentum,
    weightDecay: given.weightDecay ?? preset.weightDecay,
    clipNorm: given.clipNorm ?? preset.clipNorm,
    split: official ? evaluationWire.SearchSplit.SEARCH_SPLIT_OFFICIAL : evaluationWire.SearchSplit.SEARCH_SPLIT_SET_ASIDE,
    heldOutSources,
    heldOutImages,
  };
}

/** One round of local SGD: every shard makes so many steps from the same weights, then they are averaged. */
export interface WeightRound {
  /** Of the search, from 0. */
  readonly round: number;
  /** From 0. */
  readonly epoch: number;
  readonly steps: number;
}

/** The epoch that a policy step belongs to, from 0; the comparison after the last step belongs to the last epoch. */
export function epochOf({ policySteps, policyStartEpoch = 0, epochs }: wire.SearchSpec, step: number): number {
  return Math.min(Math.max(1, epochs) - 1, policyStartEpoch + Math.floor((step - 1) / Math.max(1, policySteps)));
}

/** Whether a round is the comparison after the last step. */
export function isComparison({ evaluator, steps }: Pick<wire.SearchSpec, 'evaluator' | 'steps'>, step: number): boolean {
  return evaluator === 'shared-weights' && step > steps;
}

/**
 * The rounds of weight training that come before a policy step: those of its epoch where it is the epoch's first step, after those of the epochs that train
 * the weights alone where it is the first of all.
 */
export function weightRoundsOf(spec: wire.SearchSpec, step: number): readonly WeightRound[] {
  if (spec.evaluator !== 'shared-weights' || step > spec.steps || (step - 1) % Math.max(1, spec.policySteps) !== 0) return [];
  const last = epochOf(spec, step);
  const first = step === 1 ? 0 : last;
  const rounds: WeightRound[] = [];
  let number = first === 0 ? 0 : roundsOfEpoch(spec, 0) + (first - 1) * roundsOfEpoch(spec, 1);
  for (let epoch = first; epoch <= last; epoch++) {
    const total = stepsOfEpoch(spec, epoch);
    for (let done = 0; done < total; done += roundSteps(spec)) {
      rounds.push({ round: number++, epoch, steps: Math.min(roundSteps(spec), total - done) });
    }
  }
  return rounds;
}

function stepsOfEpoch({ weightSteps, warmupWeightSteps }: wire.SearchSpec, epoch: number): number {
  return weightSteps + (epoch === 0 ? warmupWeightSteps : 0);
}

function roundsOfEpoch(spec: wire.SearchSpec, epoch: number): number {
  return Math.ceil(stepsOfEpoch(spec, epoch) / roundSteps(spec));
}

function roundSteps({ roundSteps: steps, weightSteps }: wire.SearchSpec): number {
  return Math.max(1, steps || weightSteps);
}

/** Learning rate of the weights in an epoch: from the first to the least by a cosine, as torch's CosineAnnealingLR over the epochs. */
export function weightLearningRateAt({ weightLearningRate = 0, weightLearningRateMin = weightLearningRate, epochs }: wire.SearchSpec, epoch: number): number {
  return weightLearningRateMin + ((weightLearningRate - weightLearningRateMin) * (1 + Math.cos((Math.PI * epoch) / Math.max(1, epochs)))) / 2;
}
