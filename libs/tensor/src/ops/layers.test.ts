import { RandomStream } from '@nat/base/random';
import { describe, expect, it } from 'vitest';
import { relu, relu6 } from './activation.ts';
import { batchNorm } from './batch-norm.ts';
import { countCorrect, crossEntropy, linear } from './classifier.ts';
import { conv2d, depthwiseConv2d } from './convolution.ts';
import { gradientError } from '../gradient-check.ts';
import { avgPool, globalAveragePool, maxPool } from './pooling.ts';
import { subsample } from './slicing.ts';
import { loadTensorflow } from '../tensorflow.ts';
import type { Rank, Tensor, Tensor4D } from '../tensorflow-types.ts';

const tf = loadTensorflow();

function random(shape: [number, number, number, number], seed = 1): Tensor4D {
  const stream = RandomStream.of('layers', seed);
  return tf.tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => stream.normal()),
    shape,
  );
}

/** Every output pixel of an NHWC window operation by a plain loop; `read` gives 0..n-1 input rows and columns or undefined. */
function windows(
  x: Tensor4D,
  { size, stride, padding, dilation }: { size: [number, number]; stride: [number, number]; padding: [number, number]; dilation: number },
  reduce: (
    pixels: { row: number; column: number; i: number; j: number }[],
    at: (n: number, row: number, column: number, channel: number) => number,
    n: number,
    o: number,
  ) => number,
  outChannels: number,
): { shape: number[]; data: number[] } {
  const [batch, height, width, channels] = x.shape;
  const values = x.dataSync();
  const at = (n: number, row: number, column: number, channel: number): number => values[((n * height + row) * width + column) * channels + channel]!;
  const outHeight = Math.floor((height + 2 * padding[0] - dilation * (size[0] - 1) - 1) / stride[0]) + 1;
  const outWidth = Math.floor((width + 2 * padding[1] - dilation * (size[1] - 1) - 1) / stride[1]) + 1;
  const data: number[] = [];
  for (let n = 0; n < batch; n++)
    for (let h = 0; h < outHeight; h++)
      for (let w = 0; w < outWidth; w++)
        for (let o = 0; o < outChannels; o++) {
          const pixels = [];
          for (let i = 0; i < size[0]; i++)
            for (let j = 0; j < size[1]; j++) {
              const row = h * stride[0] + i * dilation - padding[0];
              const column = w * stride[1] + j * dilation - padding[1];
              if (row >= 0 && row < height && column >= 0 && column < width) pixels.push({ row, column, i, j });
            }
          data.push(reduce(pixels, at, n, o));
        }
  return { shape: [batch, outHeight, outWidth, outChannels], data };
}

function expectClose(actual: Tensor, expected: { shape: number[]; data: number[] }): void {
  expect(actual.shape).toEqual(expected.shape);
  const values = actual.dataSync();
  const scale = Math.max(...expected.data.map(Math.abs));
  let worst = 0;
  expected.data.forEach((value, i) => (worst = Math.max(worst, Math.abs(values[i]! - value))));
  expect(worst).toBeLessThan(3e-6 * scale);
}

/** Runs a check and proves that it leaves no tensor behind but what it was given. */
function withoutLeaks(check: () => void): void {
  const before = tf.memory().numTensors;
  tf.tidy(check);
  expect(tf.memory().numTensors).toBe(before);
}

/** Even, odd, and smaller than the larger windows. */
const SIZES = [8, 7, 4, 3];

