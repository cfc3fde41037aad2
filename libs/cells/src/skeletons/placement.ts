/** Places the cells of an architecture into a network. */
import { DomainError } from '@nat/base/errors';
import type { ConvLayer, Network, NetworkHead, PlacedBlock, PlacedCell, PlacedEdge, PreprocessLayer, ResidualReduction } from './network.ts';
import { isEvenPool } from '../cell/operations.ts';
import type { BatchNormalization } from '../cell/operations.ts';
import { explicitShapes, outputNodes } from '../cell/shapes.ts';
import type { ExplicitSkeleton, TensorShape } from '../cell/shapes.ts';
import type { Architecture, Cell, PlacementOptions } from '../cell/types.ts';
import { ARCHITECTURE_LIMITS } from '../cell/validate.ts';

/** Cells in a row at most. */
export const MAX_LAYERS = 256;

/** Options with every default filled in and checked, for one skeleton. */
export interface ResolvedPlacement {
  readonly network: Network['kind'];
  readonly channels: number;
  readonly layers: number;
  readonly imageSize: number;
  readonly classes: number;
  readonly supernetOutput: 'all-nodes' | 'loose-ends' | undefined;
}

const DEFAULTS = {
  evaluation: { channels: 36, layers: 20, imageSize: 32, classes: 10 },
  imagenet: { channels: 48, layers: 14, imageSize: 224, classes: 1000 },
  supernet: { channels: 20, layers: 8, imageSize: 32, classes: 10 },
  nasbench201: { channels: 16, layers: 5, imageSize: 32, classes: 10 },
} as const;

/**
 * Fills in the defaults. NAS-Bench-201's skeleton takes `layers` as cells a stage (5); an explicit one takes nothing.
 * @throws DomainError INVALID_ARGUMENT naming the option
 */
export function resolvePlacement(skeleton: Architecture['skeleton'], options: PlacementOptions = {}): ResolvedPlacement {
  if (skeleton.kind === 'explicit')
    return {
      network: 'explicit',
      channels: skeleton.stem.channels,
      layers: skeleton.placements.length,
      imageSize: skeleton.imageSize,
      classes: skeleton.classes,
      supernetOutput: undefined,
    };
  const asked = options.network ?? 'evaluation';
  if (skeleton.kind === 'nasbench201' && asked !== 'evaluation')
    throw DomainError.invalid('placement.network', `a NAS-Bench-201 cell is placed into its own network, not ${asked}`, 'INVALID_PLACEMENT');
  if (!Object.hasOwn(DEFAULTS, asked)) throw DomainError.invalid('placement.network', 'evaluation, imagenet or supernet', 'INVALID_PLACEMENT');
  const network = skeleton.kind === 'nasbench201' ? 'nasbench201' : asked;
  const defaults = DEFAULTS[network];
  return {
    network,
    channels: integer('channels', options.channels ?? defaults.channels, 2, ARCHITECTURE_LIMITS.channels / 16),
    layers: integer('layers', options.layers ?? defaults.layers, 1, MAX_LAYERS),
    imageSize: integer('imageSize', options.imageSize ?? defaults.imageSize, 1, ARCHITECTURE_LIMITS.imageSize),
    classes: integer('classes', options.classes ?? defaults.classes, 1, ARCHITECTURE_LIMITS.classes),
    supernetOutput: options.supernetOutput,
  };
}

function integer(name: string, value: number, low: number, high: number): number {
  if (!Number.isInteger(value) || value < low || value > high)
    throw DomainError.invalid(`placement.${name}`, `${String(value)} is not an integer from ${low} to ${high}`, 'INVALID_PLACEMENT');
  return value;
}

/**
 * The network of a well-formed architecture (see `validateArchitecture`).
 * @throws DomainError INVALID_ARGUMENT for options out of range, and where a 2x2 pool meets an odd size
 */
