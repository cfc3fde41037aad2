import { expect, it } from 'vitest';
import { leakyRelu } from './activation.ts';
import { loadTensorflow } from '../tensorflow.ts';

const tf = loadTensorflow();

it('leakyRelu and its gradient keep a slope below zero', () => {
  const x = tf.tensor1d([-2, -0.5, 0, 0.5, 3]);
  expect([...leakyRelu(tf, x, 0.25).dataSync()]).toEqual([-0.5, -0.125, 0, 0.5, 3]);
  const gradient = tf.grad((value) => tf.sum(tf.mul(leakyRelu(tf, value, 0.25), tf.tensor1d([1, 2, 3, 4, 5]))))(x);
  expect([...gradient.dataSync()]).toEqual([0.25, 0.5, 0.75, 4, 5]);
});
