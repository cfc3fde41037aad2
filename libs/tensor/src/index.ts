export { leakyRelu, relu, relu6 } from './ops/activation.ts';
export { adamStep, initialAdamState, type AdamMoments, type AdamOptions, type AdamState } from './optim/adam.ts';
export { BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM, batchNorm, type BatchNormMode, type BatchNormOptions, type RunningStatistics } from './ops/batch-norm.ts';
export { decodeTensors, encodeTensors, sha256, sizeOfShape, type HostTensor, type TensorFile } from './files/tensor-file.ts';
export { countCorrect, crossEntropy, linear } from './ops/classifier.ts';
export { conv2d, depthwiseConv2d, type ConvolutionOptions } from './ops/convolution.ts';
export { gradientError, type GradientCheckOptions } from './gradient-check.ts';
export { fromNative, toChannelsFirst, toChannelsLast, toNative, type WeightKind } from './ops/layout.ts';
export { avgPool, globalAveragePool, maxPool, type PoolOptions } from './ops/pooling.ts';
export { gatherRows, segmentSum } from './ops/segment.ts';
export { MomentumSgd, cosineRate, type SgdOptions, type SgdState } from './optim/sgd.ts';
export { subsample, type Size2D } from './ops/slicing.ts';
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
