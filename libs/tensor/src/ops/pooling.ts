/** Pools with PyTorch's symmetric padding, which never counts: it is minus infinity for maxima and left out of means. */
import { hasKernels, runKernel } from './kernels.ts';
import { FLOAT, INT, differentiable, runOne } from './raw-operation.ts';
import type { Tensor, Tensor4D, Tensorflow } from '../tensorflow-types.ts';

export interface PoolOptions {
  /** Height and width of the window. */
  readonly size: number;
  /** @default 1 */
  readonly stride?: number;
  /** On every side. @default 0 */
  readonly padding?: number;
}

/** Output length and the padding really read after the end, for an input length. */
function outputLength(length: number, { size, stride, padding }: Required<PoolOptions>): { out: number; after: number } {
  const out = Math.floor((length + 2 * padding - size) / stride) + 1;
  return { out, after: Math.max(0, (out - 1) * stride + size - length - padding) };
}

/** Maximum over windows. Of equal maxima the first in reading order gets the gradient. */
export function maxPool(tf: Tensorflow, x: Tensor4D, { size, stride = 1, padding = 0 }: PoolOptions): Tensor4D {
  if (hasKernels(tf)) return poolWindows(tf, x, { size, stride, padding }, true);
  if (stride === 1) return maximumAlong(tf, maximumAlong(tf, x, 2, { size, padding }), 1, { size, padding });
  const attributes = {
    T: FLOAT,
    ksize: [1, size, size, 1],
    strides: [1, stride, stride, 1],
    padding: padding === 0 ? 'VALID' : 'EXPLICIT',
    explicit_paddings: padding === 0 ? [] : [0, 0, padding, padding, padding, padding, 0, 0],
    data_format: 'NHWC',
  };
  return differentiable(
    tf,
    [x],
    (keep) => {
      const maximum = runOne(tf, 'MaxPool', attributes, [x]);
      keep(x, maximum);
      return maximum;
    },
    (dy, [source, maximum]) => [runOne(tf, 'MaxPoolGrad', attributes, [source!, maximum!, dy])],
  );
}

/** Either pool on our kernels. */
function poolWindows(tf: Tensorflow, x: Tensor4D, { size, stride, padding }: Required<PoolOptions>, maximum: boolean): Tensor4D {
  const attributes = { size: { int: size }, stride: { int: stride }, padding: { int: padding }, maximum };
  return differentiable(
    tf,
    [x],
    (keep) => {
      const y = runKernel(tf, 'NatPool', attributes, [x])[0]!;
      if (maximum) keep(x, y);
      else keep(x);
      return y;
    },
    (dy, [source, top]) => runKernel(tf, 'NatPoolGrad', attributes, [source!, top ?? dy, dy]),
  );
}

/**
 * Maximum of `size` neighbours along rows (axis 2) or columns (axis 1), at stride 1. Rows, then columns, make a pool:
 * libtensorflow's own gradient of one takes longer.
 */
function maximumAlong(tf: Tensorflow, x: Tensor4D, axis: 1 | 2, { size, padding }: { readonly size: number; readonly padding: number }): Tensor4D {
  const length = x.shape[axis];
  const out = length + 2 * padding - size + 1;
  const along = (value: number): number[] => [0, 1, 2, 3].map((d) => (d === axis ? value : 0));
  const around = (before: number, after: number): [number, number][] => [0, 1, 2, 3].map((d) => (d === axis ? [before, after] : [0, 0]));
  const outShape = x.shape.map((n, d) => (d === axis ? out : n));
  // Neighbour i of every output pixel.
  const neighbour = (source: Tensor, i: number): Tensor => tf.slice(source, along(i), outShape);
  return differentiable(
    tf,
    [x],
    (keep) => {
      const source = padding === 0 ? x : tf.pad(x, around(padding, padding), -Infinity);
      const maximum = Array.from({ length: size }, (_, i) => neighbour(source, i)).reduce((a, b) => runOne(tf, 'Maximum', { T: FLOAT }, [a, b]));
      keep(source, maximum);
      return maximum;
    },
    (dy, [source, maximum]) => {
      const zeros = runOne(tf, 'ZerosLike', { T: FLOAT }, [dy]);
      const parts: Tensor[] = [];
      let rest: Tensor = dy; // what no earlier neighbour took
      for (let i = 0; i < size; i++) {
        let part: Tensor = rest;
        if (i < size - 1) {
          const isMaximum = runOne(tf, 'GreaterEqual', { T: FLOAT }, [neighbour(source!, i), maximum!]);
          part = runOne(tf, 'Select', { T: FLOAT }, [isMaximum, rest, zeros]);
          rest = runOne(tf, 'Sub', { T: FLOAT }, [rest, part]);
        }
        parts.push(tf.pad(part, around(i, size - 1 - i)));
      }
      const gradient = runOne(tf, 'AddN', { T: FLOAT, N: { int: size } }, parts);
      return [padding === 0 ? gradient : tf.slice(gradient, along(padding), x.shape)];
    },
  );
}

