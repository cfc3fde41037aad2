export { Episode, ActionSpace, playEpisode, type ActionSpaceOptions } from './mdp/action-space.ts';
export { checkBudget, withinBudget, type Budget } from './mdp/budget.ts';
export { certify, type CostCertificate, type EdgeSaving } from './mdp/certificate.ts';
export { LivePaths, cellGuards, type CellGuard } from './mdp/connectivity.ts';
export { CostedArchitecture, CostModel } from './mdp/cost-model.ts';
export { NAT_ACTIONS, schemeTable, transitionRow, type SchemeTable } from './mdp/transition-schemes.ts';
export { advantages, scaleAdvantages, type AdvantageScaling, type BaselineOptions, type Rewards } from './learning/baseline.ts';
export { createCheckpoint, parseCheckpoint, policySha256, serializeCheckpoint, type PolicyCheckpoint } from './policy/checkpoint.ts';
export { PolicyInference, type SamplingMode } from './policy/inference/policy-inference.ts';
export { EDGE_POLICY, LSTM_POLICY, officialGcnPolicy, type PolicyConfig } from './policy/policy-config.ts';
export { SampledTransform, type SampledEdge } from './policy/sampled-transform.ts';
export type { EdgeGnnConfig } from './policy/edge-gnn.ts';
export { DEFAULT_IMPORTANCE_CLIP } from './learning/importance.ts';
export { Learner, type StepStats, type Trial } from './learning/reinforce.ts';
export type { GcnConfig } from './policy/gcn.ts';
export { presets, type Hyperparameters } from './learning/presets.ts';
export { createEnvironment, Environment, EnvironmentFactory, type MaskMode, type EnvironmentOptions } from './mdp/environment.ts';
export { actionTableCodes, evolvedCodes, uniformCodes } from './search/benchmark/simple-transforms.ts';
export { scoreUnderConstraint, type ConstrainedScores, type Constraint } from './search/benchmark/constraints.ts';
export {
  bestEvaluated,
  bestPredicted,
  evaluateActively,
  evaluateByEvolution,
  evaluateRandom,
  fitRewardModel,
  predictorOf,
  type BudgetOptions,
  type Evaluated,
} from './search/benchmark/few-evaluations.ts';
export { NasBench201Task, type HeldOutGain } from './search/benchmark/held-out-gain.ts';
export { InnerValidation } from './search/benchmark/inner-validation.ts';
export { benchmarkNasBench201, type NasBench201BenchmarkOptions, type NasBench201Report } from './search/benchmark/nasbench201-benchmark.ts';
export { SOURCE_BANDS, type BandScore, type MethodScore } from './search/benchmark/scores.ts';
export { greedyCodes, sampledCodes, searchTabular, type TabularSearchOptions, type TabularSearchResult } from './search/benchmark/tabular-search.ts';
export { compareHeldOut } from './search/held-out.ts';
export { searchHyperparameters, type BaselineName, type HyperparameterOptions } from './search/hyperparameters.ts';
export {
  collateRound,
  sampleRound,
  learnerTrials,
  pairsOfRound,
  type CollatedRound,
  type CountedTrial,
  type SampledTrial,
  type LeftOutTrial,
  type PairOutcome,
  type RoundOptions,
  type RoundPair,
  type RoundPairs,
} from './search/round.ts';
export { searchWithRewardModel, type ModelBasedSearchOptions, type ModelBasedSearchResult } from './search/reward-model/model-based-search.ts';
export { fitModel, teachPolicy, type LearningCurve, type TaughtPolicy } from './search/reward-model/imagined-learning.ts';
export { heldOutSources, sampleSpace, type SampledChild } from './search/reward-model/space-search.ts';
export { REWARD_MODEL, RIDGE, RewardModel, type Observation, type RewardModelOptions } from './search/reward-model/reward-model.ts';
export { PRESET_NAMES, defaultPreset, isPresetName, searchPreset, type PresetName, type SearchPreset, type SharedWeightsPreset } from './search/presets.ts';
export { SearchSession, freshStart, type SessionOptions, type SessionSpec } from './search/session.ts';
export { derivedSeed, initializationStream } from './search/seeds.ts';
export { BLOCK_SPACES, blockOperations, isBlockSpaceName } from './search/spaces/block-spaces.ts';
export { nasBench201Space, splitNasBench201, HELD_OUT_MODULUS, type NasBench201Split } from './search/spaces/nasbench201-space.ts';
export { officialCellsSpace, type OfficialSpaceName } from './search/spaces/official-spaces.ts';
export { isSpaceName, openSpace, type OpenSpaceOptions } from './search/spaces/open-space.ts';
export type { SearchSpace, Source } from './search/spaces/space.ts';
export { zooSpace } from './search/spaces/zoo-space.ts';
export { differsFromZero, kendallTau, meanInterval, pairedDifference, type MeanInterval, type RankCorrelation } from './search/statistics.ts';
export { planRungs, survivors, type Rung } from './search/successive-halving.ts';
export { EnvironmentCache } from './search/environment-cache.ts';
