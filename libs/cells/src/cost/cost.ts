/**
 * What a network costs.
 *
 * Parameters: numbers, batch normalisation's weight and bias included where it has them. MACs: multiply-accumulates of
 * convolutions and linear layers for one image, without the auxiliary head. Both equal the official counters.
 *
 * Peak activation memory: float32, batch 1, inference, operation outputs only (not the image, not weights). Layers run one
 * after the other: stem, then block by block the preprocessing, the nodes in order, each node's edges in presented order, the
 * concatenation, then the head. While a layer runs, its inputs, its output and everything needed later are held:
 * - a node owns one tensor, the sum of its edges so far, from its first edge on;
 * - an edge that computes (anything but `null` and the identity) holds one output tensor beside that sum;
 * - a node is held until the last edge that names it has run, or the output that names it; edges with `null` name their node
 *   too, as the official `x * 0` does;
 * - a cell's value is a new tensor where it concatenates several nodes, and the node itself where it is one;
 * - activations and additions work in place.
 * So replacing an operation by one that computes nothing never raises the peak: lists of names do not change.
 */
import { DomainError } from '@nat/base/errors';
import type { ConvLayer, FactorizedReduceLayer, Network, PlacedCell, PlacedEdge, ResidualReduction } from '../skeletons/network.ts';
import { computesTensor, operationCost } from '../cell/operations.ts';
import type { OperationCost } from '../cell/operations.ts';
import { placeNetwork } from '../skeletons/placement.ts';
import type { TensorShape } from '../cell/shapes.ts';
import type { OfficialSpace } from '../zoo/official-spaces.ts';
import type { Architecture, Cell, Cost, PlacementOptions } from '../cell/types.ts';

const FLOAT_BYTES = 4;

/** One placed edge and the memory around it. */
export interface ProfiledEdge {
  readonly placed: PlacedEdge;
  /** Held while the edge runs, without the edge's own output: bytes. */
  readonly baseBytes: number;
  /** The edge's own output, where it computes one: bytes. */
  readonly outBytes: number;
}

/** Memory around the edges of one placed cell, the same whatever the edges are. */
export interface ProfiledCell {
  readonly placed: PlacedCell;
  /** Held beside the cell's own nodes while its edges run: bytes. */
  readonly outerBytes: number;
}

/** A network's cost, split into what stays whatever operations stand on the edges, and the edges. */
export interface NetworkProfile {
  readonly fixed: Cost;
  readonly cells: readonly ProfiledCell[];
  readonly edges: readonly ProfiledEdge[];
}

function bytes(shape: TensorShape): number {
  return FLOAT_BYTES * shape.channels * shape.size * shape.size;
}

/** Parameters and MACs of one convolution or factorized reduction. */
export function layerCost(layer: ConvLayer | FactorizedReduceLayer): OperationCost {
  const kernel = layer.kind === 'conv' ? layer.kernel : 1;
  const weights = kernel * kernel * layer.inChannels * layer.outChannels;
  return { params: weights + (layer.norm === 'affine' ? 2 * layer.outChannels : 0), macs: weights * layer.outSize * layer.outSize };
}

/** Parameters and MACs of the operation on a placed edge. */
export function placedEdgeCost(edge: PlacedEdge, norm: Network['norm']): OperationCost {
  return edge.operation.kind === 'fixed' ? edge.operation : operationCost(edge.operation.name, edge, norm);
}

/** True where the operation on a placed edge writes an output of its own. Fixed operations do. */
export function placedEdgeComputes(edge: PlacedEdge): boolean {
  return edge.operation.kind === 'fixed' || computesTensor(edge.operation.name, edge);
}

class Profiler {
  params = 0;
  macs = 0;
  peak = 0;
  readonly cells: ProfiledCell[] = [];
  readonly edges: ProfiledEdge[] = [];

  add({ params, macs }: OperationCost): void {
    this.params += params;
    this.macs += macs;
  }

  hold(total: number): void {
    if (total > this.peak) this.peak = total;
  }
}

/** Parameters, MACs and memory of everything in a network. Linear in its edges. */
export function profileNetwork(network: Network): NetworkProfile {
  const profiler = new Profiler();
  const { stem, blocks } = network;
  // Values are numbered from the oldest stem layer: read r is value r + stem.length.
  const offset = stem.length;
  const lastReader = new Int32Array(offset + blocks.length).fill(-1);
  blocks.forEach(({ reads }, index) => {
    for (const read of reads) lastReader[read + offset] = index;
  });
  lastReader[offset + blocks.length - 1] = blocks.length; // the head
  const held = new Float64Array(offset + blocks.length); // bytes of each value while it is held
  let live = 0;
  const free = (value: number): void => {
    live -= held[value]!;
    held[value] = 0;
  };
  stem.forEach((layer, index) => {
    profiler.add(layerCost(layer));
    held[index] = bytes({ channels: layer.outChannels, size: layer.outSize });
    live += held[index];
    profiler.hold(live);
    if (index > 0 && lastReader[index - 1] === -1) free(index - 1);
  });
  blocks.forEach((block, index) => {
    const owned = [...new Set(block.reads)].map((read) => read + offset).filter((value) => lastReader[value] === index);
    const ownedBytes = owned.reduce((sum, value) => sum + held[value]!, 0);
    // Everything but the values that end in this block is held throughout it.
    if (block.kind === 'cell') profileCell(profiler, network, block, live - ownedBytes, (read) => (owned.includes(read + offset) ? held[read + offset]! : 0));
    else profileReduction(profiler, block, live - ownedBytes, ownedBytes);
    for (const value of owned) free(value);
    held[offset + index] = bytes(block.output);
    live += held[offset + index]!;
    profiler.hold(live);
    if (lastReader[offset + index] === -1) free(offset + index);
  });
  profileHead(profiler, network, live);
  return { fixed: { params: profiler.params, macs: profiler.macs, peakActivationBytes: profiler.peak }, cells: profiler.cells, edges: profiler.edges };
}

