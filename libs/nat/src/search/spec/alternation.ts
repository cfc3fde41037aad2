/** How a search on shared weights alternates between weights and policy: which rounds of weight training come before which step of the policy. */
import type { EffectiveSearchSpec, SharedWeightsReward } from './search-spec.ts';

/** One round of local SGD: every shard makes so many steps from the same weights, then they are averaged. */
export interface WeightRound {
  /** From 0 through the whole search. */
  readonly round: number;
  /** From 0. */
  readonly epoch: number;
  readonly steps: number;
}

/** The epoch that a policy step belongs to, from 0; the comparison after the last step belongs to the last epoch. */
export function epochOf({ policyStepsPerEpoch, policyStartEpoch, epochs }: SharedWeightsReward, step: number): number {
  return Math.min(epochs - 1, policyStartEpoch + Math.floor((step - 1) / policyStepsPerEpoch));
}

/**
 * The rounds of weight training that come before a policy step: those of its epoch where it is the epoch's first step, after those of the epochs that train
 * the weights alone where it is the first of all. None where rewards do not come from shared weights.
 */
export function weightRoundsOf({ reward, learner }: Pick<EffectiveSearchSpec, 'reward' | 'learner'>, step: number): readonly WeightRound[] {
  if (reward.kind !== 'shared-weights' || step > learner.steps || (step - 1) % reward.policyStepsPerEpoch !== 0) return [];
  const { stepsPerRound } = reward.weightTraining;
  const last = epochOf(reward, step);
  const first = step === 1 ? 0 : last;
  const rounds: WeightRound[] = [];
  let number = first === 0 ? 0 : roundsOfEpoch(reward, 0) + (first - 1) * roundsOfEpoch(reward, 1);
  for (let epoch = first; epoch <= last; epoch++) {
    const total = stepsOfEpoch(reward, epoch);
    for (let done = 0; done < total; done += stepsPerRound) {
      rounds.push({ round: number++, epoch, steps: Math.min(stepsPerRound, total - done) });
    }
  }
  return rounds;
}

function stepsOfEpoch({ weightTraining: { stepsPerEpoch, warmupSteps } }: SharedWeightsReward, epoch: number): number {
  return stepsPerEpoch + (epoch === 0 ? warmupSteps : 0);
}

function roundsOfEpoch(reward: SharedWeightsReward, epoch: number): number {
  return Math.ceil(stepsOfEpoch(reward, epoch) / reward.weightTraining.stepsPerRound);
}

/** Learning rate of the weights in an epoch: from the first to the least by a cosine, as torch's CosineAnnealingLR over the epochs. */
export function weightLearningRateAt({ epochs, weightTraining: { learningRate, minLearningRate } }: SharedWeightsReward, epoch: number): number {
  return minLearningRate + ((learningRate - minLearningRate) * (1 + Math.cos((Math.PI * epoch) / epochs))) / 2;
}
