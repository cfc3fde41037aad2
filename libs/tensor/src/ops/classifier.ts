import { FLOAT, INT, differentiable, runOperation } from './raw-operation.ts';
import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensorflow } from '../tensorflow-types.ts';

/** y = x weight + bias: [batch, in] x [in, out] + [out]. */
export function linear(tf: Tensorflow, x: Tensor, weight: Tensor, bias: Tensor): Tensor2D {
  return tf.add(tf.matMul(x as Tensor2D, weight as Tensor2D), bias);
}

/**
 * Mean of -log softmax(logits)[label] over a batch: [batch, classes], int32 [batch] -> []. With smoothing e (Szegedy et al. 2016) an image
 * belongs to its label with 1 - e, and with e to all classes alike: (1 - e) (-log softmax(logits)[label]) + e mean(-log softmax(logits)).
 */
export function crossEntropy(tf: Tensorflow, logits: Tensor2D, labels: Tensor1D, smoothing = 0): Scalar {
  const [batch, classes] = logits.shape;
  return differentiable(
    tf,
    [logits],
    (keep) => {
      const [losses, gradient] =
        smoothing === 0
          ? runOperation(tf, 'SparseSoftmaxCrossEntropyWithLogits', { T: FLOAT, Tlabels: INT }, [logits, labels], 2)
          : runOperation(tf, 'SoftmaxCrossEntropyWithLogits', { T: FLOAT }, [logits, smoothed(tf, labels, classes, smoothing)], 2);
      keep(gradient!); // of the sum
      return tf.mean(losses!);
    },
    (dy, [gradient]) => [tf.mul(gradient!, tf.div(dy, batch))],
  );
}

/** Probability that an image is of each class: int32 [batch] -> [batch, classes]. */
function smoothed(tf: Tensorflow, labels: Tensor1D, classes: number, smoothing: number): Tensor {
  return tf.oneHot(labels, classes, 1 - smoothing + smoothing / classes, smoothing / classes, 'float32');
}

/** How many labels are the largest logit: [batch, classes], int32 [batch] -> []. */
export function countCorrect(tf: Tensorflow, logits: Tensor2D, labels: Tensor1D): Scalar {
  return tf.tidy(() => tf.sum(tf.cast(tf.equal(tf.argMax(logits, 1), labels), 'float32')));
}
