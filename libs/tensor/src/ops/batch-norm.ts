/**
 * Batch normalisation (Ioffe and Szegedy 2015) as PyTorch's BatchNorm2d: epsilon 1e-5, momentum 0.1, unbiased running
 * variance. Means over pixels are matrix products with a constant row: libtensorflow's fused operation adds up all pixels one
 * by one, which is slower and loses two decimal digits on 65,536 of them.
 */
import { hasKernels, runKernel } from './kernels.ts';
import { FLOAT, differentiable, runOne } from './raw-operation.ts';
import type { Tensor, Tensor4D, Tensorflow, Variable } from '../tensorflow-types.ts';

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
  /** Share of the batch in the running statistics. @default 0.1 */
  readonly momentum?: number;
  /** Added to the variance. @default 1e-5 */
  readonly epsilon?: number;
  /** Both [channels]; neither for a normalisation without weight and bias. */
  readonly affine?: { readonly weight: Tensor; readonly bias: Tensor };
}

/** y = (x - mean) / sqrt(variance + epsilon) * weight + bias, per channel of an NHWC tensor. */
export function batchNorm(tf: Tensorflow, x: Tensor4D, options: BatchNormOptions): Tensor4D {
  const { mode, running, momentum = BATCH_NORM_MOMENTUM, epsilon = BATCH_NORM_EPSILON, affine } = options;
  if (mode === 'eval') {
    const deviation = tf.sqrt(tf.add(running.variance, epsilon));
    const scale = affine === undefined ? tf.div(1, deviation) : tf.div(affine.weight, deviation);
    const shift = tf.sub(affine?.bias ?? 0, tf.mul(running.mean, scale));
    return tf.add(tf.mul(x, scale), shift);
  }
  const channels = x.shape[3];
  const pixels = x.size / channels;
  const track = (mean: Tensor, variance: Tensor): void => {
    if (mode !== 'train') return;
    updateRunning(tf, running.mean, mean, momentum);
    updateRunning(tf, running.variance, tf.mul(variance, pixels / (pixels - 1)), momentum);
  };
  if (hasKernels(tf)) {
    const attributes = { epsilon, affine: affine !== undefined };
    return differentiable(
      tf,
      affine === undefined ? [x] : [x, affine.weight, affine.bias],
      (keep) => {
        const [y, mean, variance] = runKernel(tf, 'NatBatchNorm', attributes, [x, affine?.weight ?? running.mean, affine?.bias ?? running.mean]);
        track(mean!, variance!);
        keep(x, mean!, variance!, affine?.weight ?? mean!);
        return y!;
      },
      (dy, [input, mean, variance, weight]) => {
        const gradients = runKernel(tf, 'NatBatchNormGrad', attributes, [input!, dy, mean!, variance!, weight!]);
        return affine === undefined ? gradients.slice(0, 1) : gradients;
      },
    );
  }
  const [outer, inner] = balancedFactors(pixels);
  const op = (name: string, ...inputs: Tensor[]): Tensor => runOne(tf, name, { T: FLOAT }, inputs);
  const product = (a: Tensor, b: Tensor): Tensor => runOne(tf, 'MatMul', { T: FLOAT, transpose_a: false, transpose_b: false }, [a, b]);
  /** Mean over pixels, [pixels, channels] -> [1, channels], in two steps: short sums round little. */
  const meanOf = (values: Tensor, overOuter: Tensor, overInner: Tensor): Tensor =>
    product(overInner, product(overOuter, values.reshape([outer, inner * channels])).reshape([inner, channels]));
  return differentiable(
    tf,
    affine === undefined ? [x] : [x, affine.weight, affine.bias],
    (keep) => {
      const averages = [tf.fill([1, outer], 1 / outer), tf.fill([1, inner], 1 / inner)] as const;
      const rows = x.reshape([pixels, channels]);
      const mean = meanOf(rows, ...averages);
      const centred = op('Sub', rows, mean); // [pixels, channels]
      const variance = meanOf(op('Square', centred), ...averages);
      const inverse = op('Rsqrt', op('Add', variance, tf.scalar(epsilon))); // 1 / standard deviation, [1, channels]
      track(mean, variance);
      if (affine === undefined) {
        keep(centred, inverse, ...averages);
        return op('Mul', centred, inverse).reshape(x.shape);
      }
      keep(centred, inverse, ...averages, affine.weight);
      return op('BiasAdd', op('Mul', centred, op('Mul', inverse, affine.weight)), affine.bias).reshape(x.shape);
    },
    (outputGradient, [centred, inverse, overOuter, overInner, weight]) => {
      // dx = weight / deviation (dy - mean(dy) - (x - mean) / deviation^2 mean(dy (x - mean)))
      const dy = outputGradient.reshape([pixels, channels]);
      const meanDy = meanOf(dy, overOuter!, overInner!);
      const meanProduct = meanOf(op('Mul', dy, centred!), overOuter!, overInner!);
      const along = op('Mul', centred!, op('Mul', op('Square', inverse!), meanProduct));
      const scale = weight === undefined ? inverse! : op('Mul', inverse!, weight);
      const dx = op('Mul', op('Sub', op('Sub', dy, along), meanDy), scale).reshape(x.shape);
      if (weight === undefined) return [dx];
      return [dx, tf.mul(op('Mul', meanProduct, inverse!), pixels).reshape([channels]), tf.mul(meanDy, pixels).reshape([channels])];
    },
  );
}

/** n = outer * inner with inner the largest divisor up to the square root. */
function balancedFactors(n: number): readonly [outer: number, inner: number] {
  let inner = Math.floor(Math.sqrt(n));
  while (n % inner !== 0) inner--;
  return [n / inner, inner];
}

/** running <- running + momentum (value - running) */
function updateRunning(tf: Tensorflow, running: Variable, value: Tensor, momentum: number): void {
  running.assign(tf.add(running, tf.mul(tf.sub(value.reshape(running.shape), running), momentum)));
}
