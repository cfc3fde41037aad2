/**
 * Weight inheritance: a transformed network starts from its source's weights wherever an operation survived. Names are positions of edges, and
 * shapes are alike for different operations (sep_conv_3x3 and dil_conv_3x3), so neither says what belongs together; the graphs do.
 */
import { DomainError } from '@nat/base/errors';
import type { LoweredArchitecture, PlacedEdge } from '@nat/cells';
import { producerOf, weightSpecs, type Graph, type Node, type Value } from '@nat/graph';
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
 * What a network takes over from another's weights. Outside of edges a node keeps its weights where a node of its name, operator and shape stood in
 * the source and read the same values; a node of a cell, such as the concatenation that a classifier reads, is the same whatever its edges are. Edges
 * between the same two nodes belong together in presented order, then by operation. An auxiliary head, which only training has, starts afresh.
 * @param weights by official name, in PyTorch's layout
 * @throws DomainError INVALID_ARGUMENT OTHER_WEIGHTS naming the first tensor that the source would have and `weights` has not
 */
export function inheritWeights(source: LoweredArchitecture, result: LoweredArchitecture, weights: ReadonlyMap<string, HostTensor>): Inheritance {
  if (source.placement.network === 'supernet' || result.placement.network === 'supernet') throw new RangeError('supernets share their weights instead');
  checkWeights(source, weights);
  const tensors = new Map<string, HostTensor>();
  for (const [from, to] of survivingKeys(source, result)) tensors.set(to, weights.get(from)!);
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

/** Weight keys of the source and what they are called in the result. */
function survivingKeys(source: LoweredArchitecture, result: LoweredArchitecture): readonly (readonly [from: string, to: string])[] {
  const pairs: (readonly [string, string])[] = [];
  const pair = (from: Node, to: Node): void => {
    from.weights.forEach((key, at) => pairs.push([key, to.weights[at]!]));
  };
  const byName = new Map(source.graph.nodes.map((node) => [node.name, node]));
  const sameNetwork = source.placement.network === result.placement.network;
  for (const node of nodesOutsideEdges(result)) {
    const before = byName.get(node.name);
    if (node.weights.length === 0 || before === undefined) continue;
    if (!sameNetwork && node.module.startsWith('stem')) continue;
    if (nodeForm(source, before) === nodeForm(result, node) && readForm(source.graph, before) === readForm(result.graph, node)) pair(before, node);
  }
  for (const [before, after] of matchEdges(source, result)) {
    const [from, to] = [weighted(source, before), weighted(result, after)];
    to.forEach((node, at) => {
      pair(from[at]!, node);
    });
  }
  return pairs;
}

function nodesOutsideEdges({ graph, edges }: LoweredArchitecture): readonly Node[] {
  const onEdge = new Uint8Array(graph.nodes.length);
  for (const { region } of edges) onEdge.fill(1, ...region.nodes);
  return graph.nodes.filter((_, index) => onEdge[index] === 0);
}

/** A node as its weights know it: operator, attributes and shapes. */
function nodeForm({ graph, types }: LoweredArchitecture, node: Node): string {
  const shapes = weightSpecs(
    node,
    node.inputs.map((value) => types[value]!),
  ).map(({ shape }) => shape);
  return JSON.stringify([node.op, node.attributes, shapes, graph.inputs.length]);
}

/** What a node's module reads, by name: through everything that has no weights, to nodes that have, to nodes of cells and to inputs. */
function readForm(graph: Graph, node: Node): string {
  return JSON.stringify(node.inputs.map((value) => valueForm(graph, value, node.module)));
}

function valueForm(graph: Graph, value: Value, reader: string): unknown {
  const node = producerOf(graph, value);
  if (node === undefined) return value;
  const isNamed = node.module !== reader && (node.weights.length > 0 || node.op === 'sum' || node.op === 'add');
  return isNamed ? node.name : [node.op, ...node.inputs.map((input) => valueForm(graph, input, reader))];
}

/** Edges that survived, block by block: first those at their place in order, then, of what is left over, equal operations between the same nodes. */
function matchEdges(source: LoweredArchitecture, result: LoweredArchitecture): readonly (readonly [before: PlacedEdge, after: PlacedEdge])[] {
  const matched: (readonly [PlacedEdge, PlacedEdge])[] = [];
  const taken = new Set<PlacedEdge>();
  const waiting: (readonly [edge: PlacedEdge, candidates: readonly PlacedEdge[]])[] = [];
  const [before, after] = [edgesByEnds(source), edgesByEnds(result)];
  for (const [ends, edges] of after) {
    const candidates = before.get(ends) ?? [];
    edges.forEach((edge, at) => {
      const inOrder = candidates[at];
      if (inOrder !== undefined && edgeForm(source, inOrder) === edgeForm(result, edge)) {
        matched.push([inOrder, edge]);
        taken.add(inOrder);
      } else waiting.push([edge, candidates]);
    });
  }
  for (const [edge, candidates] of waiting) {
    const other = candidates.find((candidate) => !taken.has(candidate) && edgeForm(source, candidate) === edgeForm(result, edge));
    if (other === undefined) continue;
    matched.push([other, edge]);
    taken.add(other);
  }
  return matched;
}

/** Edges by block and the two nodes that they join, in presented order. */
function edgesByEnds({ edges, written }: LoweredArchitecture): ReadonlyMap<string, readonly PlacedEdge[]> {
  const groups = new Map<string, PlacedEdge[]>();
  for (const placed of edges) {
    const { from, to } = written.cells[placed.cell]!.edges[placed.edge]!;
    const ends = `${placed.block} ${from} ${to}`;
    const group = groups.get(ends);
    if (group === undefined) groups.set(ends, [placed]);
    else group.push(placed);
  }
  return groups;
}

/** An edge's nodes as their weights know them, with the activations between them. */
function edgeForm(lowered: LoweredArchitecture, { region }: PlacedEdge): string {
  const nodes = lowered.graph.nodes.slice(...region.nodes).filter(({ op, weights }) => weights.length > 0 || op === 'activation');
  return nodes.map((node) => nodeForm(lowered, node)).join();
}

function weighted({ graph }: LoweredArchitecture, { region }: PlacedEdge): readonly Node[] {
  return graph.nodes.slice(...region.nodes).filter(({ weights }) => weights.length > 0);
}

/** The weights are the network's: every parameter in its shape, and the running statistics of every batch normalisation. */
function checkWeights(lowered: LoweredArchitecture, weights: ReadonlyMap<string, HostTensor>): void {
  const { parameters, statistics } = buildNetwork(lowered);
  for (const { name, shape } of parameters) requireTensor(weights, name, shape);
  for (const { mean, variance, channels } of statistics) for (const name of [mean, variance]) requireTensor(weights, name, [channels]);
}

function requireTensor(weights: ReadonlyMap<string, HostTensor>, name: string, shape: readonly number[]): void {
  const found = weights.get(name);
  if (found === undefined) throw otherWeights(`have no ${name}`);
  if (found.shape.join() !== shape.join()) throw otherWeights(`have ${name} of shape [${found.shape.join(', ')}], their network has [${shape.join(', ')}]`);
}

function otherWeights(description: string): DomainError {
  return DomainError.invalid('inherit.weights', description, 'OTHER_WEIGHTS');
}
