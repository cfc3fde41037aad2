import type { ImageBatch } from '@nat/datasets';
import { DomainError } from '@nat/base/errors';
import {
  countCorrect,
  crossEntropy,
  type BatchNormMode,
  type MomentumSgd,
  type NamedTensorMap,
  type Scalar,
  type Tensor1D,
  type Tensor4D,
  type Tensorflow,
} from '@nat/tensor';
import type { Network } from './network.ts';
import type { DropPath, Pass } from './pass.ts';
import type { Weights } from './weights.ts';

/** A network that is trained: what it computes, its numbers, and how they move. */
export interface Trainee {
  readonly tf: Tensorflow;
  readonly network: Network;
  readonly weights: Weights;
  readonly sgd: MomentumSgd;
}

export interface StepOptions {
  readonly learningRate: number;
  /** `train` also moves the running statistics, which only evaluation in mode `eval` reads. */
  readonly mode: Exclude<BatchNormMode, 'eval'>;
  readonly statisticsMomentum?: number;
  readonly dropPath?: DropPath | undefined;
  /** Of the labels, in both losses. @default 0 */
  readonly labelSmoothing?: number;
  /** Of the auxiliary head's loss, where the network was built with it. @default 0.4, the official one */
  readonly auxiliaryWeight?: number;
}

export interface StepResult {
  /** Mean cross entropy of the logits, labels smoothed as asked. */
  readonly loss: number;
  /** Right answers among the batch's images. */
  readonly correct: number;
}

/** One step of SGD on a batch: forward, backward and update as one run of operations; only then two numbers are read. */
export function trainingStep(
  { tf, network, weights, sgd }: Trainee,
  batch: ImageBatch,
  { learningRate, mode, statisticsMomentum, dropPath, labelSmoothing = 0, auxiliaryWeight = 0.4 }: StepOptions,
): StepResult {
  const parameters = weights.parameters(network.parameters);
  return tf.tidy(() => {
    sgd.catchUp(parameters);
    const { images, labels } = batchTensors(tf, batch);
    const pass: Pass = {
      tf,
      weights,
      mode,
      ...(statisticsMomentum === undefined ? {} : { statisticsMomentum }),
      ...(dropPath === undefined ? {} : { dropPath }),
    };
    let results: Scalar[] = [];
    const objective = (): Scalar => {
      const { logits, auxiliaryLogits } = network.apply(pass, images);
      const loss = crossEntropy(tf, logits, labels, labelSmoothing);
      results = [tf.keep(loss.clone()), tf.keep(countCorrect(tf, logits, labels))];
      if (auxiliaryLogits === undefined) return loss;
      return tf.add(loss, tf.mul(crossEntropy(tf, auxiliaryLogits, labels, labelSmoothing), auxiliaryWeight));
    };
    const { grads } = tf.variableGrads(objective, [...parameters.values()]);
    const byVariable = grads as Partial<NamedTensorMap>;
    const gradients = Object.fromEntries([...parameters].map(([name, variable]) => [name, byVariable[variable.name]]));
    sgd.step(parameters, gradients, learningRate);
    const [loss, correct] = results.map((scalar) => scalar.dataSync<'float32'>()[0]!);
    tf.dispose(results);
    return { loss: loss!, correct: correct! };
  });
}

/** How many of a batch's images the network gets right. */
export function correctOf(tf: Tensorflow, network: Network, weights: Weights, mode: 'batch' | 'eval', batch: ImageBatch): number {
  return tf.tidy(() => {
    const { images, labels } = batchTensors(tf, batch);
    return countCorrect(tf, network.apply({ tf, weights, mode }, images).logits, labels).dataSync<'float32'>()[0]!;
  });
}

function batchTensors(tf: Tensorflow, batch: ImageBatch): { images: Tensor4D; labels: Tensor1D } {
  return { images: imagesOf(tf, batch), labels: tf.tensor1d(batch.labels, 'int32') };
}

/** The images of a batch. [images, height, width, 3] */
export function imagesOf(tf: Tensorflow, { size, imageSize, images }: ImageBatch): Tensor4D {
  return tf.tensor4d(images, [size, imageSize, imageSize, 3]);
}

/**
 * FAILED_PRECONDITION TRAINING_DIVERGED: trying again with the same settings gives the same. Its metadata says at which `step`, and the accuracy of `chance`, 1 / classes:
 * what a network is worth that cannot be trained.
 */
export function diverged(step: number, classes: number): DomainError {
  return new DomainError('FAILED_PRECONDITION', `the loss is no finite number at step ${step}: a smaller learning rate may help`, {
    reason: 'TRAINING_DIVERGED',
    metadata: { step: String(step), chance: String(1 / classes) },
  });
}
