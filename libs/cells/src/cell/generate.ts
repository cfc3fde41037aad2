/** Random architectures, from a stream that the caller names. */
import type { RandomStream } from '@nat/base/random';
import { ACTIVATIONS } from '../primitives/module-builder.ts';
import { isEvenPool, keepsChannels } from '../primitives/operations.ts';
import { PRIMITIVE_NAMES, type PrimitiveName } from '../primitives/primitives.ts';
import { primitive } from './operation.ts';
import type { OfficialSpace } from '../zoo/official-spaces.ts';
import { isOdd, strided, type TensorShape } from './shapes.ts';
import type { Architecture, Cell, CellOutput, Edge } from './types.ts';

/**
 * An architecture as the official ArchMaster draws it: two edges into each node, their sources drawn independently (the same one
 * twice happens), the operation from all but the last primitive, so never `null`. Normal cell first.
 */
export function randomOfficialArchitecture(space: Pick<OfficialSpace, 'operationType' | 'primitives' | 'steps'>, stream: RandomStream): Architecture {
  const cells = ['normal', 'reduce'].map((name): Cell => {
    const edges: Edge[] = [];
    for (let step = 0; step < space.steps; step++) {
      for (let each = 0; each < 2; each++) {
        const from = stream.integer(step + 2);
        edges.push({ from, to: step + 2, operation: primitive(space.primitives[stream.integer(space.primitives.length - 1)]!) });
      }
    }
    const output: CellOutput =
      space.operationType === 'LOOSE_END_PRIMITIVES'
        ? { kind: 'loose-ends' }
        : { kind: 'concat', nodes: Array.from({ length: space.steps }, (_, step) => step + 2) };
    return { name, inputs: 2, nodes: space.steps + 2, edges, output };
  });
  return { cells, skeleton: { kind: 'repeated' } };
}

/** Shares of a block's edges that are drawn anew: the block itself, two neighbourhoods of it, and the whole space. */
const REDRAWN = [0, 1, 2, 4] as const;

/**
 * An architecture around a published block of two edges a node. A share of 0, 1/4, 1/2 or 1, drawn first, says how likely each edge is drawn anew,
 * its source and operation as `randomOfficialArchitecture` draws them; the others stay as the block has them. The output stays the block's.
 */
export function randomBlockArchitecture(block: Architecture, { primitives }: Pick<OfficialSpace, 'primitives'>, stream: RandomStream): Architecture {
  const share = pick(stream, REDRAWN);
  const cells = block.cells.map((cell) => ({
    ...cell,
    edges: cell.edges.map((edge): Edge => {
      if (stream.integer(4) >= share) return edge;
      return { ...edge, from: stream.integer(edge.to), operation: primitive(primitives[stream.integer(primitives.length - 1)]!) };
    }),
  }));
  return { cells, skeleton: block.skeleton };
}

export interface RandomArchitectureOptions {
  /** @default drawn */
  readonly skeleton?: Architecture['skeleton']['kind'];
  /** Own nodes of a cell at most. @default 6 */
  readonly maxNodes?: number;
  /** Edges into a node at most. @default 4 */
  readonly maxInDegree?: number;
  /** Cells of an explicit skeleton at most. @default 5 */
  readonly maxCells?: number;
  /** Operations drawn, where they may stand. @default all */
  readonly primitives?: readonly PrimitiveName[];
}

interface Draw {
  readonly stream: RandomStream;
  readonly maxNodes: number;
  readonly maxInDegree: number;
  readonly maxCells: number;
  readonly primitives: readonly PrimitiveName[];
}

/** A well-formed architecture of any skeleton: cells of any in-degree, any output rule, and (explicit) any channels and strides. */
export function randomArchitecture(stream: RandomStream, options: RandomArchitectureOptions = {}): Architecture {
  const draw: Draw = {
    stream,
    maxNodes: options.maxNodes ?? 6,
    maxInDegree: options.maxInDegree ?? 4,
    maxCells: options.maxCells ?? 5,
    primitives: options.primitives ?? PRIMITIVE_NAMES,
  };
  switch (options.skeleton ?? pick(stream, ['repeated', 'nasbench201', 'explicit'] as const)) {
    case 'repeated':
      return { cells: [randomCell(draw, 'normal', 2, randomOutput), randomCell(draw, 'reduce', 2, randomOutput)], skeleton: { kind: 'repeated' } };
    case 'nasbench201':
      return { cells: [randomCell(draw, 'cell', 1, () => ({ kind: 'last' }))], skeleton: { kind: 'nasbench201' } };
    case 'explicit':
      return randomExplicit(draw);
  }
}

function pick<T>(stream: RandomStream, items: readonly T[]): T {
  return items[stream.integer(items.length)]!;
}

