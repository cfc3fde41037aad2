/**
 * Weight inheritance: a transformed network starts from its source's weights wherever an operation survived. Names are positions of edges, and
 * shapes are alike for different operations (sep_conv_3x3 and dil_conv_3x3), so neither says what belongs together; the placed networks do.
 */
import { sameOperation, type ConvLayer, type Network, type PlacedBlock, type PlacedCell, type PlacedEdge, type PreprocessLayer } from '@nat/cells';
import { DomainError } from '@nat/base/errors';
import type { HostTensor } from '@nat/tensor';
import { buildNetwork } from '../executor/network.ts';
import type { ParameterSpec } from '../executor/weights.ts';

export interface Inheritance {
  /** What the result starts with, by its own names: weights and running statistics. Everything else it draws itself. */
  readonly tensors: ReadonlyMap<string, HostTensor>;
  /** Numbers among the result's parameters that come from the source, of all. */
  readonly inherited: number;
  readonly params: number;
}

/**
 * What a network takes over from another's weights: the stem, residual reductions, and per cell position preprocessing and edges, each where it is the
 * same layer; the head where it reads the same nodes. An auxiliary head, which only training has, starts afresh. Edges between the same two nodes belong together in presented order, then by operation.
 * @param weights by official name, in PyTorch's layout
 * @throws DomainError INVALID_ARGUMENT OTHER_WEIGHTS naming the first tensor that the source would have and `weights` has not
 */
export function inheritWeights(source: Network, result: Network, weights: ReadonlyMap<string, HostTensor>): Inheritance {
  if (source.shared || result.shared) throw new RangeError('supernets share their weights instead');
  checkWeights(source, weights);
  const tensors = new Map<string, HostTensor>();
  for (const [from, to] of survivors(source, result)) {
    for (const [name, tensor] of weights) if (name.startsWith(`${from}.`)) tensors.set(to + name.slice(from.length), tensor);
  }
  const { parameters } = buildNetwork(result);
  const count = (specs: readonly ParameterSpec[]): number => specs.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0);
  return { tensors, inherited: count(parameters.filter(({ name }) => tensors.has(name))), params: count(parameters) };
}

/** How many classes a network tells apart, by its weights. @throws DomainError INVALID_ARGUMENT OTHER_WEIGHTS without a classifier */
export function classesOfWeights(weights: ReadonlyMap<string, HostTensor>): number {
  const classifier = weights.get('classifier.weight');
  if (classifier?.shape.length !== 2) throw otherWeights('have no classifier.weight [classes, features]');
  return classifier.shape[0]!;
}

/** Modules of the source and what they are called in the result. */
function survivors(source: Network, result: Network): readonly (readonly [from: string, to: string])[] {
  const pairs: (readonly [string, string])[] = [];
  if (source.kind === result.kind && alike(source.stem.map(withoutSize), result.stem.map(withoutSize))) {
    for (const stem of ['stem', 'stem0', 'stem1']) pairs.push([stem, stem]);
  }
  result.blocks.forEach((block, i) => {
    const before = source.blocks[i];
    if (before !== undefined) pairs.push(...blockSurvivors(`cells.${i}`, { source, block: before }, { source: result, block }));
  });
  if (alike(headOf(source), headOf(result))) for (const head of ['head', 'lastact', 'classifier']) pairs.push([head, head]);
  return pairs;
}

interface BlockOf {
  readonly source: Network;
  readonly block: PlacedBlock;
}

function blockSurvivors(name: string, before: BlockOf, after: BlockOf): readonly (readonly [string, string])[] {
  const [old, block] = [before.block, after.block];
  if (old.kind === 'residual-reduction' || block.kind === 'residual-reduction') {
    const same = old.kind === 'residual-reduction' && block.kind === 'residual-reduction' && alike(withoutSize(old.a), withoutSize(block.a));
    return same ? [[name, name]] : [];
  }
  const inputs = block.reads.flatMap((read, input): (readonly [string, string])[] => {
    const module = `${name}.preprocess${input}`;
    const same = alike(readBy(before.source, old, input), readBy(after.source, block, input));
    return same ? [[module, module]] : [];
  });
  const edges = matchEdges(old, block, before.source.norm === after.source.norm);
  return [...inputs, ...edges.map(([from, to]) => [`${name}._ops.${from}`, `${name}._ops.${to}`] as const)];
}

