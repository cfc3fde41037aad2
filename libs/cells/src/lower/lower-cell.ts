import { DomainError } from '@nat/base/errors';
import { imageShape, isActivationFunction, type TensorType, type Value } from '@nat/graph';
import { typeOfShape, type TensorShape } from '../cell/shapes.ts';
import type { Cell, Edge, FixedOperation } from '../cell/types.ts';
import { ModuleBuilder } from '../primitives/module-builder.ts';
import { isEvenPool, operationAt } from '../primitives/operations.ts';
import { PRIMITIVES, type PrimitiveName } from '../primitives/primitives.ts';
import type { Lowering } from './lowering.ts';

/** A supernet's naming: equal operations between the same two nodes of a cell are one set of weights, and pools are followed by a normalisation. */
export interface Sharing {
  /** Position of an operation in the supernet's list, or its name. */
  readonly keyOf: (name: PrimitiveName) => number | string;
}

export interface CellPlace {
  /** Position in `architecture.cells`. */
  readonly cellIndex: number;
  readonly reads: readonly number[];
  readonly reduction: boolean;
  /** Values of the input nodes, after preprocessing. */
  readonly inputs: readonly Value[];
  /** One a node, inputs first. */
  readonly shapes: readonly TensorShape[];
  readonly strideOf: (edge: Edge) => 1 | 2;
  /** Nodes concatenated, in order. */
  readonly outputNodes: readonly number[];
  /** Those of them that are multiplied by 0. */
  readonly zeroedNodes: readonly number[];
  /** Batch normalisations on edges have weight and bias. */
  readonly affine: boolean;
  readonly sharing?: Sharing | undefined;
}

/**
 * Adds a cell: a node's value is the sum of what its edges give, node by node, edges in presented order; the cell's value is the concatenation of its
 * output nodes.
 * @throws DomainError INVALID_ARGUMENT, reason INVALID_PLACEMENT, for an operation that cannot stand where it is
 */
export function lowerCell(lowering: Lowering, cell: Cell, place: CellPlace): Value {
  const block = lowering.blocks.length;
  const name = `cells.${block}`;
  const values = [...place.inputs];
  for (let node = cell.inputs; node < cell.nodes; node++) {
    const terms: Value[] = [];
    cell.edges.forEach((edge, index) => {
      if (edge.to === node) terms.push(lowerEdge(lowering, { cell, edge, index, place, block, from: values[edge.from]! }));
    });
    values.push(lowering.module(`${name}.nodes.${node}`).node('sum', '', {}, terms));
  }
  const zeroed = new Set(place.zeroedNodes);
  const outputs = place.outputNodes.map((node) => {
    if (!zeroed.has(node)) return values[node]!;
    return lowering.module(`${name}.zeroed.${node}`, `${name}.output`).node('zero', '', { type: lowering.typeOf(values[node]!) }, [values[node]!]);
  });
  const output = outputs.length === 1 ? outputs[0]! : lowering.module(`${name}.output`).node('concat', '', { axis: 1 }, outputs);
  const { cellIndex, reads, reduction, inputs } = place;
  lowering.blocks.push({ cell: cellIndex, reads, reduction, inputs, output });
  return output;
}

interface EdgePlace {
  readonly cell: Cell;
  readonly edge: Edge;
  readonly index: number;
  readonly place: CellPlace;
  readonly block: number;
  readonly from: Value;
}

function lowerEdge(lowering: Lowering, { edge, index, place, block, from }: EdgePlace): Value {
  const { operation } = edge;
  const { sharing, affine, cellIndex } = place;
  const stride = place.strideOf(edge);
  const type = typeOfShape(place.shapes[edge.to]!);
  const first = lowering.builder.size;
  const name = `cells.${block}._ops.${index}`;
  let to: Value;
  if (operation.kind === 'fixed') to = lowerFixed(new ModuleBuilder(lowering.builder, { module: name }), operation, from, type, stride);
  else {
    checkStand(operation.name, place, edge, index);
    // Edges of a complete cell of two inputs, by the node they enter.
    const keys = sharing === undefined ? name : `cells.${block}._ops.${((edge.to - 2) * (edge.to + 1)) / 2 + edge.from}._ops.${sharing.keyOf(operation.name)}`;
    const module = new ModuleBuilder(lowering.builder, { module: name, keys });
    const { activation = 'relu' } = operation;
    to = PRIMITIVES[operation.name].emit(module, { from, type, stride, activation, affine, poolNorm: sharing !== undefined });
  }
  const region = { from, to, nodes: [first, lowering.builder.size] } as const;
  lowering.edges.push({ cell: cellIndex, edge: index, block, operation, stride, region });
  return to;
}

function checkStand(name: PrimitiveName, { shapes, cellIndex, strideOf }: CellPlace, edge: Edge, index: number): void {
  const [input, output] = [shapes[edge.from]!, shapes[edge.to]!];
  const stride = strideOf(edge);
  const { fits } = operationAt(name, { inChannels: input.channels, outChannels: output.channels, stride, height: input.height, width: input.width });
  if (fits) return;
  const field = `architecture.cells[${cellIndex}].edges[${index}].operation`;
  const odd = [input.height, input.width].find((side) => side % 2 === 1);
  const reason =
    isEvenPool(name) && stride === 2 && odd !== undefined
      ? `needs an even size, not ${odd}`
      : `cannot stand here: it does not give ${output.channels} channels of ${output.height} x ${output.width}`;
  throw DomainError.invalid(field, `${name} ${reason}`, 'INVALID_PLACEMENT');
}

/** Nodes of a fixed operation that is understood; else one opaque node, priced as declared. */
function lowerFixed(module: ModuleBuilder, { name, params, macs }: FixedOperation, from: Value, type: TensorType, stride: number): Value {
  if (params === 0 && macs === 0) {
    if (isActivationFunction(name)) return module.activation('', from, name);
    if (name === 'zero_pad_shortcut') return zeroPadShortcut(module, from, type, stride);
  }
  return module.node('opaque', '', { operator: name, type, params, macs }, [from]);
}

/** Every stride-th pixel, with zero channels around (He et al. 2016, option A). */
function zeroPadShortcut(module: ModuleBuilder, from: Value, type: TensorType, stride: number): Value {
  const [channels, height, width] = imageShape(module.typeOf(from));
  const [outChannels] = imageShape(type);
  const before = Math.floor((outChannels - channels) / 2);
  const sampled = module.node('slice', 'sample', { axes: [2, 3], starts: [0, 0], ends: [height, width], steps: [stride, stride] }, [from]);
  return module.node('pad', 'pad', { before: [0, before, 0, 0], after: [0, outChannels - channels - before, 0, 0] }, [sampled]);
}