export function placeNetwork(architecture: Architecture, options: PlacementOptions = {}): Network {
  const placement = resolvePlacement(architecture.skeleton, options);
  checkExtent(architecture, placement);
  switch (architecture.skeleton.kind) {
    case 'repeated':
      return placeRepeated(architecture.cells, placement);
    case 'nasbench201':
      return placeNasBench201(architecture.cells, placement);
    case 'explicit':
      return placeExplicit(architecture.cells, architecture.skeleton);
  }
}

/** Explicit skeletons are bounded when validated; the others repeat their cells as often as the options say. */
function checkExtent({ cells, skeleton }: Architecture, { layers }: ResolvedPlacement): void {
  if (skeleton.kind === 'explicit') return;
  const edges = layers * Math.max(...cells.map((cell) => cell.edges.length));
  if (edges > ARCHITECTURE_LIMITS.placedEdges)
    throw DomainError.invalid('placement.layers', `up to ${edges} placed edges, at most ${ARCHITECTURE_LIMITS.placedEdges}`, 'INVALID_PLACEMENT');
}

interface ConvPlace {
  readonly kernel: 1 | 3 | 7;
  readonly stride?: 1 | 2;
  readonly before?: ConvLayer['before'];
  readonly after?: ConvLayer['after'];
  readonly norm?: BatchNormalization;
}

function conv(input: TensorShape, outChannels: number, { kernel, stride = 1, before = 'none', after = 'none', norm = 'affine' }: ConvPlace): ConvLayer {
  return {
    kind: 'conv',
    kernel,
    stride,
    inChannels: input.channels,
    outChannels,
    inSize: input.size,
    outSize: Math.ceil(input.size / stride),
    before,
    after,
    norm,
  };
}

function outputOf(layer: { readonly outChannels: number; readonly outSize: number }): TensorShape {
  return { channels: layer.outChannels, size: layer.outSize };
}

function image(size: number): TensorShape {
  return { channels: 3, size };
}

/** Cells `normal` and `reduce`, reductions at layers // 3 and 2 * layers // 3 doubling the channels (official NetworkCIFAR, NetworkImageNet, NASNetwork). */
function placeRepeated(cells: readonly Cell[], placement: ResolvedPlacement): Network {
  const { network, channels: first, layers, imageSize, classes } = placement;
  const supernet = network === 'supernet';
  const norm: BatchNormalization = supernet ? 'plain' : 'affine';
  const stem = network === 'imagenet' ? imagenetStem(first, imageSize) : [conv(image(imageSize), 3 * first, { kernel: 3 })];
  const outputs = cells.map((cell) => cellOutput(cell, placement));
  const shape = (read: number): TensorShape => (read < 0 ? outputOf(stem.at(read)!) : blocks[read]!.output);
  const blocks: PlacedCell[] = [];
  let channels = first;
  let previousReduced = network === 'imagenet';
  for (let layer = 0; layer < layers; layer++) {
    const reduction = layer === Math.floor(layers / 3) || layer === Math.floor((2 * layers) / 3);
    if (reduction) channels *= 2;
    const older = layer >= 2 ? layer - 2 : network === 'imagenet' ? layer - 2 : -1;
    const reads = [older, layer - 1];
    const newer = shape(reads[1]!);
    const oldShape = shape(older);
    const preprocess: readonly PreprocessLayer[] = [
      previousReduced
        ? {
            kind: 'factorized-reduce',
            inChannels: oldShape.channels,
            outChannels: channels,
            inSize: oldShape.size,
            outSize: Math.ceil(oldShape.size / 2),
            norm,
          }
        : conv(oldShape, channels, { kernel: 1, before: 'relu', norm }),
      conv(newer, channels, { kernel: 1, before: 'relu', norm }),
    ];
    const cellIndex = reduction ? 1 : 0;
    blocks.push(placeUniformCell(cells[cellIndex]!, { cellIndex, reads, preprocess, channels, reduction, inSize: newer.size, ...outputs[cellIndex]! }));
    previousReduced = reduction;
  }
  const last = blocks.at(-1)!.output;
  const auxiliaryReads = Math.floor((2 * layers) / 3);
  const auxiliaryInput = blocks[auxiliaryReads]!.output;
  return {
    kind: network,
    imageSize,
    imageChannels: 3,
    classes,
    stem,
    blocks,
    head: head(last, classes),
    ...(network === 'evaluation' && Math.floor((auxiliaryInput.size - 5) / 3) === 1
      ? { auxiliary: { reads: auxiliaryReads, input: auxiliaryInput, outFeatures: classes } }
      : {}),
    norm,
    shared: supernet,
  };
}

