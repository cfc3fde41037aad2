export { actionTableCodes, evolvedCodes, uniformCodes } from './benchmark/simple-transforms.ts';
export { scoreUnderConstraint, type ConstrainedScores, type Constraint } from './benchmark/constraints.ts';
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
} from './benchmark/few-evaluations.ts';
export { NasBench201Task, type HeldOutGain } from './benchmark/held-out-gain.ts';
export { InnerValidation } from './benchmark/inner-validation.ts';
export { benchmarkNasBench201, type NasBench201BenchmarkOptions, type NasBench201Report } from './benchmark/nasbench201-benchmark.ts';
export { SOURCE_BANDS, type BandScore, type MethodScore } from './benchmark/scores.ts';
export { greedyCodes, sampledCodes, searchTabular, type TabularSearchOptions, type TabularSearchResult } from './benchmark/tabular-search.ts';
export { compareHeldOut } from './held-out.ts';
export { searchHyperparameters, type BaselineName, type HyperparameterOptions } from './hyperparameters.ts';
export {
  collateRound,
  drawRound,
  learnerTrials,
  pairsOfRound,
  type CollatedRound,
  type CountedTrial,
  type DrawnTrial,
  type LeftOutTrial,
  type PairOutcome,
  type RoundOptions,
  type RoundPair,
  type RoundPairs,
} from './round.ts';
export { searchWithRewardModel, type ModelBasedSearchOptions, type ModelBasedSearchResult } from './reward-model/model-based-search.ts';
export { fitModel, teachPolicy, type LearningCurve, type TaughtPolicy } from './reward-model/imagined-learning.ts';
export { heldOutSources, sampleSpace, type SampledChild } from './reward-model/space-search.ts';
export { REWARD_MODEL, RIDGE, RewardModel, type Observation, type RewardModelOptions } from './reward-model/reward-model.ts';
export { PRESET_NAMES, defaultPreset, isPresetName, searchPreset, type PresetName, type SearchPreset, type SharedWeightsPreset } from './search-presets.ts';
export { SearchSession, freshStart, type SessionOptions, type SessionSpec } from './session.ts';
export { derivedSeed, initializationStream } from './seeds.ts';
export { BLOCK_SPACES, blockOperations, isBlockSpaceName } from './spaces/block-spaces.ts';
export { nasBench201Space, splitNasBench201, HELD_OUT_MODULUS, type NasBench201Split } from './spaces/nasbench201-space.ts';
export { officialCellsSpace, type OfficialSpaceName } from './spaces/official-spaces.ts';
export { isSpaceName, openSpace, type OpenSpaceOptions } from './spaces/open-space.ts';
export type { SearchSpace, Source } from './spaces/space.ts';
export { zooSpace } from './spaces/zoo-space.ts';
export { differsFromZero, kendallTau, meanInterval, pairedDifference, type MeanInterval, type RankCorrelation } from './statistics.ts';
export { planRungs, survivors, type Rung } from './successive-halving.ts';
export { SubjectCache } from './subject-cache.ts';
