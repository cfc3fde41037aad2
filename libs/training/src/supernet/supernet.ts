/**
 * The supernet of an official space (section 4.1 of the paper): one set of weights that all architectures of the space share.
 * A sampled architecture is a path through it, and only that path is computed.
 */
import { lower, primitive, type Architecture, type OfficialSpace } from '@nat/cells';
import type { ImageBatch } from '@nat/datasets';
import { DomainError } from '@nat/base/errors';
import { MomentumSgd, type SgdState, type TensorFile, type Tensorflow } from '@nat/tensor';
import { buildNetwork, type Network } from '../executor/network.ts';
import { correctOf, diverged, trainingStep } from '../executor/training-step.ts';
import { Weights } from '../executor/weights.ts';

export interface SupernetOptions {
  readonly tf: Tensorflow;
  readonly space: OfficialSpace;
  /** First channels C. @default 20 */
  readonly channels?: number;
  /** Cells in a row. @default 8 */
  readonly layers?: number;
  readonly imageSize: number;
  readonly classes: number;
  /** Seed of the initial weights. */
  readonly seed: number;
  /** Constant, as in the official code. @default 0.01 */
  readonly learningRate?: number;
  /** @default 0.9 */
  readonly momentum?: number;
  /** @default 3e-4 */
  readonly weightDecay?: number;
  /** Global norm that gradients are clipped to. @default 5 */
  readonly clipNorm?: number;
}

export interface StepReport {
  /** Steps so far, those of imported states included. */
  readonly step: number;
  readonly loss: number;
  readonly accuracy: number;
}

/** Momentum stands beside its parameter under this prefix. */
export const VELOCITY = 'velocity/';
const STATE = 'nat.supernet';

/** What stands beside the tensors of a state: learning rates with their number of steps, and the step that each moving parameter has come to. */
export interface SupernetProgress {
  readonly seed: number;
  readonly rates: SgdState['rates'];
  readonly steps: Readonly<Record<string, number>>;
  /** Steps whose path had the parameter, since shards became one: what their average weighs it by. Absent in states of earlier versions. */
  readonly updates?: Readonly<Record<string, number>>;
}

export function stateMetadata({ seed, rates, steps, updates = {} }: SupernetProgress): Readonly<Record<string, string>> {
  return { [STATE]: JSON.stringify({ seed, rates, steps: byName(steps), updates: byName(updates) }) };
}