function imagenetStem(channels: number, imageSize: number): readonly ConvLayer[] {
  const a = conv(image(imageSize), Math.floor(channels / 2), { kernel: 3, stride: 2, after: 'relu' });
  const b = conv(outputOf(a), channels, { kernel: 3, stride: 2 });
  return [a, b, conv(outputOf(b), channels, { kernel: 3, stride: 2, before: 'relu' })];
}

function head(input: TensorShape, classes: number, norm = false): NetworkHead {
  return { input, norm, activation: norm ? 'relu' : 'none', classifier: { inFeatures: input.channels, outFeatures: classes } };
}

interface CellOutputPlan {
  readonly outputNodes: readonly number[];
  readonly zeroedNodes: readonly number[];
}

/** Evaluation: the cell's own rule. Supernet: all nodes, where only loose ends count the others multiplied by 0. */
function cellOutput(cell: Cell, placement: ResolvedPlacement): CellOutputPlan {
  if (placement.network !== 'supernet') return { outputNodes: outputNodes(cell), zeroedNodes: [] };
  const own = Array.from({ length: cell.nodes - cell.inputs }, (_, index) => cell.inputs + index);
  const looseOnly = (placement.supernetOutput ?? (cell.output.kind === 'loose-ends' ? 'loose-ends' : 'all-nodes')) === 'loose-ends';
  const left = new Set(looseOnly ? cell.edges.map(({ from }) => from) : []);
  return { outputNodes: own, zeroedNodes: own.filter((node) => left.has(node)) };
}

interface UniformPlace extends CellOutputPlan {
  readonly cellIndex: number;
  readonly reads: readonly number[];
  readonly preprocess: readonly (PreprocessLayer | undefined)[];
  readonly channels: number;
  readonly reduction: boolean;
  readonly inSize: number;
}

/** A cell whose nodes all have the same channels; a reduction halves the size on edges that leave a cell input. */
function placeUniformCell(cell: Cell, place: UniformPlace): PlacedCell {
  const { channels, reduction, inSize } = place;
  const innerSize = reduction ? Math.ceil(inSize / 2) : inSize;
  const outer: TensorShape = { channels, size: inSize };
  const inner: TensorShape = { channels, size: innerSize };
  const edges = cell.edges.map(({ from, to, operation }, edgeIndex): PlacedEdge => {
    const strided = reduction && from < cell.inputs;
    if (strided && inSize % 2 === 1 && operation.kind === 'primitive' && isEvenPool(operation.name))
      throw DomainError.invalid(
        `architecture.cells[${place.cellIndex}].edges[${edgeIndex}].operation`,
        `${operation.name} needs an even size, not ${inSize}`,
        'INVALID_PLACEMENT',
      );
    return {
      cellIndex: place.cellIndex,
      edgeIndex,
      from,
      to,
      operation,
      inChannels: channels,
      outChannels: channels,
      stride: strided ? 2 : 1,
      inSize: from < cell.inputs ? inSize : innerSize,
      outSize: innerSize,
    };
  });
  return {
    kind: 'cell',
    cellIndex: place.cellIndex,
    reduction,
    reads: place.reads,
    preprocess: place.preprocess,
    nodes: Array.from({ length: cell.nodes }, (_, node) => (node < cell.inputs ? outer : inner)),
    edges,
    outputNodes: place.outputNodes,
    zeroedNodes: place.zeroedNodes,
    output: { channels: place.outputNodes.length * channels, size: innerSize },
  };
}