/** Edges in a drawn order: presented order need not follow the nodes. */
function randomCell(draw: Draw, name: string, inputs: number, output: (draw: Draw, inputs: number, nodes: number) => CellOutput): Cell {
  const { stream } = draw;
  const nodes = inputs + 1 + stream.integer(draw.maxNodes);
  const edges: Edge[] = [];
  for (let to = inputs; to < nodes; to++) {
    const degree = 1 + stream.integer(draw.maxInDegree);
    for (let each = 0; each < degree; each++) {
      const from = stream.integer(to);
      const strided = name === 'reduce' && from < inputs;
      const allowed = draw.primitives.filter((each) => strided || !isEvenPool(each));
      edges.push({ from, to, operation: primitive(pick(stream, allowed)) });
    }
  }
  if (stream.integer(2) === 0) stream.shuffle(edges);
  return { name, inputs, nodes, edges, output: output(draw, inputs, nodes) };
}

function randomOutput({ stream }: Draw, inputs: number, nodes: number): CellOutput {
  const kind = pick(stream, ['concat', 'loose-ends', 'last'] as const);
  if (kind !== 'concat') return { kind };
  const own = Array.from({ length: nodes - inputs }, (_, index) => inputs + index);
  const chosen = own.filter(() => stream.integer(3) > 0);
  return { kind, nodes: chosen.length > 0 ? chosen : own };
}

const IMAGE_SIZES = [7, 8, 12, 16] as const;
const CHANNELS = [2, 3, 4, 8, 12] as const;

function randomExplicit(draw: Draw): Architecture {
  const { stream } = draw;
  const imageSize = pick(stream, IMAGE_SIZES);
  const stem = {
    channels: pick(stream, CHANNELS),
    kernel: pick(stream, [1, 3, 7] as const),
    stride: 1,
    activation: pick(stream, ACTIVATIONS),
  } as const;
  const values: TensorShape[] = [];
  const unread = new Set<number>();
  const cells: Cell[] = [];
  const placements: { cell: string; reads: number[] }[] = [];
  const shapeOf = (read: number): TensorShape => (read < 0 ? { channels: stem.channels, height: imageSize, width: imageSize } : values[read]!);
  const count = 1 + stream.integer(draw.maxCells);
  for (let index = 0; index < count; index++) {
    const last = index === count - 1;
    // The last cell reads every value that nobody has read: none may be left over.
    const reads = last && unread.size > 0 ? [...unread] : [stream.integer(index + 1) - 1];
    if (!last && stream.integer(3) === 0) reads.push(stream.integer(index + 1) - 1);
    for (const read of reads) unread.delete(read);
    const { cell, output } = randomShapedCell(draw, `cell${index}`, reads.map(shapeOf));
    cells.push(cell);
    placements.push({ cell: cell.name, reads });
    values.push(output);
    unread.add(index);
  }
  const head = {
    activation: pick(stream, ACTIVATIONS),
    ...(stream.integer(2) === 0 ? { conv: { channels: pick(stream, CHANNELS), activation: 'relu' as const } } : {}),
  };
  return { cells, skeleton: { kind: 'explicit', stem, placements, head, imageSize, classes: 10 } };
}

function randomShapedCell(draw: Draw, name: string, inputs: readonly TensorShape[]): { readonly cell: Cell; readonly output: TensorShape } {
  const { stream } = draw;
  const shapes: TensorShape[] = [...inputs];
  const edges: Edge[] = [];
  const nodes = inputs.length + 1 + stream.integer(draw.maxNodes);
  for (let to = inputs.length; to < nodes; to++) {
    const first = stream.integer(to);
    const stride = stream.integer(3) === 0 ? 2 : 1;
    const shape = strided(shapes[first]!, stream.integer(2) === 0 ? shapes[first]!.channels : pick(stream, CHANNELS), stride);
    edges.push(shapedEdge(draw, first, to, shapes[first]!, shape, stride));
    for (let each = stream.integer(draw.maxInDegree); each > 0; each--) {
      const from = stream.integer(to);
      const fits = ([1, 2] as const).filter((step) => Math.ceil(shapes[from]!.height / step) === shape.height);
      if (fits.length > 0) edges.push(shapedEdge(draw, from, to, shapes[from]!, shape, pick(stream, fits)));
    }
    shapes.push(shape);
  }
  const last = shapes.at(-1)!;
  const alike = Array.from({ length: nodes - inputs.length }, (_, index) => inputs.length + index).filter((node) => shapes[node]!.height === last.height);
  const output: CellOutput = stream.integer(2) === 0 ? { kind: 'last' } : { kind: 'concat', nodes: alike };
  const channels = output.kind === 'last' ? last.channels : alike.reduce((sum, node) => sum + shapes[node]!.channels, 0);
  return { cell: { name, inputs: inputs.length, nodes, edges, output }, output: { ...last, channels } };
}

function shapedEdge(draw: Draw, from: number, to: number, input: TensorShape, output: TensorShape, stride: 1 | 2): Edge {
  const { stream } = draw;
  const place = { from, to, channels: { in: input.channels, out: output.channels }, stride };
  if (stream.integer(12) === 0) return { ...place, operation: { kind: 'fixed', name: 'opaque', params: stream.integer(1000), macs: stream.integer(100_000) } };
  const allowed = draw.primitives.filter((name) => {
    if (keepsChannels(name) && input.channels !== output.channels) return false;
    return !isEvenPool(name) || (stride === 2 && !isOdd(input));
  });
  return { ...place, operation: primitive(pick(stream, allowed), pick(stream, ACTIVATIONS)) };
}