describe('conv2d', () => {
  const cases = SIZES.flatMap((size) =>
    [
      [1, 1, 1, 0],
      [1, 1, 2, 0],
      [3, 3, 1, 1],
      [3, 3, 2, 1],
      [5, 5, 2, 2],
      [1, 7, 1, 3],
      [2, 2, 1, 0],
      [7, 7, 2, 3],
    ].map(([h, w, s, p]) => ({ size, h: h!, w: w!, s: s!, p: p! })),
  );
  it.each(cases.filter(({ size, h, w, p }) => size + 2 * p >= Math.max(h, w)))(
    '$h x $w at stride $s, padding $p, size $size: a plain loop and finite differences agree',
    ({ size, h, w, s, p }) => {
      withoutLeaks(() => {
        const x = random([2, size, size, 5]);
        const kernel = random([h, w, 5, 4], 2);
        const padding: [number, number] = [h === 1 ? 0 : p, w === 1 ? 0 : p];
        const weights = kernel.dataSync();
        const expected = windows(
          x,
          { size: [h, w], stride: [s, s], padding, dilation: 1 },
          (pixels, at, n, o) => {
            let sum = 0;
            for (const { row, column, i, j } of pixels) for (let c = 0; c < 5; c++) sum += at(n, row, column, c) * weights[((i * w + j) * 5 + c) * 4 + o]!;
            return sum;
          },
          4,
        );
        expectClose(conv2d(tf, x, kernel, { stride: s, padding }), expected);
        expectClose(conv2d(tf, x, kernel, { stride: s, padding, inputGradient: false }), expected);
        expect(gradientError(tf, (a, b) => conv2d(tf, a as Tensor4D, b as Tensor4D, { stride: s, padding }), [x, kernel])).toBeLessThan(1e-3);
        expect(gradientError(tf, (b) => conv2d(tf, x, b as Tensor4D, { stride: s, padding, inputGradient: false }), [kernel])).toBeLessThan(1e-3);
      });
    },
  );
});

describe('depthwiseConv2d', () => {
  const cases = SIZES.flatMap((size) =>
    [
      [1, 1, 0, 1],
      [3, 1, 1, 1],
      [3, 2, 1, 1],
      [5, 1, 2, 1],
      [5, 2, 2, 1],
      [7, 2, 3, 1],
      [3, 1, 2, 2],
      [3, 2, 2, 2],
      [5, 1, 4, 2],
      [5, 2, 4, 2],
    ].map(([k, s, p, d]) => ({ size, k: k!, s: s!, p: p!, d: d! })),
  );
  it.each(cases)('$k x $k at stride $s, padding $p, dilation $d, size $size: a plain loop and finite differences agree', ({ size, k, s, p, d }) => {
    withoutLeaks(() => {
      const x = random([2, size, size, 5]);
      const kernel = random([k, k, 5, 1], 2);
      const weights = kernel.dataSync();
      const options = { stride: s, padding: p, dilation: d };
      expectClose(
        depthwiseConv2d(tf, x, kernel, options),
        windows(
          x,
          { size: [k, k], stride: [s, s], padding: [p, p], dilation: d },
          (pixels, at, n, c) => pixels.reduce((sum, { row, column, i, j }) => sum + at(n, row, column, c) * weights[(i * k + j) * 5 + c]!, 0),
          5,
        ),
      );
      expect(gradientError(tf, (a, b) => depthwiseConv2d(tf, a as Tensor4D, b as Tensor4D, options), [x, kernel])).toBeLessThan(1e-3);
    });
  });

  it('refuses a dilation without its padding', () => {
    expect(() => depthwiseConv2d(tf, random([1, 8, 8, 2]), random([3, 3, 2, 1]), { dilation: 2, padding: 1 })).toThrow(RangeError);
  });
});

