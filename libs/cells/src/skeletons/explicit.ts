import { DomainError } from '@nat/base/errors';
import type { GraphOutput, Value } from '@nat/graph';
import { explicitShapes, outputNodes, type ExplicitSkeleton } from '../cell/shapes.ts';
import type { Cell } from '../cell/types.ts';
import { lowerCell } from '../lower/lower-cell.ts';
import { convBlock, type Lowering } from '../lower/lowering.ts';

/** A network written out: a stem, cells in the order given, and a head. @throws DomainError INVALID_ARGUMENT where channels or sizes disagree */
export function lowerExplicit(lowering: Lowering, cells: readonly Cell[], skeleton: ExplicitSkeleton): readonly GraphOutput[] {
  const { stem, placements, head, classes } = skeleton;
  const shapes = explicitShapes(cells, skeleton, ({ field, description }) => {
    throw DomainError.invalid(field, description, 'INVALID_ARCHITECTURE');
  });
  const indexOf = new Map(cells.map(({ name }, index) => [name, index]));
  const stemValue = convBlock(lowering.module('stem'), '', lowering.image, stem.channels, {
    kernel: stem.kernel,
    stride: stem.stride,
    after: stem.activation,
  });
  const values: Value[] = [];
  placements.forEach(({ cell: name, reads }, position) => {
    const cellIndex = indexOf.get(name)!;
    const cell = cells[cellIndex]!;
    const { nodes, output } = shapes[position]!;
    const value = lowerCell(lowering, cell, {
      cellIndex,
      reads,
      reduction: output.height < nodes[0]!.height,
      inputs: reads.map((read) => (read < 0 ? stemValue : values[read]!)),
      shapes: nodes,
      strideOf: ({ stride = 1 }) => stride,
      outputNodes: outputNodes(cell),
      zeroedNodes: [],
      affine: true,
    });
    values.push(value);
  });
  const last = values.at(-1)!;
  const features =
    head.conv === undefined ? last : convBlock(lowering.module('head'), '', last, head.conv.channels, { kernel: 1, after: head.conv.activation });
  return [lowering.head(features, classes, { norm: false, activation: head.activation })];
}
