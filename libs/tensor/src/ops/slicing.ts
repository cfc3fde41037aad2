import { FLOAT, INT, differentiable, runOne } from './raw-operation.ts';
import type { Tensor, Tensor4D, Tensorflow } from '../tensorflow-types.ts';

export type Size2D = readonly [height: number, width: number];

/**
 * Every stride-th pixel: x[:, offset::stride, offset::stride, :], from an offset below the stride on. Taken as one slice of [batch, rows, stride, columns, stride,
 * channels]: libtensorflow's strided slice and its gradient take 10-20 times as long.
 */
export function subsample(tf: Tensorflow, x: Tensor4D, stride: number | Size2D, offset: number | Size2D = 0): Tensor4D {
  const [strideY, strideX] = typeof stride === 'number' ? [stride, stride] : stride;
  const [offsetY, offsetX] = typeof offset === 'number' ? [offset, offset] : offset;
  if (strideY === 1 && strideX === 1 && offsetY === 0 && offsetX === 0) return x;
  const [batch, height, width, channels] = x.shape;
  const rows = Math.ceil((height - offsetY) / strideY);
  const columns = Math.ceil((width - offsetX) / strideX);
  // One more phase row or column where the first `offset` ones push the last out.
  const gridRows = Math.max(rows, Math.ceil(height / strideY));
  const gridColumns = Math.max(columns, Math.ceil(width / strideX));
  const missing: [number, number][] = [
    [0, 0],
    [0, gridRows * strideY - height],
    [0, gridColumns * strideX - width],
    [0, 0],
  ];
  const isWhole = missing.every(([, after]) => after === 0);
  const grid = [batch, gridRows, strideY, gridColumns, strideX, channels];
  const begin = [0, 0, offsetY, 0, offsetX, 0];
  const size = [batch, rows, 1, columns, 1, channels];
  const around = size.flatMap((n, d) => [begin[d]!, grid[d]! - begin[d]! - n]);
  return differentiable(
    tf,
    [x],
    () => {
      const source = isWhole ? x : tf.pad(x, missing);
      const slice = runOne(tf, 'Slice', { T: FLOAT, Index: INT }, [source.reshape(grid), tf.tensor1d(begin, 'int32'), tf.tensor1d(size, 'int32')]);
      return slice.reshape([batch, rows, columns, channels]);
    },
    (dy) => {
      const spread = runOne(tf, 'Pad', { T: FLOAT, Tpaddings: INT }, [dy.reshape(size), tf.tensor2d(around, [6, 2], 'int32')]);
      const padded: Tensor = spread.reshape([batch, gridRows * strideY, gridColumns * strideX, channels]);
      return [isWhole ? padded : tf.slice(padded, [0, 0, 0, 0], x.shape)];
    },
  );
}
