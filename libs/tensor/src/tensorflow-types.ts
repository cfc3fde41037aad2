/** The types of TensorFlow.js that everything here speaks of. */
import type * as tfjs from '@tensorflow/tfjs-node-gpu';

/** The TensorFlow.js module on libtensorflow. Pass it to the functions that compute: none of them load it themselves. */
export type Tensorflow = typeof tfjs;
export type { Rank, Scalar, Tensor, Tensor1D, Tensor2D, Tensor3D, Tensor4D, TensorLike, Variable, NamedTensorMap } from '@tensorflow/tfjs-node-gpu';
