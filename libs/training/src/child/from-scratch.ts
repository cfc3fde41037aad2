/** Trains the child of an architecture, from fresh weights or from those of its source, and judges it on images that it never saw. */
import { lower, networkCost, type Architecture, type Cost, type LoweredArchitecture, type PlacementOptions } from '@nat/cells';
import { batchesInOrder, trainingBatches, type ImageSplit, type ImageSplits } from '@nat/datasets';
import { DomainError } from '@nat/base/errors';
import { BATCH_NORM_MOMENTUM, MomentumSgd, cosineRate, type HostTensor, type TensorFile, type Tensorflow } from '@nat/tensor';
import { RandomStream } from '@nat/base/random';
import { hashGraph } from '@nat/graph';
import { exportChild, exportWeights, freshProgress, restoreChild, type ChildProgress, type EpochReport } from './child-progress.ts';
import { classesOfWeights, inheritWeights } from './inherit.ts';
import { recalibrate } from './recalibrate.ts';
import { evaluationBatch } from '../executor/evaluation-batch.ts';
import { buildNetwork, type Network } from '../executor/network.ts';
import type { DropPath } from '../executor/pass.ts';
import { planSchedule, resolveRecipe, type ResolvedRecipe, type Schedule, type TrainingRecipe } from './recipe.ts';
import { correctOf, diverged, trainingStep, type Trainee } from '../executor/training-step.ts';
import { Weights } from '../executor/weights.ts';

export interface FromScratchOptions {
  readonly tf: Tensorflow;
  readonly architecture: Architecture;
  /** `imageSize` and `classes` are the data set's. */
  readonly placement?: PlacementOptions;
  readonly splits: ImageSplits;
  readonly recipe: TrainingRecipe;
  /** Initial weights, order of images, augmentation and dropped edges. */
  readonly seed: number;
  /** The network that this one was made from, with its weights by official name: the child starts from them where operations survived. */
  readonly inherit?: { readonly source: Architecture; readonly weights: ReadonlyMap<string, HostTensor> };
  /** The state of the same child after an earlier epoch, to go on from. */
  readonly resumeFrom?: TensorFile;
  /** Give the weights, or the state, of the child at the end. @default false */
  readonly keepWeights?: boolean;
  readonly keepState?: boolean;
  /** Memory of the GPU that is trained on: accuracy is counted on as many images at once as fit. Absent: a CPU. */
  readonly memoryBytes?: number | undefined;
  /** Score the test images at the end. Nothing may be selected by them. @default true */
  readonly reportTest?: boolean;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  readonly onStep?: (progress: { readonly step: number; readonly totalSteps: number | undefined }) => void;
  /** Called after every epoch, and waited for. `state` gives what `resumeFrom` takes; `ended`: no epoch follows. */
  readonly onEpoch?: (epoch: EpochReport, child: { readonly ended: boolean; readonly state: () => TensorFile }) => void | Promise<void>;
  /** Asked before every step. */
  readonly shouldStop?: () => boolean;
}

/** Accuracies are fractions. */
export interface FromScratchReport {
  /** After `judgedEpoch`. */
  readonly validationAccuracy: number;
  /** After `judgedEpoch`; absent where it wasn't asked for. */
  readonly testAccuracy?: number;
  /** The epoch that accuracies and weights are of: with patience the best one on the validation images, else the last; 0 when none was completed. */
  readonly judgedEpoch: number;
  /** Of the network as it was placed. */
  readonly cost: Cost;
  /** Where it started from a source's weights: how many of its parameters it took over, and its accuracy before any step, with running statistics of its own. */
  readonly inherited?: { readonly params: number; readonly validationAccuracy: number };
  readonly steps: number;
  /** Of everything, earlier attempts included. */
  readonly seconds: number;
  /** Training images a second, without evaluation. */
  readonly imagesPerSecond: number;
  readonly epochs: readonly EpochReport[];
  /** Paused: after `stopAfterEpochs`. */
  readonly stopped: 'finished' | 'time' | 'patience' | 'paused' | 'cancelled';
  /** Where asked for: what other tools read. */
  readonly weights?: TensorFile;
  /** Where asked for: what `resumeFrom` takes, after the last epoch. */
  readonly state?: TensorFile;
}

/**
 * Trains and judges a child. The same seed, options, data and TensorFlow threads give the same bits, unless time ends it, and also when it goes on
 * from a state in between. Yields to the event loop between steps.
 * @throws DomainError INVALID_ARGUMENT for a recipe that is none, a network for other images, the state of another child or weights of another source;
 * UNIMPLEMENTED for operations known by cost alone; FAILED_PRECONDITION TRAINING_DIVERGED
 */
