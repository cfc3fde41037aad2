/** Where cells and edges stand in the placed network. */
import { lower, type Architecture, type LoweredArchitecture, type PlacementOptions } from '@nat/cells';
import { imageShape } from '@nat/graph';

/** What the placed network says of one cell. */
export interface CellPlacement {
  /** Mean position of its placements, 0 (first) .. 1 (last). */
  readonly position: number;
  /** Share of all placements that are this cell's. */
  readonly frequency: number;
}

/** Means over the placements of an edge's cell. */
export interface EdgeContext {
  /** Of stride - 1. */
  readonly strided: number;
  /** Of log2(out / in channels). */
  readonly channelRatio: number;
}

/** One architecture's cells and edges. */
export interface CellContext extends CellPlacement {
  readonly edge: (edge: number) => EdgeContext;
}

/** Places architectures with the same options. In the repeated skeletons all architectures stand alike: those are placed once. */
export class PlacementContext {
  readonly #placement: PlacementOptions;
  readonly #uniform = new Map<string, readonly UniformCell[]>();

  constructor(placement: PlacementOptions) {
    this.#placement = placement;
  }

  /** [cells] */
  of(architecture: Architecture): readonly CellContext[] {
    const { cells, skeleton } = architecture;
    if (skeleton.kind === 'explicit') return explicitCells(architecture, lower(architecture, this.#placement));
    let uniform = this.#uniform.get(skeleton.kind);
    if (uniform === undefined) {
      uniform = uniformCells(architecture, lower(architecture, this.#placement));
      this.#uniform.set(skeleton.kind, uniform);
    }
    return uniform.map(({ position, frequency, fromInput }, c) => ({
      position,
      frequency,
      edge: (e) => ({ strided: cells[c]!.edges[e]!.from < cells[c]!.inputs ? fromInput : 0, channelRatio: 0 }),
    }));
  }
}

interface UniformCell extends CellPlacement {
  /** Stride - 1 of edges that leave a cell input. */
  readonly fromInput: number;
}

function uniformCells(architecture: Architecture, network: LoweredArchitecture): readonly UniformCell[] {
  const reductions = network.blocks.flatMap(({ cell, reduction }) => (cell !== undefined && reduction ? [cell] : []));
  return placementsOf(architecture, network).map((placement, c) => ({ ...placement, fromInput: reductions.includes(c) ? 1 : 0 }));
}

function explicitCells(architecture: Architecture, network: LoweredArchitecture): readonly CellContext[] {
  const sums = architecture.cells.map((cell) => cell.edges.map(() => ({ strided: 0, channelRatio: 0, places: 0 })));
  for (const { cell, edge, stride, region } of network.edges) {
    const [[inChannels], [outChannels]] = [imageShape(network.types[region.from]!), imageShape(network.types[region.to]!)];
    const sum = sums[cell]![edge]!;
    sum.strided += stride - 1;
    sum.channelRatio += Math.log2(outChannels / inChannels);
    sum.places++;
  }
  return placementsOf(architecture, network).map((placement, c) => ({
    ...placement,
    edge: (e) => {
      const { strided, channelRatio, places } = sums[c]![e]!;
      return { strided: strided / places, channelRatio: channelRatio / places };
    },
  }));
}

function placementsOf({ cells }: Architecture, { blocks }: LoweredArchitecture): readonly CellPlacement[] {
  const positions = cells.map((): number[] => []);
  blocks.forEach(({ cell }, index) => {
    if (cell !== undefined) positions[cell]!.push(index / Math.max(1, blocks.length - 1));
  });
  const placed = positions.reduce((sum, list) => sum + list.length, 0);
  return positions.map((list) => ({ position: list.reduce((sum, at) => sum + at, 0) / Math.max(1, list.length), frequency: list.length / placed }));
}
