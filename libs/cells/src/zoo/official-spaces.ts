/** The operation lists of the official repositories: what a policy of theirs knows, and what their supernets hold. */
import type { Architecture, Cell } from '../cell/types.ts';
import type { PrimitiveName } from '../primitives/primitives.ts';

/** `FULLY_CONCAT`: DARTS-like cells of 4 steps whose output concatenates every node. `LOOSE_END`: ENAS-like cells of 5 steps. */
export type OperationType = 'FULLY_CONCAT_PRIMITIVES' | 'LOOSE_END_PRIMITIVES';
export type OfficialRepository = 'NAT' | 'NATv2';

export interface OfficialSpace {
  readonly repository: OfficialRepository;
  readonly operationType: OperationType;
  /** In the official order: an operation's position is its index in policies and supernets. */
  readonly primitives: readonly PrimitiveName[];
  /** Intermediate nodes of a cell, two edges into each. */
  readonly steps: number;
}

const NATV2_PRIMITIVES: readonly PrimitiveName[] = [
  'max_pool_3x3',
  'max_pool_5x5',
  'avg_pool_3x3',
  'avg_pool_5x5',
  'skip_connect',
  'sep_conv_3x3',
  'sep_conv_5x5',
  'dil_conv_3x3',
  'dil_conv_5x5',
  'conv_1x1',
  'conv_3x3',
  'conv_5x5',
  'null',
];

/** The four spaces of the two repositories. */
export const OFFICIAL_SPACES: readonly OfficialSpace[] = [
  {
    repository: 'NAT',
    operationType: 'FULLY_CONCAT_PRIMITIVES',
    primitives: ['max_pool_3x3', 'avg_pool_3x3', 'skip_connect', 'sep_conv_3x3', 'sep_conv_5x5', 'dil_conv_3x3', 'dil_conv_5x5', 'conv_3x3', 'null'],
    steps: 4,
  },
  {
    repository: 'NAT',
    operationType: 'LOOSE_END_PRIMITIVES',
    primitives: ['max_pool_3x3', 'avg_pool_3x3', 'skip_connect', 'sep_conv_3x3', 'sep_conv_5x5', 'conv_1x1', 'conv_3x3', 'conv_5x5', 'null'],
    steps: 5,
  },
  { repository: 'NATv2', operationType: 'FULLY_CONCAT_PRIMITIVES', primitives: NATV2_PRIMITIVES, steps: 4 },
  { repository: 'NATv2', operationType: 'LOOSE_END_PRIMITIVES', primitives: NATV2_PRIMITIVES, steps: 5 },
];

/** The space of a repository and operation type. */
export function officialSpace(repository: OfficialRepository, operationType: OperationType): OfficialSpace {
  return OFFICIAL_SPACES.find((space) => space.repository === repository && space.operationType === operationType)!;
}

/**
 * The whole supernet of an official space as an architecture: between every two nodes every operation, edge e of the official
 * order (e = (to - 2)(to + 1) / 2 + from) and operation o at position e * operations + o. Its supernet cost has all parameters.
 */
export function supernetArchitecture(space: Pick<OfficialSpace, 'operationType' | 'primitives' | 'steps'>): Architecture {
  const nodes = space.steps + 2;
  const edges: Cell['edges'][number][] = [];
  for (let to = 2; to < nodes; to++)
    for (let from = 0; from < to; from++) for (const name of space.primitives) edges.push({ from, to, operation: { kind: 'primitive', name } });
  const output: Cell['output'] =
    space.operationType === 'LOOSE_END_PRIMITIVES'
      ? { kind: 'loose-ends' }
      : { kind: 'concat', nodes: Array.from({ length: space.steps }, (_, step) => step + 2) };
  return { cells: ['normal', 'reduce'].map((name) => ({ name, inputs: 2, nodes, edges, output })), skeleton: { kind: 'repeated' } };
}
