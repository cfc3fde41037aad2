/** Whether a search can be run as it was asked for. */
import { findZooEntry } from '@nat/cells';
import { DATASET_CHOICES, isDatasetName } from '@nat/datasets';
import { DomainError, type FieldViolation } from '@nat/base/errors';
import { imagesSetAside, stepsOfPass } from './fill-defaults.ts';
import { officialOperations } from './official-operations.ts';
import type { EffectiveSearchSpec, HeldOutComparisonSpec, SearchSpec, SharedWeightsReward } from './search-spec.ts';

const MAX_STEPS = 1_000_000;

type Refuse = (field: string, description: string) => void;

/**
 * Refuses what does not go together.
 * @param effective the search with its defaults, as `fillDefaults` gives it
 * @throws DomainError INVALID_ARGUMENT, reason INVALID_SEARCH, naming every field that does not fit by its path in `SearchSpec`, such as `learner.steps`
 */
export function checkSearch(given: SearchSpec, effective: EffectiveSearchSpec): void {
  const violations: FieldViolation[] = [];
  const refuse: Refuse = (field, description) => {
    violations.push({ field, description });
  };
  checkSources(given, effective, refuse);
  const { reward, learner, pipelining, actions } = effective;
  if (actions.masking === 'total-cost') refuse('actions.masking', 'is of transforms: searches learn with masks of cost, or the official tables');
  if (reward.kind !== 'tabular' && !isDatasetName(reward.dataset)) refuse('reward.dataset', `is none of ${DATASET_CHOICES}`);
  if (reward.kind === 'shared-weights') {
    if (actions.placement.network !== 'supernet') refuse('actions.placement.network', 'shared weights score in the supernet');
    checkAlternation(given, reward, learner.steps, refuse);
    if (pipelining.roundsInFlight > 1) refuse('pipelining.roundsInFlight', 'shared weights are trained between rounds: they need one in flight');
    if (effective.heldOutComparison !== undefined) checkComparison(effective.heldOutComparison, reward.split, refuse);
  } else {
    if (learner.steps === 0) refuse('learner.steps', `has to be given with the preset ${effective.preset}`);
    if ((given.heldOutComparison?.sources ?? 0) > 0) refuse('heldOutComparison', 'needs rewards from shared weights: other rewards set no images aside');
  }
  const { roundsInFlight, maxStaleness } = pipelining;
  if (maxStaleness < roundsInFlight - 1) {
    refuse(
      'pipelining.maxStaleness',
      `${maxStaleness} drops rounds that come in the order they were sampled: ${roundsInFlight} in flight need at least ${roundsInFlight - 1}`,
    );
  }
  if (violations.length > 0) throw DomainError.invalidFields(violations, 'INVALID_SEARCH');
}

function checkSources({ sources }: SearchSpec, { actions, policy, reward }: EffectiveSearchSpec, refuse: Refuse): void {
  const { scheme } = actions;
  if (sources.kind === 'zoo' && findZooEntry(sources.name) === undefined) {
    refuse('sources.name', 'is no name of the zoo');
    return;
  }
  const onTable = sources.kind === 'space' && sources.space === 'nasbench201';
  const published = officialOperations(sources, scheme) !== undefined;
  if (onTable && scheme === 'nat++') refuse('actions.scheme', 'nat++ leaves the space of NAS-Bench-201: use nat');
  if (reward.kind === 'tabular' && !onTable) refuse('reward', 'tabular rewards need the space nasbench201');
  if (policy.encoder.kind === 'gcn' && !published) refuse('policy.encoder', 'the GCN reads published cells only: use the edge GNN');
  if (reward.kind === 'shared-weights' && !published) {
    refuse('reward', 'shared weights need sources whose operations a supernet has: darts, enas, resblock, vgg, mobilenetv2, or published cells of this scheme');
  }
}

function checkAlternation(given: SearchSpec, reward: SharedWeightsReward, steps: number, refuse: Refuse): void {
  const { dataset, split, epochs, policyStartEpoch, policyStepsPerEpoch, weightTraining } = reward;
  const unknown = `has to be given: how many images ${dataset} has is not known here`;
  if (isDatasetName(dataset) && stepsOfPass(dataset, split, weightTraining.imageBatch, 'policy') === undefined) {
    if (weightTraining.stepsPerEpoch === 0) refuse('reward.weightTraining.stepsPerEpoch', unknown);
    if (policyStepsPerEpoch === 0) refuse('reward.policyStepsPerEpoch', unknown);
  }
  const follows = policyStartEpoch + Math.ceil(steps / Math.max(1, policyStepsPerEpoch));
  if (given.learner?.steps !== undefined && epochs !== follows) {
    refuse('reward.epochs', `${epochs} do not go together with ${steps} steps of the policy, which are ${follows} epochs: give one of the two`);
  }
  if (policyStartEpoch >= epochs) refuse('reward.policyStartEpoch', `${policyStartEpoch} leaves none of the ${epochs} epochs for the policy`);
  if (steps > MAX_STEPS) refuse('reward.epochs', `${epochs} of ${policyStepsPerEpoch} policy steps are more than ${MAX_STEPS}`);
  const { learningRate, minLearningRate } = weightTraining;
  if (minLearningRate > learningRate) refuse('reward.weightTraining.minLearningRate', `${minLearningRate} is above the ${learningRate} it begins with`);
}

function checkComparison({ sources, images }: HeldOutComparisonSpec, split: SharedWeightsReward['split'], refuse: Refuse): void {
  const aside = imagesSetAside(split);
  if (sources > 0 && split === 'official') refuse('heldOutComparison.sources', 'the official split sets no images aside');
  else if (sources === 1) refuse('heldOutComparison.sources', 'a comparison needs at least 2');
  else if (sources > 0 && images > aside) refuse('heldOutComparison.images', `${images} are more than the ${aside} set aside`);
}
