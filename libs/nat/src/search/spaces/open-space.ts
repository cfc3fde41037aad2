import { findZooEntry, listZoo, type SchemeName } from '@nat/cells';
import type { NasBench201Table } from '@nat/datasets';
import { DomainError } from '@nat/base/errors';
import { blockSpace, isBlockSpaceName } from './block-spaces.ts';
import { nasBench201Space } from './nasbench201-space.ts';
import { officialCellsSpace } from './official-spaces.ts';
import type { SearchSpace } from './space.ts';
import { zooSpace } from './zoo-space.ts';

export interface OpenSpaceOptions {
  readonly scheme: SchemeName;
  /** Called for `nasbench201` only. */
  readonly loadTable: () => NasBench201Table;
}

/** Whether `openSpace` knows the name. Case does not count for the zoo. */
export function isSpaceName(name: string): boolean {
  return name === 'nasbench201' || name === 'darts' || name === 'enas' || isBlockSpaceName(name) || findZooEntry(name) !== undefined;
}

/**
 * The space of a name: `nasbench201`, `darts`, `enas`, `resblock`, `vgg`, `mobilenetv2` (all lower-case; written otherwise they are architectures of
 * the zoo) or a zoo name.
 * @throws DomainError INVALID_ARGUMENT, reason UNKNOWN_SPACE; what `loadTable` throws
 */
export function openSpace(name: string, { scheme, loadTable }: OpenSpaceOptions): SearchSpace {
  if (name === 'nasbench201') return nasBench201Space(loadTable());
  if (name === 'darts' || name === 'enas') return officialCellsSpace(name, scheme);
  if (isBlockSpaceName(name)) return blockSpace(name, scheme);
  if (findZooEntry(name) !== undefined) return zooSpace(name);
  const zoo = listZoo().map((entry) => entry.name);
  throw DomainError.invalid(
    'space',
    `${name} is none of nasbench201, darts, enas, resblock, vgg, mobilenetv2, nor of the zoo: ${zoo.join(', ')}`,
    'UNKNOWN_SPACE',
  );
}