function byName(values: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** @throws DomainError INVALID_ARGUMENT for the metadata of another file */
export function parseState(metadata: Readonly<Record<string, string>>): SupernetProgress {
  const text = metadata[STATE];
  if (text === undefined) throw DomainError.invalid('weights', 'no state of shared weights', 'NOT_SHARED_WEIGHTS');
  return JSON.parse(text) as SupernetProgress;
}

export class Supernet {
  readonly #options: Required<SupernetOptions>;
  readonly #weights: Weights;
  readonly #sgd: MomentumSgd;
  readonly #updates = new Map<string, number>();

  constructor(options: SupernetOptions) {
    this.#options = { channels: 20, layers: 8, learningRate: 0.01, momentum: 0.9, weightDecay: 3e-4, clipNorm: 5, ...options };
    const { tf, seed, momentum, weightDecay, clipNorm } = this.#options;
    this.#weights = new Weights(tf, seed);
    this.#sgd = new MomentumSgd(tf, { momentum, weightDecay, clipNorm });
  }

  /** Training steps so far. */
  get steps(): number {
    return this.#sgd.steps;
  }

  /** One step of SGD along the path of an architecture. @throws DomainError INVALID_ARGUMENT for a path outside the space; FAILED_PRECONDITION TRAINING_DIVERGED */
  trainStep(architecture: Architecture, batch: ImageBatch): StepReport {
    const { tf, learningRate } = this.#options;
    const network = this.#path(architecture);
    const trainee = { tf, network, weights: this.#weights, sgd: this.#sgd };
    // Running statistics are never read here: sampled paths are always normalised by their batch.
    const { loss, correct } = trainingStep(trainee, batch, { learningRate, mode: 'batch' });
    if (!Number.isFinite(loss)) throw diverged(this.steps, this.#options.classes);
    for (const { name } of network.parameters) this.#updates.set(name, (this.#updates.get(name) ?? 0) + 1);
    return { step: this.steps, loss, accuracy: correct / batch.size };
  }

  /** Accuracy of an architecture on the given images as a fraction, normalised by their batches. @throws DomainError INVALID_ARGUMENT OUTSIDE_SUPERNET */
  accuracy(architecture: Architecture, batches: readonly ImageBatch[]): number {
    const { tf } = this.#options;
    const network = this.#path(architecture);
    this.#sgd.catchUp(this.#weights.parameters(network.parameters));
    let [correct, images] = [0, 0];
    for (const batch of batches) {
      correct += correctOf(tf, network, this.#weights, 'batch', batch);
      images += batch.size;
    }
    return correct / images;
  }

  /**
   * Brings every parameter of the supernet into being and to the current step: what averaging needs, because shards use different paths. Rounds in
   * another place than an undisturbed run does, so a run that is not averaged does without.
   */
  settle(): void {
    this.#sgd.catchUp(this.#weights.parameters(this.#path(allOperations(this.#options.space)).parameters));
  }

  /** Weights under their official names, momentum, and how far each parameter has come: everything that training goes on from. */
  exportState(): TensorFile {
    const { rates, slots } = this.#sgd.exportState();
    const tensors = this.#weights.export();
    for (const [name, { velocity }] of slots) tensors.set(VELOCITY + name, { shape: [velocity.length], data: velocity });
    const steps = Object.fromEntries([...slots].map(([name, { step }]) => [name, step]));
    return { tensors, metadata: stateMetadata({ seed: this.#options.seed, rates, steps, updates: Object.fromEntries(this.#updates) }) };
  }

  /** Goes on from an exported state, bit for bit. @throws DomainError INVALID_ARGUMENT for another file or another seed */
  importState({ tensors, metadata }: TensorFile): void {
    const { seed, rates, steps, updates = {} } = parseState(metadata);
    if (seed !== this.#options.seed) throw DomainError.invalid('weights', `of a supernet with seed ${seed}, not ${this.#options.seed}`, 'OTHER_SEED');
    this.#weights.restore(new Map([...tensors].filter(([name]) => !name.startsWith(VELOCITY))));
    const slots = Object.entries(steps).map(([name, step]) => [name, { step, velocity: tensors.get(VELOCITY + name)!.data }] as const);
    this.#sgd.importState({ rates, slots: new Map(slots) });
    this.#updates.clear();
    for (const [name, count] of Object.entries(updates)) this.#updates.set(name, count);
  }

  dispose(): void {
    this.#weights.dispose();
    this.#sgd.dispose();
  }

  #path(architecture: Architecture): Network {
    const { space, channels, layers, imageSize, classes } = this.#options;
    checkPath(architecture, space);
    const supernetOutput = space.operationType === 'LOOSE_END_PRIMITIVES' ? 'loose-ends' : 'all-nodes';
    const placement = { network: 'supernet', channels, layers, imageSize, classes, supernetOutput } as const;
    return buildNetwork(lower(architecture, placement, { sharedOperations: space.primitives }));
  }
}

/** All operations on all edges at once. */
function allOperations({ primitives, steps }: OfficialSpace): Architecture {
  const nodes = Array.from({ length: steps }, (_, step) => step + 2);
  const edges = nodes.flatMap((to) => Array.from({ length: to }, (_, from) => primitives.map((name) => ({ from, to, operation: primitive(name) }))).flat());
  const cells = ['normal', 'reduce'].map((name) => ({ name, inputs: 2, nodes: steps + 2, edges, output: { kind: 'concat' as const, nodes } }));
  return { cells, skeleton: { kind: 'repeated' } };
}

/** An architecture is a path through the supernet: its cells have the space's nodes and operations. */
function checkPath({ cells, skeleton }: Architecture, { primitives, steps, operationType }: OfficialSpace): void {
  const outside = (field: string, description: string): DomainError => DomainError.invalid(field, description, 'OUTSIDE_SUPERNET');
  if (skeleton.kind !== 'repeated') throw outside('architecture.skeleton', `a supernet has repeated cells, not a ${skeleton.kind} skeleton`);
  cells.forEach(({ nodes, edges }, cell) => {
    if (nodes !== steps + 2) throw outside(`architecture.cells[${cell}].nodes`, `${nodes} nodes, the cells of ${operationType} have ${steps + 2}`);
    edges.forEach(({ operation }, edge) => {
      if (!primitives.some((name) => name === operation.name)) {
        throw outside(`architecture.cells[${cell}].edges[${edge}].operation`, `${operation.name} is not among ${primitives.join(', ')}`);
      }
    });
  });
}
