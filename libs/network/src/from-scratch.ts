/** Trains the child of an architecture from fresh weights and judges it on images that it never saw. */
import { networkCost, placeNetwork, type Architecture, type Network, type PlacementOptions } from '@nat/architecture';
import { batchesInOrder, trainingBatches, type ImageSplit, type ImageSplits } from '@nat/datasets';
import { DomainError } from '@nat/errors';
import { BATCH_NORM_MOMENTUM, MomentumSgd, cosineRate, type Tensorflow } from '@nat/nn';
import { RandomStream } from '@nat/random';
import type { DropPath } from './layer.ts';
import { buildNetwork, type NetworkLayer } from './network.ts';
import { planSchedule, resolveRecipe, type TrainingRecipe } from './recipe.ts';
import { correctOf, diverged, trainingStep, type Trainee } from './training-step.ts';
import { Weights } from './weights.ts';

export interface FromScratchOptions {
  readonly tf: Tensorflow;
  readonly architecture: Architecture;
  /** `imageSize` and `classes` are the data set's. */
  readonly placement?: PlacementOptions;
  readonly splits: ImageSplits;
  readonly recipe: TrainingRecipe;
  /** Initial weights, order of images, augmentation and dropped edges. */
  readonly seed: number;
  /** Score the test images at the end. Nothing may be selected by them. @default true */
  readonly reportTest?: boolean;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  readonly onStep?: (progress: { readonly step: number; readonly totalSteps: number | undefined }) => void;
  readonly onEpoch?: (epoch: EpochReport) => void;
  /** Asked before every step. */
  readonly shouldStop?: () => boolean;
}

export interface EpochReport {
  /** From 1. */
  readonly epoch: number;
  /** Steps so far. */
  readonly steps: number;
  readonly learningRate: number;
  /** Means over the epoch's images, in training mode. */
  readonly trainLoss: number;
  readonly trainAccuracy: number;
  readonly validationAccuracy: number;
  /** Since the start. */
  readonly seconds: number;
}

/** Accuracies are fractions. */
export interface FromScratchReport {
  readonly validationAccuracy: number;
  /** Absent where it wasn't asked for. */
  readonly testAccuracy?: number;
  readonly params: number;
  readonly macs: number;
  readonly steps: number;
  /** Of everything. */
  readonly seconds: number;
  /** Training images a second, without evaluation. */
  readonly imagesPerSecond: number;
  readonly epochs: readonly EpochReport[];
  readonly stopped: 'finished' | 'time' | 'cancelled';
}

/** Images a pass when accuracy is counted; no influence on the result but rounding. */
const EVALUATION_BATCH = 200;

/**
 * Trains and judges a child. The same seed, options, data and TensorFlow threads give the same bits, unless time ends it. Gives
 * the event loop a turn between steps.
 * @throws DomainError INVALID_ARGUMENT for a recipe that is none or a network for other images; UNIMPLEMENTED for operations
 * known by cost alone; FAILED_PRECONDITION TRAINING_DIVERGED
 */
