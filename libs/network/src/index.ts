export { averageSharedWeights } from './average.ts';
export { buildCell, type CellLayer, type CellOptions } from './cell.ts';
export type { EpochReport } from './child-progress.ts';
export { trainFromScratch, type FromScratchOptions, type FromScratchReport } from './from-scratch.ts';
export { forwardLatency, type LatencyOptions } from './latency.ts';
export type { DropPath, Layer, Pass } from './layer.ts';
export { PRESET_EPOCHS, type RecipePreset, type TrainingRecipe } from './recipe.ts';
export { buildNetwork, type BuildOptions, type NetworkLayer, type NetworkOutput } from './network.ts';
export { operationLayer, type OperationPlace } from './operations.ts';
export {
  SharedWeights,
  type ArchitecturePair,
  type PairAccuracy,
  type SharedWeightsOptions,
  type StepReport,
  type SupernetTraining,
} from './shared-weights.ts';
export { correctOf, trainingStep, type StepOptions, type StepResult, type Trainee } from './training-step.ts';
export { Weights, type ParameterSpec } from './weights.ts';
