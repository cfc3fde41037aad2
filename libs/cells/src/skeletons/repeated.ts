import { imageShape, type GraphOutput, type Value } from '@nat/graph';
import { outputNodes, type TensorShape } from '../cell/shapes.ts';
import type { Cell } from '../cell/types.ts';
import { lowerCell, type CellPlace, type Sharing } from '../lower/lower-cell.ts';
import { convBlock, Lowering, type LowerOptions, type LoweredArchitecture } from '../lower/lowering.ts';
import type { PrimitiveName } from '../primitives/primitives.ts';
import type { ResolvedPlacement } from './placement.ts';

/**
 * Cells `normal` and `reduce` in a row, reductions at layers // 3 and 2 * layers // 3, which double the channels (official NetworkCIFAR,
 * NetworkImageNet, NASNetwork). Every cell reads the two before it.
 */
export function lowerRepeated(lowering: Lowering, cells: readonly Cell[], placement: ResolvedPlacement, options: LowerOptions): readonly GraphOutput[] {
  const { network, layers, classes } = placement;
  const supernet = network === 'supernet';
  const stem = lowerStem(lowering, placement);
  const keyOf = sharedKeys(options);
  const values: Value[] = []; // of the cells
  const outputs: GraphOutput[] = [];
  let { channels } = placement;
  let previousReduced = network === 'imagenet';
  const read = (index: number): Value => (index < 0 ? stem.at(index)! : values[index]!);
  for (let layer = 0; layer < layers; layer++) {
    const reduction = isReduction(layer, layers);
    if (reduction) channels *= 2;
    const older = layer >= 2 || network === 'imagenet' ? layer - 2 : -1;
    const reads = [older, layer - 1];
    const cellIndex = reduction ? 1 : 0;
    const cell = cells[cellIndex]!;
    const inputs = preprocess(lowering, { layer, reads: reads.map(read), channels, afterReduction: previousReduced, affine: !supernet });
    const [, height, width] = imageShape(lowering.typeOf(inputs[1]!));
    const output = lowerCell(lowering, cell, {
      cellIndex,
      reads,
      reduction,
      inputs,
      shapes: nodeShapes(cell, { channels, height, width }, reduction),
      strideOf: ({ from }) => (reduction && from < cell.inputs ? 2 : 1),
      ...cellOutput(cell, placement),
      affine: !supernet,
      sharing: supernet ? { keyOf } : undefined,
    });
    const rectified = options.auxiliary === true && layer === auxiliaryLayer(placement) ? lowerAuxiliary(lowering, output, classes, outputs) : output;
    values.push(rectified);
    previousReduced = reduction;
  }
  return [lowering.head(values.at(-1)!, classes, { norm: false, activation: 'none' }), ...outputs];
}

function isReduction(layer: number, layers: number): boolean {
  return layer === Math.floor(layers / 3) || layer === Math.floor((2 * layers) / 3);
}

/** The cell whose output an auxiliary head reads. */
function auxiliaryLayer({ layers }: ResolvedPlacement): number {
  return Math.floor((2 * layers) / 3);
}

/** True for an evaluation network whose image is large enough for the auxiliary head: 5 x 5 windows at stride 3 leave 2 x 2. */
export function hasAuxiliaryHead(placement: ResolvedPlacement): boolean {
  const { network, layers, height, width } = placement;
  if (network !== 'evaluation') return false;
  let [rows, columns] = [height, width];
  for (let layer = 0; layer <= auxiliaryLayer(placement); layer++) {
    if (isReduction(layer, layers)) [rows, columns] = [Math.ceil(rows / 2), Math.ceil(columns / 2)];
  }
  return [rows, columns].every((side) => Math.floor((side - 5) / 3) === 1);
}

export interface RepeatedCellOptions {
  readonly channels: number;
  /** What the cell reads: the value of the cell before the last, and that of the last. */
  readonly reads: readonly [TensorShape, TensorShape];
  readonly reduction: boolean;
  /** The cell before was a reduction, so the older value is twice as large. */
  readonly afterReduction: boolean;
  readonly affine: boolean;
  /** Nodes concatenated, and those of them that are multiplied by 0. @default the cell's own rule, and none */
  readonly outputNodes?: readonly number[];
  readonly zeroedNodes?: readonly number[];
  /** Named as in a supernet of these operations. @default as in an evaluation network */
  readonly sharedOperations?: readonly PrimitiveName[];
}

