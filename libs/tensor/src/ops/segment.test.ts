import { RandomStream } from '@nat/base/random';
import { expect, it } from 'vitest';
import { gradientError } from '../gradient-check.ts';
import { gatherRows, segmentSum } from './segment.ts';
import { loadTensorflow } from '../tensorflow.ts';
import type { Rank, Tensor2D } from '../tensorflow-types.ts';

const tf = loadTensorflow();
const rows = [0, 3, 3, 1, 0];

it('gathers and sums as a naive loop does, empty segments included', () => {
  const index = tf.tensor1d(rows, 'int32');
  const x = tf.tensor2d(Array.from({ length: 10 }, (_, i) => i + 1), [5, 2]); // prettier-ignore
  const sums = Array.from({ length: 5 }, () => [0, 0]);
  rows.forEach((row, i) => {
    sums[row]![0]! += 2 * i + 1;
    sums[row]![1]! += 2 * i + 2;
  });
  expect(segmentSum(tf, x, index, 5).arraySync()).toEqual(sums);
  expect(gatherRows(tf, x, index).arraySync()).toEqual(rows.map((row) => [2 * row + 1, 2 * row + 2]));
});

it('has the gradients of finite differences', () => {
  const stream = RandomStream.of(3);
  const index = tf.tensor1d(rows, 'int32');
  const x = tf.tensor2d(Float32Array.from({ length: 15 }, () => stream.normal()), [5, 3]); // prettier-ignore
  // Squares make the gradients depend on the values.
  expect(gradientError(tf, (value) => segmentSum(tf, value as Tensor2D, index, 6).square(), [x])).toBeLessThan(1e-2);
  expect(gradientError(tf, (value) => gatherRows(tf, value as Tensor2D, index).square(), [x])).toBeLessThan(1e-2);
});

it('refuses an index out of range', () => {
  const x = tf.ones<Rank.R2>([3, 2]);
  expect(() => gatherRows(tf, x, tf.tensor1d([3], 'int32')).dataSync()).toThrow();
});