/**
 * @param outer bytes held throughout the cell: values that later blocks read too
 * @param owned bytes of a read value that ends in this cell, 0 for one that does not
 */
function profileCell(profiler: Profiler, network: Network, cell: PlacedCell, outer: number, owned: (read: number) => number): void {
  const nodeBytes = cell.nodes.map(bytes);
  const inputs = cell.reads.length;
  // Preprocessing: raw inputs are let go one by one; an input that is not preprocessed is its raw value.
  let raw = 0;
  for (const read of new Set(cell.reads)) raw += owned(read);
  let made = 0;
  cell.preprocess.forEach((layer, input) => {
    if (layer === undefined) return;
    profiler.add(layerCost(layer));
    made += nodeBytes[input]!;
    profiler.hold(outer + raw + made);
    const read = cell.reads[input]!;
    if (!cell.reads.some((other, later) => other === read && (later > input || cell.preprocess[later] === undefined))) raw -= owned(read);
  });
  const order = runningOrder(cell);
  const lastUse = lastUses(cell, order);
  // Bytes a node gives back when it ends. Inputs taken as they are: those of the raw value, once, and only where it ends here.
  const gives = [...nodeBytes];
  for (let input = 0; input < inputs; input++) {
    if (cell.preprocess[input] !== undefined) continue;
    const read = cell.reads[input]!;
    const keeper = cell.reads.reduce(
      (best, other, at) => (other === read && cell.preprocess[at] === undefined && lastUse[at]! >= lastUse[best]! ? at : best),
      input,
    );
    gives[input] = keeper === input ? owned(read) : 0;
  }
  let inner = made + raw; // bytes of the cell's own nodes
  for (let input = 0; input < inputs; input++) if (lastUse[input] === UNUSED) inner -= gives[input]!;
  profiler.cells.push({ placed: cell, outerBytes: outer });
  order.forEach((edgeIndex, step) => {
    const edge = cell.edges[edgeIndex]!;
    const opens = step === 0 || cell.edges[order[step - 1]!]!.to !== edge.to;
    if (opens) inner += nodeBytes[edge.to]!;
    profiler.edges.push({ placed: edge, baseBytes: outer + inner, outBytes: nodeBytes[edge.to]! });
    if (lastUse[edge.from] === step) inner -= gives[edge.from]!;
    const closes = step === order.length - 1 || cell.edges[order[step + 1]!]!.to !== edge.to;
    if (closes && lastUse[edge.to] === UNUSED) inner -= gives[edge.to]!;
  });
  if (cell.outputNodes.length > 1) profiler.hold(outer + inner + bytes(cell.output));
}

const UNUSED = -1;
const OUTPUT = 0x7fffffff;

/** Edge indices in the order they run: node by node, presented order within a node. */
export function runningOrder(cell: { readonly edges: readonly { readonly to: number }[] }): readonly number[] {
  const order = cell.edges.map((_, index) => index);
  // Stable, so edges of one node stay in presented order.
  return order.sort((a, b) => cell.edges[a]!.to - cell.edges[b]!.to);
}

/** For each node the last step that names it: a position in the running order, OUTPUT, or UNUSED. */
function lastUses(cell: PlacedCell, order: readonly number[]): Int32Array {
  const last = new Int32Array(cell.nodes.length).fill(UNUSED);
  order.forEach((edgeIndex, step) => {
    last[cell.edges[edgeIndex]!.from] = step;
  });
  for (const node of cell.outputNodes) last[node] = OUTPUT;
  return last;
}

/** NAS-Bench-201's residual reduction: conv_a, conv_b, then pool and 1x1 convolution on the shortcut, added in place. */
function profileReduction(profiler: Profiler, block: ResidualReduction, outer: number, owned: number): void {
  const out = bytes(block.output);
  const pooled = bytes({ channels: block.input.channels, size: block.output.size });
  const shortcut = block.input.channels * block.output.channels;
  profiler.add(layerCost(block.a));
  profiler.add(layerCost(block.b));
  profiler.add({ params: shortcut, macs: shortcut * block.output.size * block.output.size });
  profiler.hold(outer + owned + out); // a
  profiler.hold(outer + owned + 2 * out); // a, b
  profiler.hold(outer + owned + out + pooled);
  profiler.hold(outer + pooled + 2 * out);
}