/** One cell of a repeated network by itself, reading two values: its preprocessing is `cells.0.preprocess0` and `cells.0.preprocess1`. */
export function lowerRepeatedCell(cell: Cell, options: RepeatedCellOptions): Pick<LoweredArchitecture, 'graph' | 'types' | 'edges'> {
  const { channels, reads, reduction, afterReduction, affine, zeroedNodes = [], sharedOperations } = options;
  const lowering = new Lowering({ s0: reads[0], s1: reads[1] });
  const inputs = preprocess(lowering, { layer: 0, reads: lowering.inputs, channels, afterReduction, affine });
  const value = lowerCell(lowering, cell, {
    cellIndex: 0,
    reads: [-2, -1],
    reduction,
    inputs,
    shapes: nodeShapes(cell, { ...reads[1], channels }, reduction),
    strideOf: ({ from }) => (reduction && from < cell.inputs ? 2 : 1),
    outputNodes: options.outputNodes ?? outputNodes(cell),
    zeroedNodes,
    affine,
    sharing: sharedOperations === undefined ? undefined : { keyOf: sharedKeys({ sharedOperations }) },
  });
  const { builder, edges } = lowering;
  return { graph: builder.finish([{ name: 'value', value }]), types: builder.types, edges };
}

/** The stem; an ImageNet network has two, `stem0` of two convolutions and `stem1`, and cells read both. */
function lowerStem(lowering: Lowering, { network, channels }: ResolvedPlacement): readonly Value[] {
  if (network !== 'imagenet') return [convBlock(lowering.module('stem'), '', lowering.image, 3 * channels, { kernel: 3 })];
  const first = convBlock(lowering.module('stem0', 'stem0.0'), '', lowering.image, Math.floor(channels / 2), { kernel: 3, stride: 2, after: 'relu' });
  const stem0 = convBlock(lowering.module('stem0', 'stem0.3'), '', first, channels, { kernel: 3, stride: 2, first: 3 });
  return [stem0, convBlock(lowering.module('stem1'), '', stem0, channels, { kernel: 3, stride: 2, before: 'relu' })];
}

interface Preprocessing {
  readonly layer: number;
  readonly reads: readonly Value[];
  readonly channels: number;
  /** The older input is still twice as large. */
  readonly afterReduction: boolean;
  readonly affine: boolean;
}

/** Brings what a cell reads to the cell's channels, and the older of it to the size of the newer. */
function preprocess(lowering: Lowering, { layer, reads, channels, afterReduction, affine }: Preprocessing): readonly Value[] {
  return reads.map((value, input) => {
    const module = lowering.module(`cells.${layer}.preprocess${input}`);
    if (input === 0 && afterReduction) return module.factorizedReduce(value, channels, affine);
    return convBlock(module, 'op.', value, channels, { kernel: 1, before: 'relu', affine });
  });
}

/** All nodes have the same channels; in a reduction the cell's own nodes have half the size. */
function nodeShapes({ inputs, nodes }: Cell, outer: TensorShape, reduction: boolean): readonly TensorShape[] {
  const inner = reduction ? { ...outer, height: Math.ceil(outer.height / 2), width: Math.ceil(outer.width / 2) } : outer;
  return Array.from({ length: nodes }, (_, node) => (node < inputs ? outer : inner));
}

/** Evaluation: the cell's own rule. Supernet: all nodes, where only loose ends count the others multiplied by 0. */
function cellOutput(cell: Cell, placement: ResolvedPlacement): Pick<CellPlace, 'outputNodes' | 'zeroedNodes'> {
  if (placement.network !== 'supernet') return { outputNodes: outputNodes(cell), zeroedNodes: [] };
  const own = Array.from({ length: cell.nodes - cell.inputs }, (_, index) => cell.inputs + index);
  const looseOnly = (placement.supernetOutput ?? (cell.output.kind === 'loose-ends' ? 'loose-ends' : 'all-nodes')) === 'loose-ends';
  const left = new Set(looseOnly ? cell.edges.map(({ from }) => from) : []);
  return { outputNodes: own, zeroedNodes: own.filter((node) => left.has(node)) };
}

function sharedKeys({ sharedOperations }: LowerOptions): Sharing['keyOf'] {
  return (name) => {
    if (sharedOperations === undefined) return name;
    const position = sharedOperations.findIndex((other) => other === name);
    if (position < 0) throw new RangeError(`${name} is no operation of this supernet: ${sharedOperations.join(', ')}`);
    return position;
  };
}

/**
 * The auxiliary head: ReLU, average pool 5x5 with stride 3, Conv1x1 to 128, BN, ReLU, Conv2x2 to 768, BN, ReLU, linear layer. The official code
 * rectifies in place, so whoever else reads the block sees it rectified.
 */
function lowerAuxiliary(lowering: Lowering, block: Value, classes: number, outputs: GraphOutput[]): Value {
  const rectified = lowering.module('auxiliary_head.rectified').activation('', block);
  const features = lowering.module('auxiliary_head.features');
  const pooled = features.pool('1', 'avg_pool', rectified, 5, 3);
  const reduced = features.activation('4', features.batchNorm('3', features.convolution('2', pooled, 128, 1), true));
  const wide = features.activation('7', features.batchNorm('6', features.convolution('5', reduced, 768, 2, { padding: [0, 0, 0, 0] }), true));
  outputs.push({ name: 'auxiliary_logits', value: lowering.module('auxiliary_head.classifier').classifier(wide, classes) });
  return rectified;
}
