/**
 * Batch normalisation (Ioffe and Szegedy 2015) as PyTorch's BatchNorm2d: epsilon 1e-5, momentum 0.1, unbiased running
 * variance. One fused operation forward and one backward.
 */
import { FLOAT, differentiable, runOperation } from './raw-operation.ts';
import type { Tensor, Tensor1D, Tensor4D, Tensorflow, Variable } from './tensorflow.ts';

export const BATCH_NORM_EPSILON = 1e-5;
export const BATCH_NORM_MOMENTUM = 0.1;

/** Which statistics normalise: the batch's, updating the running ones; the batch's alone; the running ones. */
export type BatchNormMode = 'train' | 'batch' | 'eval';

/** Both [channels]. */
export interface RunningStatistics {
  readonly mean: Variable;
  readonly variance: Variable;
}

export interface BatchNormOptions {
  readonly mode: BatchNormMode;
  readonly running: RunningStatistics;
  /** Both [channels]; neither for a normalisation without weight and bias. */
  readonly affine?: { readonly weight: Tensor; readonly bias: Tensor };
}

/** y = (x - mean) / sqrt(variance + epsilon) * weight + bias, per channel of an NHWC tensor. */
export function batchNorm(tf: Tensorflow, x: Tensor4D, { mode, running, affine }: BatchNormOptions): Tensor4D {
  const channels = x.shape[3];
  const training = mode !== 'eval';
  const attributes = { T: FLOAT, U: FLOAT, epsilon: BATCH_NORM_EPSILON, data_format: 'NHWC', is_training: training };
  const factor = mode === 'train' ? BATCH_NORM_MOMENTUM : 1;
  return differentiable(
    tf,
    affine === undefined ? [x] : [x, affine.weight, affine.bias],
    (keep) => {
      const weight = affine?.weight ?? tf.ones([channels]);
      const bias = affine?.bias ?? tf.zeros([channels]);
      const statistics: Tensor[] = mode === 'batch' ? [tf.zeros([0]), tf.zeros([0])] : [running.mean, running.variance];
      const outputs = runOperation(tf, 'FusedBatchNormV3', { ...attributes, exponential_avg_factor: factor }, [x, weight, bias, ...statistics], 6);
      const [y, mean, variance, savedMean, savedVariance, reserved] = outputs as [Tensor, Tensor1D, Tensor1D, Tensor, Tensor, Tensor];
      if (mode === 'train') {
        running.mean.assign(mean);
        running.variance.assign(variance);
      }
      if (training) keep(x, weight, savedMean, savedVariance, reserved);
      else keep(x, weight, running.mean, running.variance, reserved);
      return y;
    },
    (dy, [input, weight, mean, variance, reserved]) => {
      const [dx, dWeight, dBias] = runOperation(tf, 'FusedBatchNormGradV3', attributes, [dy, input!, weight!, mean!, variance!, reserved!], 5);
      return affine === undefined ? [dx!] : [dx!, dWeight!, dBias!];
    },
  );
}