function profileHead(profiler: Profiler, { head }: Network, live: number): void {
  let input = live;
  if (head.conv !== undefined) {
    const out = bytes({ channels: head.conv.outChannels, size: head.conv.outSize });
    profiler.add(layerCost(head.conv));
    profiler.hold(input + out);
    input = out;
  }
  const { inFeatures, outFeatures } = head.classifier;
  if (head.norm) profiler.add({ params: 2 * inFeatures, macs: 0 });
  profiler.hold(input + FLOAT_BYTES * inFeatures);
  profiler.hold(FLOAT_BYTES * (inFeatures + outFeatures));
  profiler.add({ params: inFeatures * outFeatures + outFeatures, macs: inFeatures * outFeatures });
}

/** The cost of a placed network. In a supernet, the active cost: what the operations on its edges use. */
export function networkCost(network: Network): Cost {
  const { fixed, edges } = profileNetwork(network);
  let { params, macs, peakActivationBytes } = fixed;
  for (const { placed, baseBytes, outBytes } of edges) {
    const cost = placedEdgeCost(placed, network.norm);
    params += cost.params;
    macs += cost.macs;
    peakActivationBytes = Math.max(peakActivationBytes, placedEdgeComputes(placed) ? baseBytes + outBytes : baseBytes);
  }
  if (network.shared) params -= sharedParams(network);
  return checkCountable({ params, macs, peakActivationBytes });
}

/** @throws DomainError INVALID_ARGUMENT, reason TOO_LARGE, for a cost that numbers cannot count exactly (2^53) */
export function checkCountable(cost: Cost): Cost {
  if (Number.isSafeInteger(cost.params) && Number.isSafeInteger(cost.macs) && Number.isSafeInteger(cost.peakActivationBytes)) return cost;
  throw DomainError.invalid('architecture', 'costs more than can be counted exactly (2^53)', 'TOO_LARGE');
}

/** Parameters counted more than once where equal operations between the same two nodes share their weights. */
function sharedParams(network: Network): number {
  let twice = 0;
  for (const block of network.blocks) {
    if (block.kind !== 'cell') continue;
    const seen = new Set<string>();
    for (const edge of block.edges) {
      if (edge.operation.kind === 'fixed') continue;
      const key = `${edge.from}>${edge.to}:${edge.operation.name}`;
      if (seen.has(key)) twice += placedEdgeCost(edge, network.norm).params;
      seen.add(key);
    }
  }
  return twice;
}

/** The cost of an architecture placed into a network. @throws DomainError as `placeNetwork` */
export function architectureCost(architecture: Architecture, options: PlacementOptions = {}): Cost {
  return networkCost(placeNetwork(architecture, options));
}

/** Parameters and MACs of each edge, `[cell][edge]`, summed over the places the cell stands at. Equal operations are counted apart. */
export function edgeCosts(architecture: Architecture, options: PlacementOptions = {}): readonly (readonly OperationCost[])[] {
  const network = placeNetwork(architecture, options);
  const sums = architecture.cells.map((cell) => cell.edges.map(() => ({ params: 0, macs: 0 })));
  for (const block of network.blocks) {
    if (block.kind !== 'cell') continue;
    for (const edge of block.edges) {
      const sum = sums[edge.cellIndex]![edge.edgeIndex]!;
      const cost = placedEdgeCost(edge, network.norm);
      sum.params += cost.params;
      sum.macs += cost.macs;
    }
  }
  return sums;
}

/** Parameters and MACs of the auxiliary head, or undefined where the network has none. */
export function auxiliaryCost(network: Network): OperationCost | undefined {
  if (network.auxiliary === undefined) return undefined;
  const { input, outFeatures } = network.auxiliary;
  const reduced = input.channels * 128; // at 2 x 2
  const wide = 2 * 2 * 128 * 768; // at 1 x 1
  return { params: reduced + 2 * 128 + wide + 2 * 768 + 768 * outFeatures + outFeatures, macs: reduced * 4 + wide + 768 * outFeatures };
}

/**
 * The whole supernet of an official space as an architecture: between every two nodes every operation, edge e of the official
 * order (e = (to - 2)(to + 1) / 2 + from) and operation o at position e * operations + o. Its supernet cost has all parameters.
 */
export function supernetArchitecture(space: Pick<OfficialSpace, 'operationType' | 'primitives' | 'steps'>): Architecture {
  const nodes = space.steps + 2;
  const edges: Cell['edges'][number][] = [];
  for (let to = 2; to < nodes; to++)
    for (let from = 0; from < to; from++) for (const name of space.primitives) edges.push({ from, to, operation: { kind: 'primitive', name } });
  const output: Cell['output'] =
    space.operationType === 'LOOSE_END_PRIMITIVES'
      ? { kind: 'loose-ends' }
      : { kind: 'concat', nodes: Array.from({ length: space.steps }, (_, step) => step + 2) };
  return { cells: ['normal', 'reduce'].map((name) => ({ name, inputs: 2, nodes, edges, output })), skeleton: { kind: 'repeated' } };
}
