export { GraphBuilder, type NodeOptions } from './graph/builder.ts';
export {
  elementsPerImage,
  imageShape,
  imageType,
  producerOf,
  sameType,
  valueOfNode,
  type DataType,
  type Dimension,
  type Graph,
  type GraphInput,
  type GraphOutput,
  type Node,
  type NodeOf,
  type TensorType,
  type Value,
} from './graph/graph.ts';
export { liveValues, readersOf } from './graph/lifetimes.ts';
export { ACTIVATION_FUNCTIONS, isActivationFunction, type ActivationFunction } from './ops/activation.ts';
export type { Attributes, ConvolutionAttributes, Initializer, OperatorKind, Padding2D, PoolAttributes, Size2D, WeightSpec } from './ops/operator.ts';
export { OPERATORS, nodeLabel, weightSpecs } from './ops/registry.ts';
export { foldBatchNorm, type Folded, type WeightTensor } from './passes/fold-batch-norm.ts';
export { hashGraph } from './passes/hash.ts';
export { infer } from './passes/infer.ts';
export { checkCountable, profile, type Cost, type ModuleProfile, type Profile } from './passes/profile.ts';
export { rewrite, type Emit, type Replacement, type Rewritten } from './passes/rewrite.ts';
export { dropDeadNodes, simplify } from './passes/simplify.ts';
export { checkRegion, type Candidate, type Region, type Site } from './passes/sites.ts';
