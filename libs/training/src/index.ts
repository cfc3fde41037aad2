export { averageSharedWeights } from './supernet/average.ts';
export { buildCell, type CellLayer, type CellOptions } from './executor/cell.ts';
export type { EpochReport } from './child/child-progress.ts';
export { trainFromScratch, type FromScratchOptions, type FromScratchReport } from './child/from-scratch.ts';
export { forwardLatency, type LatencyOptions } from './executor/latency.ts';
export type { DropPath, Layer, Pass } from './executor/layer.ts';
export { PRESET_EPOCHS, type RecipePreset, type TrainingRecipe } from './child/recipe.ts';
export { buildNetwork, type BuildOptions, type NetworkLayer, type NetworkOutput } from './executor/network.ts';
export { operationLayer, type OperationPlace } from './executor/operations.ts';
export {
  SharedWeights,
  type ArchitecturePair,
  type PairAccuracy,
  type SharedWeightsOptions,
  type StepReport,
  type SupernetTraining,
} from './supernet/shared-weights.ts';
export { correctOf, trainingStep, type StepOptions, type StepResult, type Trainee } from './executor/training-step.ts';
export { Weights, type ParameterSpec } from './executor/weights.ts';