export async function trainFromScratch(options: FromScratchOptions): Promise<FromScratchReport> {
  const { tf, splits, seed, now, reportTest = true } = options;
  const network = placeChild(options.architecture, options.placement ?? {}, splits);
  const images = evaluationBatch(network, options.memoryBytes);
  const recipe = resolveRecipe(options.recipe, network);
  const { momentum, weightDecay, clipNorm, auxiliaryWeight, patience } = recipe;
  const trainee: Trainee = {
    tf,
    network: buildNetwork(
      network,
      auxiliaryWeight > 0 ? lower(options.architecture, placementOf(options.placement ?? {}, splits), { auxiliary: true }) : network,
    ),
    weights: new Weights(tf, seed),
    sgd: new MomentumSgd(tf, { momentum, weightDecay, clipNorm }),
  };
  const start = now();
  try {
    const inherited = await startFromSource(trainee, network, options);
    const progress = options.resumeFrom === undefined ? freshProgress() : restoreChild(trainee, options.resumeFrom, seed);
    const before = progress.epochs.at(-1)?.seconds ?? 0;
    const elapsed = (): number => before + (now() - start) / 1000;
    const schedule = planSchedule(recipe, Math.max(1, Math.floor(splits.train.indices.length / recipe.batchSize)));
    let stopped: FromScratchReport['stopped'] | undefined = endOf(progress, recipe, schedule);
    while (stopped === undefined) {
      const epoch = await trainEpoch({ options, recipe, schedule, trainee, progress, elapsed });
      stopped = epoch.stopped;
      if (epoch.report === undefined) break;
      const report = { ...epoch.report, validationAccuracy: await accuracyOf(trainee, splits.validation, images), seconds: elapsed() };
      progress.epochs.push(report);
      if (patience !== undefined && isBest(progress)) progress.best = { epoch: report.epoch, weights: exportWeights(trainee) };
      stopped ??= endOf(progress, recipe, schedule);
      await options.onEpoch?.(report, { ended: stopped !== undefined, state: () => exportChild(trainee, progress, seed) });
    }
    const state = options.keepState === true ? exportChild(trainee, progress, seed) : undefined;
    const { best, epochs } = progress;
    if (best !== undefined && best.epoch !== epochs.length) trainee.weights.restore(best.weights);
    const judged = best === undefined ? epochs.at(-1) : epochs[best.epoch - 1];
    return {
      validationAccuracy: judged?.validationAccuracy ?? (await accuracyOf(trainee, splits.validation, images)),
      ...(reportTest ? { testAccuracy: await accuracyOf(trainee, splits.test, images) } : {}),
      judgedEpoch: judged?.epoch ?? 0,
      cost: networkCost(network),
      ...(inherited === undefined ? {} : { inherited }),
      steps: progress.steps,
      seconds: elapsed(),
      imagesPerSecond: progress.trainingSeconds > 0 ? progress.images / progress.trainingSeconds : 0,
      epochs,
      stopped: stopped ?? 'finished',
      ...(options.keepWeights === true ? { weights: { tensors: best?.weights ?? exportWeights(trainee), metadata: {} } } : {}),
      ...(state === undefined ? {} : { state }),
    };
  } finally {
    trainee.weights.dispose();
    trainee.sgd.dispose();
  }
}

/** Gives a child its source's weights where operations survived. Undefined without a source. */
async function startFromSource(
  trainee: Trainee,
  network: LoweredArchitecture,
  { inherit, placement, splits, memoryBytes, seed }: FromScratchOptions,
): Promise<FromScratchReport['inherited'] | undefined> {
  if (inherit === undefined) return undefined;
  const { height, width } = network.placement;
  const source = lower(inherit.source, { ...placement, imageSize: { height, width }, classes: classesOfWeights(inherit.weights) });
  const { tensors, inherited } = inheritWeights(source, network, inherit.weights);
  trainee.weights.restore(tensors);
  // As it was, a network keeps its statistics, to the bit.
  if (hashGraph(source.graph) !== hashGraph(network.graph)) await recalibrate(trainee, splits.train, RandomStream.of(seed, 'recalibration'));
  return { params: inherited, validationAccuracy: await accuracyOf(trainee, splits.validation, evaluationBatch(network, memoryBytes)) };
}

/** Why training ends here, if it does. Time is looked at step by step. */
function endOf(
  { steps, epochs, best }: ChildProgress,
  { patience, stopAfterEpochs }: ResolvedRecipe,
  { totalSteps }: Schedule,
): 'finished' | 'patience' | 'paused' | undefined {
  if (steps === totalSteps) return 'finished';
  if (patience !== undefined && best !== undefined && epochs.length - best.epoch >= patience) return 'patience';
  if (stopAfterEpochs !== undefined && epochs.length >= stopAfterEpochs) return 'paused';
  return undefined;
}

/** Whether the last epoch was better than all before it. */
function isBest({ epochs }: ChildProgress): boolean {
  const last = epochs.at(-1)!;
  return epochs.every((epoch) => epoch === last || epoch.validationAccuracy < last.validationAccuracy);
}

