import { findZooEntry, listZoo, type Architecture, type OfficialSpace, type SchemeName } from '@nat/cells';
import type { NasBench201Table } from '@nat/datasets';
import { DomainError } from '@nat/base/errors';
import { blockOf, blockOperations, blockSpace, type BlockSpaceName } from './block-spaces.ts';
import { nasBench201Space } from './nasbench201-space.ts';
import { isOfOfficialCells, officialCellsSpace, officialOperations, type OfficialSpaceName } from './official-spaces.ts';
import type { SearchSpace } from './space.ts';
import { zooSpace } from './zoo-space.ts';

export interface OpenSpaceOptions {
  readonly scheme: SchemeName;
  /** Called for `nasbench201` only. */
  readonly loadTable: () => NasBench201Table;
}

/** A space with a name of its own. */
interface NamedSpace {
  readonly open: (options: OpenSpaceOptions) => SearchSpace;
  /** The official list of operations that holds all of the space's; undefined where none does: then neither the GCN nor a supernet reads its cells. */
  readonly operations: (scheme: SchemeName) => OfficialSpace | undefined;
  /** Whether an architecture could be one of its sources. */
  readonly holds: (architecture: Architecture, scheme: SchemeName) => boolean;
  /** The block of the zoo that its cells are around; a supernet of the space has its shape. */
  readonly block?: string;
}

/** By name, all lower-case: written otherwise they are architectures of the zoo. */
const SPACES = {
  nasbench201: {
    open: ({ loadTable }) => nasBench201Space(loadTable()),
    operations: () => undefined,
    holds: ({ skeleton }) => skeleton.kind === 'nasbench201',
  },
  darts: officialCells('darts'),
  enas: officialCells('enas'),
  resblock: aroundBlock('resblock'),
  vgg: aroundBlock('vgg'),
  mobilenetv2: aroundBlock('mobilenetv2'),
} as const satisfies Readonly<Record<string, NamedSpace>>;

export type SpaceName = keyof typeof SPACES;
export const SPACE_NAMES = Object.keys(SPACES) as readonly SpaceName[];

function officialCells(name: OfficialSpaceName): NamedSpace {
  return {
    open: ({ scheme }) => officialCellsSpace(name, scheme),
    operations: (scheme) => officialOperations(name, scheme),
    holds: (architecture, scheme) => isOfOfficialCells(architecture, officialOperations(name, scheme)),
  };
}

function aroundBlock(name: BlockSpaceName): NamedSpace {
  return {
    open: ({ scheme }) => blockSpace(name, scheme),
    operations: (scheme) => blockOperations(name, scheme),
    holds: (architecture, scheme) => isOfOfficialCells(architecture, blockOperations(name, scheme)),
    block: blockOf(name),
  };
}

/** What is known of a space by its name. */
export function namedSpace(name: SpaceName): NamedSpace {
  return SPACES[name];
}

/** Case counts. */
export function isSpaceName(name: string): name is SpaceName {
  return Object.hasOwn(SPACES, name);
}

/**
 * The space of a name, one of `SPACE_NAMES` or of the zoo, where case does not count.
 * @throws DomainError INVALID_ARGUMENT, reason UNKNOWN_SPACE; what `loadTable` throws
 */
export function openSpace(name: string, options: OpenSpaceOptions): SearchSpace {
  if (isSpaceName(name)) return namedSpace(name).open(options);
  if (findZooEntry(name) !== undefined) return zooSpace(name);
  const zoo = listZoo().map((entry) => entry.name);
  throw DomainError.invalid('space', `${name} is none of ${SPACE_NAMES.join(', ')}, nor of the zoo: ${zoo.join(', ')}`, 'UNKNOWN_SPACE');
}
