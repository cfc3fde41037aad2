/**
 * What an operation is, in numbers. A policy reads these beside a learned embedding, so operations it has seen little of,
 * or only in another space, still mean something to it.
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

/** One row an embedding table: every primitive in the order of PRIMITIVE_NAMES, then one row for all `fixed` operations. */
export const OPERATION_FEATURES: readonly (readonly number[])[] = [
  ...PRIMITIVE_NAMES.map((name) => describe(primitiveInfo(name).kind, primitiveInfo(name).kernel)),
  describe('fixed', 0),
];

/** Rows of the embedding tables. */
export const OPERATION_ROWS = OPERATION_FEATURES.length;

/** Numbers in a row of OPERATION_FEATURES: one-hot kind, any convolution, kernel / 7. */
export const OPERATION_FEATURE_COUNT = OPERATION_FEATURES[0]!.length;

/** The row of all `fixed` operations; a primitive's row is its `primitiveIndex`. */
export const FIXED_ROW = PRIMITIVE_NAMES.length;
