/** Which space an architecture is of, for what a policy knows that was learned there. */
import { architectureIdentity, findZooEntry, outputNodes, type Architecture, type Cell, type SchemeName } from '@nat/cells';
import { isSpaceName, namedSpace } from './open-space.ts';

/** One of `SPACE_NAMES`, or of the zoo, where case does not count. */
export function isKnownSpace(name: string): boolean {
  return isSpaceName(name) || findZooEntry(name) !== undefined;
}

/** Whether an architecture could be a source of a search on this space; false for a space that is not known. */
export function spaceHolds(space: string, scheme: SchemeName, architecture: Architecture): boolean {
  if (!isSpaceName(space)) {
    const entry = findZooEntry(space);
    return entry !== undefined && architectureIdentity(entry.architecture()) === architectureIdentity(architecture);
  }
  if (space === 'nasbench201') return architecture.skeleton.kind === 'nasbench201';
  const official = namedSpace(space).operations(scheme);
  if (official === undefined || architecture.skeleton.kind !== 'repeated') return false;
  const known: ReadonlySet<string> = new Set(official.primitives);
  const isOfSpace = (cell: Cell): boolean =>
    cell.nodes === cell.inputs + official.steps &&
    cell.edges.every(({ operation }) => operation.kind === 'primitive' && known.has(operation.name)) &&
    (official.operationType === 'LOOSE_END_PRIMITIVES' || outputNodes(cell).length === official.steps);
  return architecture.cells.every(isOfSpace);
}
