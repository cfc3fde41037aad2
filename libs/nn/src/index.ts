export { leakyRelu, relu, relu6 } from './activation.ts';
export { adamStep, initialAdamState, type AdamMoments, type AdamOptions, type AdamState } from './adam.ts';
export { BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM, batchNorm, type BatchNormMode, type BatchNormOptions, type RunningStatistics } from './batch-norm.ts';
export { decodeTensors, encodeTensors, sha256, sizeOfShape, type HostTensor, type TensorFile } from './checkpoint.ts';
export { countCorrect, crossEntropy, linear } from './classifier.ts';
export { conv2d, depthwiseConv2d, type ConvolutionOptions } from './convolution.ts';
export { gradientError, type GradientCheckOptions } from './gradient-check.ts';
export { fromNative, toChannelsFirst, toChannelsLast, toNative, type WeightKind } from './layout.ts';
export { avgPool, globalAveragePool, maxPool, type PoolOptions } from './pooling.ts';
export { gatherRows, segmentSum } from './segment.ts';
export { MomentumSgd, cosineRate, type SgdOptions, type SgdState } from './sgd.ts';
export { subsample, type Size2D } from './slicing.ts';
export {
  isTensorflowLoaded,
  loadTensorflow,
  tensorflowThreads,
  type NamedTensorMap,
  type Rank,
  type Scalar,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor3D,
  type Tensor4D,
  type TensorLike,
  type Tensorflow,
  type TensorflowOptions,
  type Variable,
} from './tensorflow.ts';
