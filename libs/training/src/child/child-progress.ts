/** How far the training of a child has come, and its bytes: everything that training goes on from, bit for bit. */
import { DomainError } from '@nat/base/errors';
import type { HostTensor, SgdState, TensorFile } from '@nat/tensor';
import type { Trainee } from '../executor/training-step.ts';

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
  /** Since the start, interruptions left out. */
  readonly seconds: number;
}

/** Weights and running statistics after an epoch, by official name. */
export interface Snapshot {
  readonly epoch: number;
  readonly weights: ReadonlyMap<string, HostTensor>;
}

export interface ChildProgress {
  /** Those that have ended, in order. */
  readonly epochs: EpochReport[];
  steps: number;
  /** Trained on, each as often as it was. */
  images: number;
  trainingSeconds: number;
  /** After the epoch with the highest validation accuracy so far, the first of equals; with patience only. */
  best?: Snapshot;
}

/** Momentum, and the best epoch's weights, stand beside the child's own weights under these prefixes. */
const VELOCITY = 'velocity/';
const BEST = 'best/';
const STATE = 'nat.child';

/** What stands beside the tensors. */
interface Metadata {
  readonly seed: number;
  readonly rates: SgdState['rates'];
  readonly epochs: readonly EpochReport[];
  readonly steps: number;
  readonly images: number;
  readonly trainingSeconds: number;
  readonly bestEpoch?: number;
}

export function freshProgress(): ChildProgress {
  return { epochs: [], steps: 0, images: 0, trainingSeconds: 0 };
}

/** The weights of a child, all at the current step: what an evaluation of it needs. */
export function exportWeights({ network, weights, sgd }: Trainee): Map<string, HostTensor> {
  sgd.settle(weights.parameters(network.parameters));
  return weights.export();
}

/** A child between two epochs. */
export function exportChild(trainee: Trainee, progress: ChildProgress, seed: number): TensorFile {
  const { epochs, steps, images, trainingSeconds, best } = progress;
  const tensors = exportWeights(trainee);
  const { rates, slots } = trainee.sgd.exportState();
  for (const [name, { velocity }] of slots) tensors.set(VELOCITY + name, { shape: [velocity.length], data: velocity });
  for (const [name, tensor] of best?.weights ?? []) tensors.set(BEST + name, tensor);
  const metadata: Metadata = { seed, rates, epochs, steps, images, trainingSeconds, ...(best === undefined ? {} : { bestEpoch: best.epoch }) };
  return { tensors, metadata: { [STATE]: JSON.stringify(metadata) } };
}

/**
 * Puts a child back where `exportChild` found it.
 * @throws DomainError INVALID_ARGUMENT OTHER_CHILD for the state of another network or seed, or for another kind of file
 */
export function restoreChild({ network, weights, sgd }: Trainee, { tensors, metadata }: TensorFile, seed: number): ChildProgress {
  const text = metadata[STATE];
  if (text === undefined) throw otherChild('is no state of a child');
  const state = JSON.parse(text) as Metadata;
  if (state.seed !== seed) throw otherChild(`is of a child with seed ${state.seed}, not ${seed}`);
  for (const { name, shape } of network.parameters) {
    if (tensors.get(name)?.shape.join() !== shape.join() || !tensors.has(VELOCITY + name)) throw otherChild(`has no ${name} of shape [${shape.join(', ')}]`);
  }
  const under = (prefix: string): [string, HostTensor][] =>
    [...tensors].filter(([name]) => name.startsWith(prefix)).map(([name, tensor]) => [name.slice(prefix.length), tensor]);
  weights.restore(new Map([...tensors].filter(([name]) => !name.startsWith(VELOCITY) && !name.startsWith(BEST))));
  sgd.importState({ rates: state.rates, slots: new Map(under(VELOCITY).map(([name, { data }]) => [name, { velocity: data, step: state.steps }])) });
  return {
    epochs: [...state.epochs],
    steps: state.steps,
    images: state.images,
    trainingSeconds: state.trainingSeconds,
    ...(state.bestEpoch === undefined ? {} : { best: { epoch: state.bestEpoch, weights: new Map(under(BEST)) } }),
  };
}

function otherChild(description: string): DomainError {
  return DomainError.invalid('resume_from', description, 'OTHER_CHILD');
}
