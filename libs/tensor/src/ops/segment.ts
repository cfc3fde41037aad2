/**
 * Sparse products for graphs: a batch of graphs is one list of rows and index vectors, so graphs of different sizes need
 * no padding. Each is the other's transpose, so the gradients are exact and cheap:
 *
 *     gatherRows(x, index)[i] = x[index[i]]            segmentSum(x, index, n)[j] = sum of x[i] over i with index[i] = j
 */
import { FLOAT, INT, differentiable, runOne } from './raw-operation.ts';
import type { Tensor, Tensor1D, Tensor2D, Tensorflow } from '../tensorflow-types.ts';

/** Rows `index` of x. x: [rows, width], index: int32 [count] -> [count, width]. */
export function gatherRows(tf: Tensorflow, x: Tensor2D, index: Tensor1D): Tensor2D {
  const rows = x.shape[0];
  return differentiable(
    tf,
    [x],
    () => gather(tf, x, index),
    (dy) => [sum(tf, dy, index, rows)],
  );
}

/** Sums of rows by segment. x: [count, width], index: int32 [count] -> [segments, width]. */
export function segmentSum(tf: Tensorflow, x: Tensor2D, index: Tensor1D, segments: number): Tensor2D {
  return differentiable(
    tf,
    [x],
    () => sum(tf, x, index, segments),
    (dy) => [gather(tf, dy, index)],
  );
}

// TensorFlow.js checks every index in JavaScript before it gathers; libtensorflow checks them itself.
function gather(tf: Tensorflow, x: Tensor, index: Tensor1D): Tensor {
  const axis = tf.scalar(0, 'int32');
  const rows = runOne(tf, 'GatherV2', { Tparams: FLOAT, Tindices: INT, Taxis: INT, batch_dims: { int: 0 } }, [x, index, axis]);
  axis.dispose();
  return rows;
}

function sum(tf: Tensorflow, x: Tensor, index: Tensor1D, segments: number): Tensor {
  const count = tf.scalar(segments, 'int32');
  const sums = runOne(tf, 'UnsortedSegmentSum', { T: FLOAT, Tindices: INT, Tnumsegments: INT }, [x, index, count]);
  count.dispose();
  return sums;
}
