export { ActionSpace, type ActionSpaceOptions } from './mdp/action-space.ts';
export { Episode, playEpisode } from './mdp/episode.ts';
export { checkBudget, resolveBudget, withinBudget, type Budget } from './mdp/budget.ts';
export { certify, type CostCertificate, type EdgeSaving } from './mdp/certificate.ts';
export { LivePaths, cellGuards, type CellGuard } from './mdp/connectivity.ts';
export { CostedArchitecture, CostModel } from './mdp/cost-model.ts';
export { createEnvironment, Environment, EnvironmentFactory, type EnvironmentOptions } from './mdp/environment.ts';
export type { MaskMode } from './mdp/mask-mode.ts';
export { likeliestTransform, sampleTransforms, type LikeliestTransform } from './decode/transforms.ts';
export { NAT_ACTIONS, schemeTable, transitionRow, type SchemeTable } from './mdp/transition-schemes.ts';
export { createCheckpoint, parseCheckpoint, policySha256, serializeCheckpoint, type PolicyCheckpoint } from './policy/checkpoint.ts';
export type { EdgeGnnConfig } from './policy/networks/edge-gnn.ts';
export type { GcnConfig } from './policy/networks/gcn.ts';
export { EDGE_POLICY, LSTM_POLICY, officialGcnPolicy, type PolicyConfig } from './policy/policy-config.ts';
export { SampledTransform, type SampledEdge } from './policy/sampled-transform.ts';
export { PolicyInference, type SamplingMode } from './policy/inference/policy-inference.ts';
export { advantages, scaleAdvantages, type AdvantageScaling, type AdvantageShape, type BaselineOptions, type Rewards } from './learning/baseline.ts';
export { DEFAULT_IMPORTANCE_CLIP } from './learning/importance.ts';
export { presets, type Hyperparameters } from './learning/presets.ts';
export { Learner, type StepStats, type Trial } from './learning/reinforce.ts';
export {
  algorithm1,
  type Algorithm1Options,
  type Evaluation,
  type LearnedStep,
  type Round,
  type SearchPorts,
  type SearchProgress,
} from './search/algorithm-1.ts';
export { EnvironmentCache } from './search/environment-cache.ts';
export { compareHeldOut } from './search/held-out.ts';
export { searchInProcess, type InProcessOptions, type InProcessStep } from './search/in-process.ts';
export { searchHyperparameters, type HyperparameterOptions } from './search/hyperparameters.ts';
export { PRESET_NAMES, searchPreset, type PresetName, type SearchPreset, type SharedWeightsPreset } from './search/presets.ts';
export {
  candidatesOfRound,
  collateRound,
  sampleRound,
  learnerTrials,
  type CandidateOutcome,
  type CollatedRound,
  type CountedTrial,
  type SampledTrial,
  type LeftOutTrial,
  type RoundCandidates,
  type RoundOptions,
  type TrialCandidates,
} from './search/round.ts';
export { derivedSeed, initializationStream } from './search/seeds.ts';
export { SearchSession, freshStart, type SessionOptions, type SessionSpec } from './search/session.ts';
export { epochOf, weightLearningRateAt, weightRoundsOf, type WeightRound } from './search/spec/alternation.ts';
export { checkSearch } from './search/spec/check-search.ts';
export { DEFAULT_COLUMN, DEFAULT_DATASET, fillDefaults } from './search/spec/fill-defaults.ts';
export { supernetKind } from './search/spec/official-operations.ts';
export {
  type EffectiveSearchSpec,
  type RewardKind,
  type SearchSpec,
  type FromScratchReward,
  type SharedWeightsReward,
  type SourceSpec,
} from './search/spec/search-spec.ts';
export { sessionSpecOf } from './search/spec/session-spec.ts';
export { differsFromZero, kendallTau, meanInterval, normalQuantile, pairedDifference, type MeanInterval, type RankCorrelation } from './search/statistics.ts';
export { planRungs, survivors, type Rung } from './search/successive-halving.ts';
export { nasBench201Space, splitNasBench201, HELD_OUT_MODULUS, type NasBench201Split } from './search/spaces/nasbench201-space.ts';
export { officialCellsSpace, type OfficialSpaceName } from './search/spaces/official-spaces.ts';
export { isKnownSpace, spaceHolds } from './search/spaces/membership.ts';
export { isSpaceName, openSpace, SPACE_NAMES, type OpenSpaceOptions, type SpaceName } from './search/spaces/open-space.ts';
export type { SearchSpace, Source } from './search/spaces/space.ts';
export { zooSpace } from './search/spaces/zoo-space.ts';
