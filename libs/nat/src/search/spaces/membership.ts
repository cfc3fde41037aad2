/** Which space an architecture is of, for what a policy knows that was learned there. */
import { architectureIdentity, findZooEntry, type Architecture, type SchemeName } from '@nat/cells';
import { isSpaceName, namedSpace } from './open-space.ts';

/** One of `SPACE_NAMES`, or of the zoo, where case does not count. */
export function isKnownSpace(name: string): boolean {
  return isSpaceName(name) || findZooEntry(name) !== undefined;
}

/** Whether an architecture could be a source of a search on this space; false for a space that is not known. */
export function spaceHolds(space: string, scheme: SchemeName, architecture: Architecture): boolean {
  if (isSpaceName(space)) return namedSpace(space).holds(architecture, scheme);
  const entry = findZooEntry(space);
  return entry !== undefined && architectureIdentity(entry.architecture()) === architectureIdentity(architecture);
}
