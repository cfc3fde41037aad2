import { zooArchitecture } from '@nat/cells';
import type { SearchSpace, Source } from './space.ts';

/**
 * One architecture of the zoo: every round starts from it.
 * @throws DomainError NOT_FOUND for an unknown name
 */
export function zooSpace(name: string): SearchSpace {
  const architecture = zooArchitecture(name);
  const source: Source = { text: architecture.name ?? name, architecture };
  return { name, recurring: true, sampleSource: () => source };
}