interface Run {
  readonly options: FromScratchOptions;
  readonly recipe: ResolvedRecipe;
  readonly schedule: Schedule;
  readonly trainee: Trainee;
  readonly progress: ChildProgress;
  /** Seconds. */
  readonly elapsed: () => number;
}

interface TrainedEpoch {
  readonly stopped: 'finished' | 'time' | 'cancelled' | undefined;
  /** Absent when it was stopped before its first step. */
  readonly report?: Omit<EpochReport, 'validationAccuracy' | 'seconds'>;
}

/** Trains for an epoch, or until training ends within it. Its random numbers come from (seed, epoch) alone. */
async function trainEpoch({ options, recipe, schedule, trainee, progress, elapsed }: Run): Promise<TrainedEpoch> {
  const { splits, seed, now } = options;
  const { batchSize, labelSmoothing, auxiliaryWeight, cutout } = recipe;
  const epoch = progress.epochs.length + 1;
  const random = RandomStream.of(seed, 'epoch', epoch);
  const start = now();
  let stopped: TrainedEpoch['stopped'];
  let [learningRate, loss, correct, count] = [0, 0, 0, 0]; // the last two and the loss: sums over images
  for await (const batch of trainingBatches(splits.train, { batchSize, random, augment: true, cutout })) {
    if (options.shouldStop?.() === true) stopped = 'cancelled';
    else if (progress.steps === schedule.totalSteps) stopped = 'finished';
    else if (elapsed() >= schedule.maxSeconds) stopped = 'time';
    if (stopped !== undefined) break;
    const share = schedule.progress(progress.steps, elapsed());
    learningRate = cosineRate(recipe.learningRate, 0, share, 1);
    const step = trainingStep(trainee, batch, {
      learningRate,
      mode: 'train',
      // The first batches are averaged equally: after a short training nothing is left of the statistics it began with.
      statisticsMomentum: Math.max(BATCH_NORM_MOMENTUM, 1 / (progress.steps + 1)),
      dropPath: dropPathAt(trainee.tf, recipe.dropPath, share, random),
      labelSmoothing,
      auxiliaryWeight,
    });
    progress.steps++;
    if (!Number.isFinite(step.loss)) throw diverged(progress.steps, splits.train.dataset.classes);
    loss += step.loss * batch.size;
    correct += step.correct;
    count += batch.size;
    options.onStep?.({ step: progress.steps, totalSteps: schedule.totalSteps });
    await yieldToEvents();
  }
  progress.trainingSeconds += (now() - start) / 1000;
  progress.images += count;
  if (count === 0) return { stopped };
  return { stopped, report: { epoch, steps: progress.steps, learningRate, trainLoss: loss / count, trainAccuracy: correct / count } };
}

/** The network of a child, for the images of a data set. */
function placeChild(architecture: Architecture, placement: PlacementOptions, splits: ImageSplits): LoweredArchitecture {
  const { dataset } = splits.train;
  const network = lower(architecture, placementOf(placement, splits));
  const { height, width, classes } = network.placement;
  if (network.placement.network === 'supernet') throw DomainError.invalid('placement.network', 'a supernet is no child: use evaluation or imagenet');
  if (height !== dataset.imageSize || width !== dataset.imageSize || classes !== dataset.classes) {
    const asked = `${height} x ${width} images of ${classes} classes`;
    throw DomainError.invalid('placement', `the network takes ${asked}, ${dataset.name} has ${dataset.imageSize} x ${dataset.imageSize} of ${dataset.classes}`);
  }
  return network;
}

/** Image size and classes are the data set's, where the placement does not say. */
function placementOf(placement: PlacementOptions, { train: { dataset } }: ImageSplits): PlacementOptions {
  return { ...placement, imageSize: placement.imageSize ?? dataset.imageSize, classes: placement.classes ?? dataset.classes };
}

/** Masks of the edges dropped at this point of training. */
function dropPathAt(tf: Tensorflow, last: number, progress: number, random: RandomStream): DropPath | undefined {
  const keep = 1 - last * progress;
  if (keep >= 1) return undefined;
  return { keep, mask: (_, batch) => tf.tensor1d(Float32Array.from({ length: batch }, () => (random.uniform() < keep ? 1 : 0))) };
}

async function accuracyOf(
  { tf, network, weights }: { tf: Tensorflow; network: Network; weights: Weights },
  split: ImageSplit,
  images: number,
): Promise<number> {
  let correct = 0;
  for await (const batch of batchesInOrder(split, images)) {
    correct += correctOf(tf, network, weights, 'eval', batch);
    await yieldToEvents();
  }
  return correct / split.indices.length;
}

/** Lets timers and messages through: an operation blocks the event loop while it runs. */
function yieldToEvents(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
