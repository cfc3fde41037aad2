export { adamStep, initialAdamState, type AdamMoments, type AdamOptions, type AdamState } from './adam.ts';
export { decodeTensors, encodeTensors, sha256, sizeOfShape, type HostTensor, type TensorFile } from './checkpoint.ts';
export { gatherRows, segmentSum } from './segment.ts';
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
