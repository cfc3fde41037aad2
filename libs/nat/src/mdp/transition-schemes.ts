/**
 * Transition schemes: what an operation may become.
 *
 * `nat` (Guo et al. 2019): by the actions null, same, skip. `nat++` (2021): the lattice of cheaper types and kernels. Both
 * official operation types have the same table. An operation without an official row gets keep, skip, null.
 *
 * In official mode a row is the official one, entry by entry: duplicates count as actions of their own, and cost may rise. By
 * default a row is masked: see `EditSpace`.
 */
import { primitiveIndex, type PrimitiveName, PRIMITIVE_NAMES, type SchemeName } from '@nat/cells';

/** The actions of `nat`, in the official order: a row's position is the action. */
export const NAT_ACTIONS = ['null', 'same', 'skip_connect'] as const;

/** The official rows of NAT++, in the official order: a row's position is the action. */
const NATPP_ROWS: Partial<Readonly<Record<PrimitiveName, readonly PrimitiveName[]>>> = {
  conv_5x5: [
    'conv_5x5',
    'conv_3x3',
    'conv_1x1',
    'sep_conv_5x5',
    'sep_conv_3x3',
    'dil_conv_5x5',
    'dil_conv_3x3',
    'max_pool_5x5',
    'max_pool_3x3',
    'avg_pool_5x5',
    'avg_pool_3x3',
    'skip_connect',
    'null',
  ],
  conv_3x3: ['conv_3x3', 'conv_1x1', 'sep_conv_3x3', 'dil_conv_3x3', 'max_pool_3x3', 'avg_pool_3x3', 'skip_connect', 'null'],
  conv_1x1: ['conv_1x1', 'skip_connect', 'null'],
  sep_conv_5x5: [
    'sep_conv_5x5',
    'sep_conv_3x3',
    'dil_conv_5x5',
    'dil_conv_3x3',
    'max_pool_5x5',
    'max_pool_3x3',
    'avg_pool_5x5',
    'avg_pool_3x3',
    'skip_connect',
    'null',
  ],
  sep_conv_3x3: ['sep_conv_3x3', 'dil_conv_3x3', 'max_pool_3x3', 'avg_pool_3x3', 'skip_connect', 'null'],
  dil_conv_5x5: ['dil_conv_5x5', 'dil_conv_3x3', 'max_pool_5x5', 'max_pool_3x3', 'avg_pool_5x5', 'avg_pool_3x3', 'skip_connect', 'null'],
  dil_conv_3x3: ['dil_conv_3x3', 'max_pool_3x3', 'avg_pool_3x3', 'skip_connect', 'null'],
  avg_pool_5x5: ['avg_pool_5x5', 'avg_pool_3x3', 'max_pool_5x5', 'max_pool_3x3', 'skip_connect', 'null'],
  avg_pool_3x3: ['avg_pool_3x3', 'max_pool_3x3', 'skip_connect', 'null'],
  max_pool_5x5: ['max_pool_5x5', 'max_pool_3x3', 'avg_pool_5x5', 'avg_pool_3x3', 'skip_connect', 'null'],
  max_pool_3x3: ['max_pool_3x3', 'avg_pool_3x3', 'skip_connect', 'null'],
  skip_connect: ['skip_connect', 'null'],
  null: ['skip_connect', 'null'],
};

/** The targets of an operation in the official order, duplicates included. */
export function transitionRow(scheme: SchemeName, name: PrimitiveName): readonly PrimitiveName[] {
  if (scheme === 'nat') return ['null', name, 'skip_connect'];
  return NATPP_ROWS[name] ?? [name, 'skip_connect', 'null'];
}

/** A scheme's rows by primitive index, for inner loops. */
export interface SchemeTable {
  readonly scheme: SchemeName;
  /** Targets as primitive indices. */
  readonly rows: readonly Uint16Array[];
  /** For each row the position that keeps the operation: in `nat` always 1. */
  readonly keep: Uint16Array;
  /** For each row 1 at the positions that repeat another position's target and are masked outside official mode. */
  readonly repeats: readonly Uint8Array[];
}

/** Compiles a scheme. */
export function schemeTable(scheme: SchemeName): SchemeTable {
  const rows = PRIMITIVE_NAMES.map((name) => Uint16Array.from(transitionRow(scheme, name), primitiveIndex));
  const keep = Uint16Array.from(rows, (row, source) => (scheme === 'nat' ? 1 : row.indexOf(source)));
  const repeats = rows.map((row, source) =>
    Uint8Array.from(row, (target, position) => (position === (target === source ? keep[source]! : row.indexOf(target)) ? 0 : 1)),
  );
  return { scheme, rows, keep, repeats };
}
