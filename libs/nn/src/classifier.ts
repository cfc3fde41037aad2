import { FLOAT, INT, differentiable, runOperation } from './raw-operation.ts';
import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensorflow } from './tensorflow.ts';

/** y = x weight + bias: [batch, in] x [in, out] + [out]. */
export function linear(tf: Tensorflow, x: Tensor, weight: Tensor, bias: Tensor): Tensor2D {
  return tf.add(tf.matMul(x as Tensor2D, weight as Tensor2D), bias);
}

/** Mean of -log softmax(logits)[label] over a batch: [batch, classes], int32 [batch] -> []. */
export function crossEntropy(tf: Tensorflow, logits: Tensor2D, labels: Tensor1D): Scalar {
  const [batch] = logits.shape;
  return differentiable(
    tf,
    [logits],
    (keep) => {
      const [losses, gradient] = runOperation(tf, 'SparseSoftmaxCrossEntropyWithLogits', { T: FLOAT, Tlabels: INT }, [logits, labels], 2);
      keep(gradient!); // of the sum
      return tf.mean(losses!);
    },
    (dy, [gradient]) => [tf.mul(gradient!, tf.div(dy, batch))],
  );
}

/** How many labels are the largest logit: [batch, classes], int32 [batch] -> []. */
export function countCorrect(tf: Tensorflow, logits: Tensor2D, labels: Tensor1D): Scalar {
  return tf.tidy(() => tf.sum(tf.cast(tf.equal(tf.argMax(logits, 1), labels), 'float32')));
}