export async function trainFromScratch(options: FromScratchOptions): Promise<FromScratchReport> {
  const { tf, splits, seed, now, reportTest = true } = options;
  const network = placeChild(options.architecture, options.placement ?? {}, splits);
  const recipe = resolveRecipe(options.recipe, network);
  const { batchSize, learningRate, momentum, weightDecay, clipNorm, labelSmoothing, auxiliaryWeight, cutout } = recipe;
  const schedule = planSchedule(recipe, Math.max(1, Math.floor(splits.train.indices.length / batchSize)));
  const trainee: Trainee = {
    tf,
    network: buildNetwork(network, { auxiliary: auxiliaryWeight > 0 }),
    weights: new Weights(tf, seed),
    sgd: new MomentumSgd(tf, { momentum, weightDecay, clipNorm }),
  };
  const start = now();
  const elapsed = (): number => (now() - start) / 1000;
  const epochs: EpochReport[] = [];
  let steps = 0;
  let images = 0;
  let trainingSeconds = 0;
  let stopped: FromScratchReport['stopped'] | undefined;
  try {
    for (let epoch = 1; stopped === undefined; epoch++) {
      const random = RandomStream.of(seed, 'epoch', epoch);
      const epochStart = now();
      let [rate, loss, correct, count] = [0, 0, 0, 0]; // the last two and the loss: sums over images
      for (const batch of trainingBatches(splits.train, { batchSize, random, augment: true, cutout })) {
        if (options.shouldStop?.() === true) stopped = 'cancelled';
        else if (steps === schedule.totalSteps) stopped = 'finished';
        else if (elapsed() >= schedule.maxSeconds) stopped = 'time';
        if (stopped !== undefined) break;
        const progress = schedule.progress(steps, elapsed());
        rate = cosineRate(learningRate, 0, progress, 1);
        const step = trainingStep(trainee, batch, {
          learningRate: rate,
          mode: 'train',
          // The first batches are averaged equally: after a short training nothing is left of the statistics it began with.
          statisticsMomentum: Math.max(BATCH_NORM_MOMENTUM, 1 / (steps + 1)),
          dropPath: dropPathAt(tf, recipe.dropPath, progress, random),
          labelSmoothing,
          auxiliaryWeight,
        });
        steps++;
        if (!Number.isFinite(step.loss)) throw diverged(steps);
        loss += step.loss * batch.size;
        correct += step.correct;
        count += batch.size;
        options.onStep?.({ step: steps, totalSteps: schedule.totalSteps });
        await turn();
      }
      trainingSeconds += (now() - epochStart) / 1000;
      images += count;
      if (count === 0) break;
      const validationAccuracy = await accuracyOf(trainee, splits.validation);
      if (steps === schedule.totalSteps) stopped ??= 'finished';
      const report = { epoch, steps, learningRate: rate, trainLoss: loss / count, trainAccuracy: correct / count, validationAccuracy, seconds: elapsed() };
      epochs.push(report);
      options.onEpoch?.(report);
    }
    const { params, macs } = networkCost(network);
    return {
      validationAccuracy: epochs.at(-1)?.validationAccuracy ?? (await accuracyOf(trainee, splits.validation)),
      ...(reportTest ? { testAccuracy: await accuracyOf(trainee, splits.test) } : {}),
      params,
      macs,
      steps,
      seconds: elapsed(),
      imagesPerSecond: trainingSeconds > 0 ? images / trainingSeconds : 0,
      epochs,
      stopped: stopped ?? 'finished',
    };
  } finally {
    trainee.weights.dispose();
    trainee.sgd.dispose();
  }
}

/** The network of a child, for the images of a data set. */
function placeChild(architecture: Architecture, placement: PlacementOptions, { train: { dataset } }: ImageSplits): Network {
  const network = placeNetwork(architecture, {
    ...placement,
    imageSize: placement.imageSize ?? dataset.imageSize,
    classes: placement.classes ?? dataset.classes,
  });
  if (network.shared) throw DomainError.invalid('placement.network', 'a supernet is no child: use evaluation or imagenet');
  if (network.imageSize !== dataset.imageSize || network.classes !== dataset.classes) {
    const asked = `${network.imageSize} x ${network.imageSize} images of ${network.classes} classes`;
    throw DomainError.invalid('placement', `the network takes ${asked}, ${dataset.name} has ${dataset.imageSize} x ${dataset.imageSize} of ${dataset.classes}`);
  }
  return network;
}

/** Masks of the edges dropped at this point of training. */
function dropPathAt(tf: Tensorflow, last: number, progress: number, random: RandomStream): DropPath | undefined {
  const keep = 1 - last * progress;
  if (keep >= 1) return undefined;
  return { keep, mask: (_, batch) => tf.tensor1d(Float32Array.from({ length: batch }, () => (random.uniform() < keep ? 1 : 0))) };
}

async function accuracyOf({ tf, network, weights }: { tf: Tensorflow; network: NetworkLayer; weights: Weights }, split: ImageSplit): Promise<number> {
  let correct = 0;
  for (const batch of batchesInOrder(split, EVALUATION_BATCH)) {
    correct += correctOf(tf, network, weights, 'eval', batch);
    await turn();
  }
  return correct / split.indices.length;
}

/** Lets timers and messages through: an operation blocks the event loop while it runs. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
