import { findZooEntry, officialSpace, type OfficialSpace, type OperationType, type SchemeName } from '@nat/cells';
import { namedSpace } from '../spaces/open-space.ts';
import type { SourceSpec } from './search-spec.ts';

/** The official list of operations that holds all of the sources'; undefined where none does. */
export function officialOperations(sources: SourceSpec, scheme: SchemeName): OfficialSpace | undefined {
  return sources.kind === 'zoo' ? operationsOfZoo(sources.name, scheme) : namedSpace(sources.space).operations(scheme);
}

function operationsOfZoo(name: string, scheme: SchemeName): OfficialSpace | undefined {
  const entry = findZooEntry(name);
  if (entry?.operationType === undefined) return undefined;
  const official = officialSpace(scheme === 'nat' ? 'NAT' : 'NATv2', entry.operationType);
  const known: ReadonlySet<string> = new Set(official.primitives);
  const fits = entry.architecture().cells.every(({ edges }) => edges.every(({ operation }) => operation.kind === 'primitive' && known.has(operation.name)));
  return fits ? official : undefined;
}

/** The supernet that scores the sources and what becomes of them. */
export interface SupernetKind {
  readonly wiring: OperationType;
  /** Whose list of operations it has. */
  readonly operations: SchemeName;
  /** The block of the zoo that its cells have the shape of. */
  readonly block: string | undefined;
}

export function supernetKind(sources: SourceSpec, scheme: SchemeName): SupernetKind {
  const official = officialOperations(sources, scheme);
  return {
    wiring: official?.operationType ?? 'FULLY_CONCAT_PRIMITIVES',
    operations: official?.repository === 'NATv2' ? 'nat++' : 'nat',
    block: sources.kind === 'space' ? namedSpace(sources.space).block : undefined,
  };
}