/** Three stages of `layers` cells at C, 2C, 4C with residual reductions between them, then BN-ReLU (Dong & Yang 2020). */
function placeNasBench201(cells: readonly Cell[], placement: ResolvedPlacement): Network {
  const { channels: first, layers, imageSize, classes } = placement;
  const stem = conv(image(imageSize), first, { kernel: 3 });
  const blocks: PlacedBlock[] = [];
  let shape = outputOf(stem);
  for (let stage = 0; stage < 3; stage++) {
    if (stage > 0) {
      const reduction = residualReduction(shape, blocks.length - 1);
      blocks.push(reduction);
      shape = reduction.output;
    }
    for (let layer = 0; layer < layers; layer++) {
      blocks.push(
        placeUniformCell(cells[0]!, {
          cellIndex: 0,
          reads: [blocks.length - 1],
          preprocess: [undefined],
          channels: shape.channels,
          reduction: false,
          inSize: shape.size,
          outputNodes: outputNodes(cells[0]!),
          zeroedNodes: [],
        }),
      );
    }
  }
  return { kind: 'nasbench201', imageSize, imageChannels: 3, classes, stem: [stem], blocks, head: head(shape, classes, true), norm: 'affine', shared: false };
}

function residualReduction(input: TensorShape, read: number): ResidualReduction {
  if (input.size % 2 === 1)
    throw DomainError.invalid('placement.imageSize', `the residual reduction needs an even size, not ${input.size}`, 'INVALID_PLACEMENT');
  const a = conv(input, 2 * input.channels, { kernel: 3, stride: 2, before: 'relu' });
  const b = conv(outputOf(a), 2 * input.channels, { kernel: 3, before: 'relu' });
  return { kind: 'residual-reduction', reads: [read], a, b, input, output: outputOf(b) };
}

function placeExplicit(cells: readonly Cell[], skeleton: ExplicitSkeleton): Network {
  const { imageSize, classes } = skeleton;
  const stem = conv(image(imageSize), skeleton.stem.channels, { kernel: skeleton.stem.kernel, stride: skeleton.stem.stride, after: skeleton.stem.activation });
  const indexOf = new Map(cells.map(({ name }, index) => [name, index]));
  const shapes = explicitShapes(cells, skeleton, ({ field, description }) => {
    throw DomainError.invalid(field, description, 'INVALID_ARCHITECTURE');
  });
  const blocks = skeleton.placements.map((placement, position): PlacedCell => {
    const cellIndex = indexOf.get(placement.cell)!;
    const cell = cells[cellIndex]!;
    const { nodes, output } = shapes[position]!;
    return {
      kind: 'cell',
      cellIndex,
      reduction: output.size < nodes[0]!.size,
      reads: placement.reads,
      preprocess: placement.reads.map(() => undefined),
      nodes,
      edges: cell.edges.map(({ from, to, operation, stride = 1 }, edgeIndex): PlacedEdge => ({
        cellIndex,
        edgeIndex,
        from,
        to,
        operation,
        inChannels: nodes[from]!.channels,
        outChannels: nodes[to]!.channels,
        stride,
        inSize: nodes[from]!.size,
        outSize: nodes[to]!.size,
      })),
      outputNodes: outputNodes(cell),
      zeroedNodes: [],
      output,
    };
  });
  const last = blocks.at(-1)!.output;
  const finalConv = skeleton.head.conv === undefined ? undefined : conv(last, skeleton.head.conv.channels, { kernel: 1, after: skeleton.head.conv.activation });
  return {
    kind: 'explicit',
    imageSize,
    imageChannels: 3,
    classes,
    stem: [stem],
    blocks,
    head: {
      input: last,
      ...(finalConv === undefined ? {} : { conv: finalConv }),
      norm: false,
      activation: skeleton.head.activation,
      classifier: { inFeatures: finalConv?.outChannels ?? last.channels, outFeatures: classes },
    },
    norm: 'affine',
    shared: false,
  };
}