/** Positions of edges that survived: first those at their place in order, then, of what is left over, equal operations at the same place. */
function matchEdges(before: PlacedCell, after: PlacedCell, sameNorm: boolean): readonly (readonly [from: number, to: number])[] {
  if (!sameNorm) return [];
  const matched: (readonly [number, number])[] = [];
  const waiting = new Map<number, readonly number[]>();
  const taken = new Set<number>();
  const at = (cell: PlacedCell, { from, to }: PlacedEdge): number[] =>
    cell.edges.flatMap((edge, index) => (edge.from === from && edge.to === to ? [index] : []));
  after.edges.forEach((edge, index) => {
    const candidates = at(before, edge);
    const inOrder = candidates[at(after, edge).indexOf(index)];
    if (inOrder !== undefined && sameLayer(before.edges[inOrder]!, edge)) {
      matched.push([inOrder, index]);
      taken.add(inOrder);
    } else waiting.set(index, candidates);
  });
  for (const [index, candidates] of waiting) {
    const other = candidates.find((candidate) => !taken.has(candidate) && sameLayer(before.edges[candidate]!, after.edges[index]!));
    if (other === undefined) continue;
    matched.push([other, index]);
    taken.add(other);
  }
  return matched;
}

function sameLayer(a: PlacedEdge, b: PlacedEdge): boolean {
  return sameOperation(a.operation, b.operation) && a.stride === b.stride && a.inChannels === b.inChannels && a.outChannels === b.outChannels;
}

/** A cell's preprocessing together with the channels that it reads: which nodes of which block. */
function readBy(network: Network, cell: PlacedCell, input: number): unknown {
  const layer = cell.preprocess[input];
  return layer === undefined ? undefined : [withoutSize(layer), cell.reads[input], nodesOf(network, cell.reads[input]!)];
}

function nodesOf(network: Network, read: number): readonly number[] {
  const block = read < 0 ? undefined : network.blocks[read];
  return block?.kind === 'cell' ? block.outputNodes : [];
}

function headOf(network: Network): unknown {
  const { head } = network;
  return [head.conv && withoutSize(head.conv), head.norm, head.activation, head.classifier, nodesOf(network, network.blocks.length - 1)];
}

/** A layer as its weights know it: images of any size. */
function withoutSize(layer: PreprocessLayer | ConvLayer): unknown {
  return { ...layer, inSize: 0, outSize: 0 };
}

function alike(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** The weights are the network's: every parameter in its shape, and the running statistics of every batch normalisation. */
function checkWeights(network: Network, weights: ReadonlyMap<string, HostTensor>): void {
  for (const { name, shape } of buildNetwork(network).parameters) {
    requireTensor(weights, name, shape);
    const normalised = shape.length === 1 && name.endsWith('.weight') ? name.slice(0, -'.weight'.length) : undefined;
    if (normalised !== undefined) for (const which of ['running_mean', 'running_var']) requireTensor(weights, `${normalised}.${which}`, shape);
  }
}

function requireTensor(weights: ReadonlyMap<string, HostTensor>, name: string, shape: readonly number[]): void {
  const found = weights.get(name);
  if (found === undefined) throw otherWeights(`have no ${name}`);
  if (found.shape.join() !== shape.join()) throw otherWeights(`have ${name} of shape [${found.shape.join(', ')}], their network has [${shape.join(', ')}]`);
}

function otherWeights(description: string): DomainError {
  return DomainError.invalid('inherit.weights', description, 'OTHER_WEIGHTS');
}
