import { describe, expect, it } from 'vitest';
import { hasKernels } from './kernels.ts';
import { depthwiseConv2d } from './convolution.ts';
import { loadTensorflow } from '../tensorflow.ts';
import type { Tensor4D } from '../tensorflow-types.ts';

const tf = loadTensorflow();

describe('kernels', () => {
  it('are what layers run on', () => expect(hasKernels(tf)).toBe(true));

  it('name what does not fit', () => {
    const x: Tensor4D = tf.zeros([1, 4, 4, 3]);
    expect(() => depthwiseConv2d(tf, x, tf.zeros([3, 3, 2, 1]), { padding: 1 })).toThrow('a depthwise kernel is [size, size, channels, 1]');
    expect(() => depthwiseConv2d(tf, x, tf.zeros([7, 7, 3, 1]))).toThrow('the kernel is larger than the padded image');
  });
});
