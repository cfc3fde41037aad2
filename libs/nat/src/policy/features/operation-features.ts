/**
 * What an operation is, in numbers: its kind and its kernel. A policy knows an operation by these alone, so one that it has never seen, or that was
 * added after it was learned, means something to it. Policies of format 1 have a learned embedding for each operation of their time beside them.
 */
import { PRIMITIVE_NAMES, primitiveInfo, type PrimitiveKind } from '@nat/cells';

const KINDS = ['null', 'skip', 'max-pool', 'avg-pool', 'full', 'separable', 'dilated', 'factorized', 'depthwise', 'fixed'] as const satisfies readonly (
  PrimitiveKind | 'fixed'
)[];
type Kind = (typeof KINDS)[number];

const CONVOLUTIONS: ReadonlySet<Kind> = new Set(['full', 'separable', 'dilated', 'factorized', 'depthwise']);

function describe(kind: Kind, kernel: number): readonly number[] {
  return [...KINDS.map((other) => (other === kind ? 1 : 0)), CONVOLUTIONS.has(kind) ? 1 : 0, kernel / 7];
}

/** One row an operation: every primitive in the order of PRIMITIVE_NAMES, then one row for all `fixed` operations. */
export const OPERATION_FEATURES: readonly (readonly number[])[] = [
  ...PRIMITIVE_NAMES.map((name) => describe(primitiveInfo(name).kind, primitiveInfo(name).kernel)),
  describe('fixed', 0),
];

/** Numbers in a row of OPERATION_FEATURES: one-hot kind, any convolution, kernel / 7. */
export const OPERATION_FEATURE_COUNT = OPERATION_FEATURES[0]!.length;

/** The row of all `fixed` operations; a primitive's row is its `primitiveIndex`. */
export const FIXED_ROW = PRIMITIVE_NAMES.length;

/** The operations that policies of format 1 have an embedding for, in the order of their rows; `fixed` stands for all fixed operations. */
export const FORMAT_1_EMBEDDINGS: readonly string[] = [
  'null',
  'skip_connect',
  'max_pool_2x2',
  'max_pool_3x3',
  'max_pool_5x5',
  'avg_pool_2x2',
  'avg_pool_3x3',
  'avg_pool_5x5',
  'sep_conv_1x1',
  'sep_conv_3x3',
  'sep_conv_5x5',
  'sep_conv_7x7',
  'dil_conv_1x1',
  'dil_conv_3x3',
  'dil_conv_5x5',
  'conv_1x1',
  'conv_3x3',
  'conv_5x5',
  'conv_1x3_3x1',
  'conv_1x7_7x1',
  'conv_7x1_1x7',
  'dw_conv_3x3',
  'fixed',
];

/** Row of each operation in a table of embeddings, the table's length for one that has none. [operations + 1] */
export function embeddingRows(embeddings: readonly string[]): Int32Array {
  return Int32Array.from([...PRIMITIVE_NAMES, 'fixed'], (name) => {
    const row = embeddings.indexOf(name);
    return row < 0 ? embeddings.length : row;
  });
}
