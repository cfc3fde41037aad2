/**
 * What an operation is, in numbers. A policy reads these beside a learned embedding, so operations it has seen little of,
 * or only in another space, still mean something to it.
 */
import { PRIMITIVES, type PrimitiveName } from '@nat/cells';

const KINDS = ['null', 'skip', 'max-pool', 'avg-pool', 'full', 'separable', 'dilated', 'factorised', 'depthwise', 'fixed'] as const;
type Kind = (typeof KINDS)[number];

/** Kind and kernel of every primitive. */
const DESCRIPTIONS = {
  null: ['null', 0],
  skip_connect: ['skip', 0],
  max_pool_2x2: ['max-pool', 2],
  max_pool_3x3: ['max-pool', 3],
  max_pool_5x5: ['max-pool', 5],
  avg_pool_2x2: ['avg-pool', 2],
  avg_pool_3x3: ['avg-pool', 3],
  avg_pool_5x5: ['avg-pool', 5],
  sep_conv_1x1: ['separable', 1],
  sep_conv_3x3: ['separable', 3],
  sep_conv_5x5: ['separable', 5],
  sep_conv_7x7: ['separable', 7],
  dil_conv_1x1: ['dilated', 1],
  dil_conv_3x3: ['dilated', 3],
  dil_conv_5x5: ['dilated', 5],
  conv_1x1: ['full', 1],
  conv_3x3: ['full', 3],
  conv_5x5: ['full', 5],
  conv_1x3_3x1: ['factorised', 3],
  conv_1x7_7x1: ['factorised', 7],
  conv_7x1_1x7: ['factorised', 7],
  dw_conv_3x3: ['depthwise', 3],
} as const satisfies Record<PrimitiveName, readonly [Kind, number]>;

const CONVOLUTIONS: ReadonlySet<Kind> = new Set(['full', 'separable', 'dilated', 'factorised', 'depthwise']);

function describe(kind: Kind, kernel: number): readonly number[] {
  return [...KINDS.map((other) => (other === kind ? 1 : 0)), CONVOLUTIONS.has(kind) ? 1 : 0, kernel / 7];
}

/** One row an embedding table: every primitive in the order of PRIMITIVES, then one row for all `fixed` operations. */
export const OPERATION_FEATURES: readonly (readonly number[])[] = [
  ...PRIMITIVES.map((name) => describe(DESCRIPTIONS[name][0], DESCRIPTIONS[name][1])),
  describe('fixed', 0),
];

/** Rows of the embedding tables. */
export const OPERATION_ROWS = OPERATION_FEATURES.length;

/** Numbers in a row of OPERATION_FEATURES: one-hot kind, any convolution, kernel / 7. */
export const OPERATION_FEATURE_COUNT = OPERATION_FEATURES[0]!.length;

/** The row of all `fixed` operations; a primitive's row is its `primitiveIndex`. */
export const FIXED_ROW = PRIMITIVES.length;
