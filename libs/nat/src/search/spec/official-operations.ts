import { findZooEntry, officialSpace, type OfficialSpace, type OperationType, type SchemeName } from '@nat/cells';
import { blockOperations, isBlockSpaceName } from '../spaces/block-spaces.ts';
import type { SourceSpec } from './search-spec.ts';

/** The official list of operations that holds all of the sources'; undefined where none does. */
export function officialOperations(sources: SourceSpec, scheme: SchemeName): OfficialSpace | undefined {
  const repository = scheme === 'nat' ? 'NAT' : 'NATv2';
  if (sources.kind === 'zoo') return operationsOfZoo(sources.name, repository);
  if (isBlockSpaceName(sources.space)) return blockOperations(sources.space, scheme);
  if (sources.space === 'darts') return officialSpace(repository, 'FULLY_CONCAT_PRIMITIVES');
  return sources.space === 'enas' ? officialSpace(repository, 'LOOSE_END_PRIMITIVES') : undefined;
}

function operationsOfZoo(name: string, repository: OfficialSpace['repository']): OfficialSpace | undefined {
  const entry = findZooEntry(name);
  if (entry?.operationType === undefined) return undefined;
  const official = officialSpace(repository, entry.operationType);
  const known: ReadonlySet<string> = new Set(official.primitives);
  const fits = entry.architecture().cells.every(({ edges }) => edges.every(({ operation }) => operation.kind === 'primitive' && known.has(operation.name)));
  return fits ? official : undefined;
}

/** The supernet that scores the sources and what becomes of them. */
export interface SupernetKind {
  readonly wiring: OperationType;
  /** Whose list of operations it has. */
  readonly operations: SchemeName;
}

export function supernetKind(sources: SourceSpec, scheme: SchemeName): SupernetKind {
  const official = officialOperations(sources, scheme);
  return { wiring: official?.operationType ?? 'FULLY_CONCAT_PRIMITIVES', operations: official?.repository === 'NATv2' ? 'nat++' : 'nat' };
}