describe('pools', () => {
  const cases = [8, 7, 6, 5, 4, 3, 2].flatMap((size) =>
    [
      [2, 1, 0],
      [2, 2, 0],
      [3, 1, 1],
      [3, 2, 1],
      [5, 1, 2],
      [5, 2, 2],
    ].map(([k, s, p]) => ({ size, k: k!, s: s!, p: p! })),
  );
  it.each(cases.filter(({ size, k, p }) => size + 2 * p >= k))(
    '$k x $k at stride $s, padding $p, size $size: plain loops and finite differences agree',
    ({ size, k, s, p }) => {
      withoutLeaks(() => {
        const x = random([2, size, size, 3]);
        const options = { size: k, stride: s, padding: p };
        const window = { size: [k, k] as [number, number], stride: [s, s] as [number, number], padding: [p, p] as [number, number], dilation: 1 };
        expectClose(
          maxPool(tf, x, options),
          windows(x, window, (pixels, at, n, c) => Math.max(...pixels.map(({ row, column }) => at(n, row, column, c))), 3),
        );
        expectClose(
          avgPool(tf, x, options),
          windows(x, window, (pixels, at, n, c) => pixels.reduce((sum, { row, column }) => sum + at(n, row, column, c), 0) / pixels.length, 3),
        );
        expect(gradientError(tf, (a) => avgPool(tf, a as Tensor4D, options), [x])).toBeLessThan(1e-3);
        expect(gradientError(tf, (a) => maxPool(tf, a as Tensor4D, options), [x], { step: 1e-4 })).toBeLessThan(2e-2);
      });
    },
  );

  it('gives the gradient of equal maxima to the first in reading order', () => {
    withoutLeaks(() => {
      const x = tf.zeros<Rank.R4>([1, 4, 4, 1]);
      const gradient = tf.grad((a) => tf.sum(maxPool(tf, a as Tensor4D, { size: 3, stride: 1, padding: 1 })))(x);
      // Window (h, w) starts at (max(h-1, 0), max(w-1, 0)).
      expect([...gradient.dataSync()]).toEqual([4, 2, 2, 0, 2, 1, 1, 0, 2, 1, 1, 0, 0, 0, 0, 0]);
    });
  });

  it('averages all pixels', () => {
    withoutLeaks(() => {
      const x = random([2, 3, 3, 4]);
      expectClose(globalAveragePool(tf, x), { shape: [2, 4], data: [...tf.mean(x, [1, 2]).dataSync()] });
      expect(gradientError(tf, (a) => globalAveragePool(tf, a as Tensor4D), [x])).toBeLessThan(1e-3);
    });
  });
});

describe('subsample', () => {
  it.each([7, 8])('takes every second pixel of %i', (size) => {
    withoutLeaks(() => {
      const x = random([2, size, size, 3]);
      for (const offset of [0, 1]) {
        const rows = Array.from({ length: Math.ceil((size - offset) / 2) }, (_, i) => offset + 2 * i);
        expectClose(subsample(tf, x, 2, offset), { shape: [2, rows.length, rows.length, 3], data: [...tf.gather(tf.gather(x, rows, 1), rows, 2).dataSync()] });
        expect(gradientError(tf, (a) => subsample(tf, a as Tensor4D, 2, offset), [x])).toBeLessThan(1e-3);
      }
    });
  });
});

describe('activations', () => {
  it('clip, with gradient 0 at the kinks', () => {
    withoutLeaks(() => {
      const x = tf.tensor1d([-1, 0, 0.5, 5, 6, 7]);
      expect([...relu(tf, x).dataSync()]).toEqual([0, 0, 0.5, 5, 6, 7]);
      expect([...relu6(tf, x).dataSync()]).toEqual([0, 0, 0.5, 5, 6, 6]);
      expect([
        ...tf
          .grad((a) => tf.sum(relu(tf, a)))(x)
          .dataSync(),
      ]).toEqual([0, 0, 1, 1, 1, 1]);
      expect([
        ...tf
          .grad((a) => tf.sum(relu6(tf, a)))(x)
          .dataSync(),
      ]).toEqual([0, 0, 1, 1, 0, 0]);
    });
  });
});