/** Mean over windows, of the pixels that are there (count_include_pad=False). */
export function avgPool(tf: Tensorflow, x: Tensor4D, { size, stride = 1, padding = 0 }: PoolOptions): Tensor4D {
  const options = { size, stride, padding };
  if (hasKernels(tf)) return poolWindows(tf, x, options, false);
  const [batch, height, width, channels] = x.shape;
  const vertical = outputLength(height, options);
  const horizontal = outputLength(width, options);
  const paddings: [number, number][] = [
    [0, 0],
    [padding, vertical.after],
    [padding, horizontal.after],
    [0, 0],
  ];
  const padded = [batch, height + padding + vertical.after, width + padding + horizontal.after, channels];
  // libtensorflow's own "same" padding doesn't count either, where it lies on the same sides; its gradient is wrong for a
  // window larger than the image.
  const fits = Math.min(height, width) >= size;
  const isSame = padding > 0 && stride === 1 && fits && vertical.after === padding && horizontal.after === padding;
  const isPadded = padding > 0 && !isSame;
  const attributes = { T: FLOAT, ksize: [1, size, size, 1], strides: [1, stride, stride, 1], padding: isSame ? 'SAME' : 'VALID', data_format: 'NHWC' };
  const correction = (): Tensor =>
    tf.mul(windowShares(tf, height, vertical.out, options).reshape([-1, 1, 1]), windowShares(tf, width, horizontal.out, options).reshape([1, -1, 1]));
  return differentiable(
    tf,
    [x],
    () => {
      const mean = runOne(tf, 'AvgPool', attributes, [isPadded ? tf.pad(x, paddings) : x]);
      return isPadded ? tf.mul(mean, correction()) : mean;
    },
    (dy) => {
      const gradient = runOne(tf, 'AvgPoolGrad', attributes, [tf.tensor1d(isPadded ? padded : x.shape, 'int32'), isPadded ? tf.mul(dy, correction()) : dy]);
      return [isPadded ? tf.slice(gradient, [0, padding, padding, 0], x.shape) : gradient];
    },
  );
}

/** [out] size of the window over the number of its pixels that are there, along one axis. */
function windowShares(tf: Tensorflow, length: number, out: number, { size, stride, padding }: Required<PoolOptions>): Tensor {
  return tf.tensor1d(
    Array.from({ length: out }, (_, i) => {
      const from = i * stride - padding;
      return size / (Math.min(from + size, length) - Math.max(from, 0));
    }),
  );
}

/** Mean over all pixels: [batch, height, width, channels] -> [batch, channels]. */
export function globalAveragePool(tf: Tensorflow, x: Tensor4D): Tensor {
  const [batch, height, width, channels] = x.shape;
  return differentiable(
    tf,
    [x],
    () => runOne(tf, 'Mean', { T: FLOAT, Tidx: INT, keep_dims: false }, [x, tf.tensor1d([1, 2], 'int32')]),
    (dy) => [tf.broadcastTo(tf.div(dy, height * width).reshape([batch, 1, 1, channels]), x.shape)],
  );
}
