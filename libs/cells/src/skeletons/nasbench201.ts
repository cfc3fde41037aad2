import { DomainError } from '@nat/base/errors';
import { imageShape, type GraphOutput, type Value } from '@nat/graph';
import { outputNodes } from '../cell/shapes.ts';
import type { Cell } from '../cell/types.ts';
import { lowerCell } from '../lower/lower-cell.ts';
import { convBlock, type Lowering } from '../lower/lowering.ts';
import type { ResolvedPlacement } from './placement.ts';

/** Three stages of `layers` cells at C, 2C, 4C with residual reductions between them, then BN-ReLU (Dong & Yang 2020). */
export function lowerNasBench201(lowering: Lowering, cells: readonly Cell[], { channels, layers, classes }: ResolvedPlacement): readonly GraphOutput[] {
  const cell = cells[0]!;
  let value = convBlock(lowering.module('stem'), '', lowering.image, channels, { kernel: 3 });
  for (let stage = 0; stage < 3; stage++) {
    if (stage > 0) value = lowerReduction(lowering, value);
    for (let layer = 0; layer < layers; layer++) {
      const [width, rows, columns] = imageShape(lowering.typeOf(value));
      value = lowerCell(lowering, cell, {
        cellIndex: 0,
        reads: [lowering.blocks.length - 1],
        reduction: false,
        inputs: [value],
        shapes: Array.from({ length: cell.nodes }, () => ({ channels: width, height: rows, width: columns })),
        strideOf: () => 1,
        outputNodes: outputNodes(cell),
        zeroedNodes: [],
        affine: true,
      });
    }
  }
  return [lowering.head(value, classes, { norm: true, activation: 'relu' })];
}

/**
 * conv_b(conv_a(x)) + downsample(x), with `a` ReLU-Conv3x3-BN of stride 2, `b` the same of stride 1, and the shortcut a 2x2 average pool of stride 2,
 * then a 1x1 convolution without BN.
 */
function lowerReduction(lowering: Lowering, x: Value): Value {
  const [channels, height, width] = imageShape(lowering.typeOf(x));
  const odd = [height, width].find((side) => side % 2 === 1);
  if (odd !== undefined) throw DomainError.invalid('placement.imageSize', `the residual reduction needs an even size, not ${odd}`, 'INVALID_PLACEMENT');
  const name = `cells.${lowering.blocks.length}`;
  const a = convBlock(lowering.module(`${name}.conv_a`), 'op.', x, 2 * channels, { kernel: 3, stride: 2, before: 'relu' });
  const b = convBlock(lowering.module(`${name}.conv_b`), 'op.', a, 2 * channels, { kernel: 3, before: 'relu' });
  const pooled = lowering.module(`${name}.downsample.0`).pool('', 'avg_pool', x, 2, 2);
  // The shortcut is added in place, so convolution and sum are one module.
  const shortcut = lowering.module(`${name}.downsample.1`).convolution('', pooled, 2 * channels, 1);
  const output = lowering.module(`${name}.add`, `${name}.downsample.1`).node('add', '', {}, [b, shortcut]);
  lowering.blocks.push({ cell: undefined, reads: [lowering.blocks.length - 1], reduction: true, inputs: [x], output });
  return output;
}