describe('batchNorm', () => {
  const statistics = (): { mean: ReturnType<typeof tf.variable>; variance: ReturnType<typeof tf.variable> } => ({
    mean: tf.variable(tf.zeros([3]), false),
    variance: tf.variable(tf.ones([3]), false),
  });

  it('normalises by the batch, keeps unbiased running statistics, and uses them to evaluate', () => {
    const running = statistics();
    withoutLeaks(() => {
      const x = tf.add<Tensor4D>(random([4, 5, 5, 3]), tf.tensor1d([0, 1, 2]));
      const values = x.dataSync<'float32'>();
      const n = 100;
      const mean = [0, 1, 2].map((c) => values.reduce((sum, v, i) => (i % 3 === c ? sum + v / n : sum), 0));
      const variance = mean.map((m, c) => values.reduce((sum, v, i) => (i % 3 === c ? sum + (v - m) ** 2 / n : sum), 0));
      const weight = tf.tensor1d([1, 2, -1]);
      const bias = tf.tensor1d([0.5, 0, 1]);
      const normalised = (m: number[], s: number[]): number[] =>
        [...values].map((v, i) => ((v - m[i % 3]!) / Math.sqrt(s[i % 3]! + 1e-5)) * [1, 2, -1][i % 3]! + [0.5, 0, 1][i % 3]!);
      expectClose(batchNorm(tf, x, { mode: 'batch', running, affine: { weight, bias } }), { shape: x.shape, data: normalised(mean, variance) });
      expect([...running.mean.dataSync()]).toEqual([0, 0, 0]);
      expectClose(batchNorm(tf, x, { mode: 'train', running, affine: { weight, bias } }), { shape: x.shape, data: normalised(mean, variance) });
      const runningMean = mean.map((m) => 0.1 * m);
      const runningVariance = variance.map((v) => 0.9 + (0.1 * v * n) / (n - 1));
      expectClose(running.mean, { shape: [3], data: runningMean });
      expectClose(running.variance, { shape: [3], data: runningVariance });
      expectClose(batchNorm(tf, x, { mode: 'eval', running, affine: { weight, bias } }), { shape: x.shape, data: normalised(runningMean, runningVariance) });
      for (const mode of ['train', 'batch', 'eval'] as const) {
        const f = (a: Tensor, b: Tensor, c: Tensor): Tensor =>
          batchNorm(tf, a as Tensor4D, { mode: mode === 'train' ? 'batch' : mode, running, affine: { weight: b, bias: c } });
        expect(gradientError(tf, f, [x, weight, bias])).toBeLessThan(2e-3);
        expect(gradientError(tf, (a) => batchNorm(tf, a as Tensor4D, { mode: mode === 'train' ? 'batch' : mode, running }), [x])).toBeLessThan(2e-3);
      }
    });
    tf.dispose([running.mean, running.variance]);
  });

  it('has the same gradients when it updates the running statistics', () => {
    const running = statistics();
    withoutLeaks(() => {
      const x = random([4, 5, 5, 3]);
      const gradient = (mode: 'train' | 'batch'): number[] => [
        ...tf
          .grad((a) => tf.sum(tf.mul(batchNorm(tf, a as Tensor4D, { mode, running }), random([4, 5, 5, 3], 7))))(x)
          .dataSync(),
      ];
      expect(gradient('train')).toEqual(gradient('batch'));
    });
    tf.dispose([running.mean, running.variance]);
  });
});

describe('classifier', () => {
  it('is linear, with the cross entropy of its softmax', () => {
    withoutLeaks(() => {
      const x = tf.randomNormal([5, 4], 0, 1, 'float32', 3);
      const weight = tf.randomNormal([4, 3], 0, 1, 'float32', 4);
      const bias = tf.tensor1d([0.1, 0.2, 0.3]);
      const labels = tf.tensor1d([0, 2, 1, 1, 0], 'int32');
      const logits = linear(tf, x, weight, bias);
      const rows = logits.arraySync();
      const losses = rows.map((row, i) => Math.log(row.reduce((sum, v) => sum + Math.exp(v), 0)) - row[labels.arraySync()[i]!]!);
      expect(crossEntropy(tf, logits, labels).dataSync()[0]).toBeCloseTo(losses.reduce((a, b) => a + b) / 5, 5);
      const right = rows.filter((row, i) => row.indexOf(Math.max(...row)) === labels.arraySync()[i]).length;
      expect(countCorrect(tf, logits, labels).dataSync()[0]).toBe(right);
      const f = (a: Tensor, b: Tensor, c: Tensor): Tensor => crossEntropy(tf, linear(tf, a, b, c), labels);
      expect(gradientError(tf, f, [x, weight, bias])).toBeLessThan(2e-3);
    });
  });

  it.each([0.1, 0.5])('smooths labels by %f, in the loss and in its gradient', (smoothing) => {
    withoutLeaks(() => {
      const logits = tf.randomNormal<Rank.R2>([5, 4], 0, 2, 'float32', 3);
      const labels = tf.tensor1d([0, 2, 1, 3, 0], 'int32');
      const minusLog = tf.neg(tf.logSoftmax(logits)).arraySync();
      const losses = minusLog.map((row, i) => (1 - smoothing) * row[labels.arraySync()[i]!]! + smoothing * (row.reduce((a, b) => a + b) / 4));
      expect(crossEntropy(tf, logits, labels, smoothing).dataSync()[0]).toBeCloseTo(losses.reduce((a, b) => a + b) / 5, 5);
      expect(gradientError(tf, (a) => crossEntropy(tf, a as typeof logits, labels, smoothing), [logits])).toBeLessThan(2e-3);
    });
  });
});
