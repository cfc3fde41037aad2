/** Where a cell's edges stand in the placed network, and what each operation would cost there over all placements. */
import {
  PRIMITIVES,
  computesTensor,
  operationCost,
  outputNodes,
  placeNetwork,
  primitiveIndex,
  profileNetwork,
  type Architecture,
  type BatchNormalization,
  type Network,
  type OperationShape,
  type PlacementOptions,
  type PrimitiveName,
} from '@nat/architecture';

/** One edge (or several that stand alike) at all its placements. */
export class Site {
  /** Placements of its cell. */
  readonly placements: number;
  /** Mean of stride - 1. */
  readonly strided: number;
  /** Mean of log2(out / in channels). */
  readonly channelRatio: number;
  readonly #shapes: readonly OperationShape[];
  /** By primitive index, over all placements. */
  readonly #params = new Float64Array(PRIMITIVES.length);
  readonly #macs = new Float64Array(PRIMITIVES.length);
  /** [before, target]: 1 where the target adds nothing at any placement, 2 where it does, 0 where not asked yet. */
  readonly #adds = new Uint8Array(PRIMITIVES.length ** 2);
  readonly #norm: BatchNormalization;

  constructor(shapes: readonly OperationShape[], norm: BatchNormalization) {
    const count = Math.max(1, shapes.length);
    this.#shapes = shapes;
    this.placements = shapes.length;
    this.#norm = norm;
    this.strided = shapes.reduce((sum, { stride }) => sum + stride - 1, 0) / count;
    this.channelRatio = shapes.reduce((sum, { inChannels, outChannels }) => sum + Math.log2(outChannels / inChannels), 0) / count;
    for (const shape of shapes) {
      PRIMITIVES.forEach((name, index) => {
        const { params, macs } = operationCost(name, shape, norm);
        this.#params[index]! += params;
        this.#macs[index]! += macs;
      });
    }
  }

  params(name: PrimitiveName): number {
    return this.#params[primitiveIndex(name)]!;
  }

  macs(name: PrimitiveName): number {
    return this.#macs[primitiveIndex(name)]!;
  }

  /** Whether `target` costs no more parameters, MACs and output tensors than `before` at every placement. */
  addsNothing(before: PrimitiveName, target: PrimitiveName): boolean {
    const index = primitiveIndex(before) * PRIMITIVES.length + primitiveIndex(target);
    if (this.#adds[index] === 0) this.#adds[index] = before === target || this.#shapes.every((shape) => this.#addsNothingAt(shape, before, target)) ? 1 : 2;
    return this.#adds[index] === 1;
  }

  #addsNothingAt(shape: OperationShape, before: PrimitiveName, target: PrimitiveName): boolean {
    const old = operationCost(before, shape, this.#norm);
    const next = operationCost(target, shape, this.#norm);
    return next.params <= old.params && next.macs <= old.macs && (computesTensor(before, shape) || !computesTensor(target, shape));
  }
}

/** The edges of an architecture in its placed network. */
export interface EdgeSites {
  /** Cost of everything that stands on no edge, and of the fixed operations. */
  readonly base: { readonly params: number; readonly macs: number };
  site(cell: number, edge: number): Site;
  /** Mean position of a cell's placements, 0 (first) .. 1 (last), and its share of all placements. */
  readonly cells: readonly { readonly position: number; readonly frequency: number }[];
}

interface Uniform {
  readonly base: EdgeSites['base'];
  /** By cell: edges that leave one of its inputs, and all others. */
  readonly sites: readonly { readonly input: Site; readonly inner: Site }[];
  readonly cells: EdgeSites['cells'];
}

/** Pure results by what they depend on: the skeletons that treat all edges alike are placed once, not once an architecture. */
const uniformPlacements = new Map<string, Uniform>();
const MAX_UNIFORM_PLACEMENTS = 256;

/** @throws DomainError INVALID_ARGUMENT for placement options out of range */
export function placeEdges(architecture: Architecture, placement: PlacementOptions): EdgeSites {
  const { cells, skeleton } = architecture;
  if (skeleton.kind === 'explicit') return placeEach(architecture, placement);
  const { network, channels, layers, imageSize, classes } = placement;
  const key = [
    skeleton.kind,
    network,
    channels,
    layers,
    imageSize,
    classes,
    ...cells.map((cell) => `${cell.inputs}>${outputNodes(cell).length}/${cell.nodes}`),
  ].join();
  let uniform = uniformPlacements.get(key);
  if (uniform === undefined) {
    if (uniformPlacements.size >= MAX_UNIFORM_PLACEMENTS) uniformPlacements.clear();
    uniform = placeUniform(architecture, placement);
    uniformPlacements.set(key, uniform);
  }
  const { sites, cells: placed } = uniform;
  let { params, macs } = uniform.base;
  cells.forEach((cell, c) => {
    for (const { operation } of cell.edges) {
      if (operation.kind === 'primitive') continue;
      params += operation.params * sites[c]!.inner.placements;
      macs += operation.macs * sites[c]!.inner.placements;
    }
  });
  const site = (cell: number, edge: number): Site => (cells[cell]!.edges[edge]!.from < cells[cell]!.inputs ? sites[cell]!.input : sites[cell]!.inner);
  return { base: { params, macs }, site, cells: placed };
}

function placeUniform(architecture: Architecture, placement: PlacementOptions): Uniform {
  const network = placeNetwork(architecture, placement);
  const input: OperationShape[][] = architecture.cells.map(() => []);
  const inner: OperationShape[][] = architecture.cells.map(() => []);
  for (const block of network.blocks) {
    if (block.kind !== 'cell') continue;
    const outer = block.nodes[0]!;
    const own = block.nodes[block.reads.length]!;
    input[block.cellIndex]!.push({ inChannels: outer.channels, outChannels: own.channels, stride: block.reduction ? 2 : 1, inSize: outer.size });
    inner[block.cellIndex]!.push({ inChannels: own.channels, outChannels: own.channels, stride: 1, inSize: own.size });
  }
  const { params, macs } = profileNetwork(network).fixed;
  const sites = architecture.cells.map((_, c) => ({ input: new Site(input[c]!, network.norm), inner: new Site(inner[c]!, network.norm) }));
  return { base: { params, macs }, sites, cells: cellPlacements(architecture, network) };
}

function placeEach(architecture: Architecture, placement: PlacementOptions): EdgeSites {
  const network = placeNetwork(architecture, placement);
  const shapes = architecture.cells.map((cell) => cell.edges.map((): OperationShape[] => []));
  let { params, macs } = profileNetwork(network).fixed;
  for (const block of network.blocks) {
    if (block.kind !== 'cell') continue;
    for (const edge of block.edges) {
      shapes[edge.cellIndex]![edge.edgeIndex]!.push(edge);
      if (edge.operation.kind === 'primitive') continue;
      params += edge.operation.params;
      macs += edge.operation.macs;
    }
  }
  const sites = shapes.map((cell) => cell.map((places) => new Site(places, network.norm)));
  return { base: { params, macs }, site: (cell, edge) => sites[cell]![edge]!, cells: cellPlacements(architecture, network) };
}

function cellPlacements({ cells }: Architecture, { blocks }: Network): EdgeSites['cells'] {
  const positions = cells.map((): number[] => []);
  blocks.forEach((block, index) => {
    if (block.kind === 'cell') positions[block.cellIndex]!.push(index / Math.max(1, blocks.length - 1));
  });
  const placed = positions.reduce((sum, list) => sum + list.length, 0);
  return positions.map((list) => ({ position: list.reduce((sum, at) => sum + at, 0) / Math.max(1, list.length), frequency: list.length / placed }));
}
