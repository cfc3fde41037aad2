/**
 * Sparse products for graphs: a batch of graphs is one list of rows and index vectors, so graphs of different sizes need
 * no padding. Each is the other's transpose, so the gradients are exact and cheap:
 *
 *     gatherRows(x, index)[i] = x[index[i]]            segmentSum(x, index, n)[j] = sum of x[i] over i with index[i] = j
 */
import type { Tensor1D, Tensor2D, Tensorflow } from './tensorflow.ts';

/** Rows `index` of x. x: [rows, width], index: int32 [count] -> [count, width]. */
export function gatherRows(tf: Tensorflow, x: Tensor2D, index: Tensor1D): Tensor2D {
  const rows = x.shape[0];
  const op = tf.customGrad((...inputs) => {
    const [value] = inputs as [Tensor2D];
    return { value: tf.gather(value, index), gradFunc: (dy) => tf.unsortedSegmentSum(dy, index, rows) };
  });
  return op(x) as Tensor2D;
}

/** Sums of rows by segment. x: [count, width], index: int32 [count] -> [segments, width]. */
export function segmentSum(tf: Tensorflow, x: Tensor2D, index: Tensor1D, segments: number): Tensor2D {
  const op = tf.customGrad((...inputs) => {
    const [value] = inputs as [Tensor2D];
    return { value: tf.unsortedSegmentSum(value, index, segments), gradFunc: (dy) => tf.gather(dy, index) };
  });
  return op(x) as Tensor2D;
}
