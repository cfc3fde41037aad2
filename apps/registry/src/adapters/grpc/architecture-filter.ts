import { parseFilter } from '@nat/service';
import type { ArchitectureFilter } from '../../store.ts';

const LABEL = 'labels.';
const FIELDS: readonly string[] = ['identity', 'display_name', 'parent_architecture'];

/** Reads `identity="..." AND display_name="..." AND labels.key="..." AND parent_architecture="..."`. @throws DomainError INVALID_ARGUMENT */
export function readArchitectureFilter(text: string): ArchitectureFilter {
  const isField = (field: string): boolean => FIELDS.includes(field) || (field.startsWith(LABEL) && field.length > LABEL.length);
  const terms = parseFilter(text, isField, `${FIELDS.join(', ')}, labels.*`);
  const valueOf = (field: string): string | undefined => terms.find((term) => term.field === field)?.value;
  const identity = valueOf('identity');
  const displayName = valueOf('display_name');
  const parentArchitecture = valueOf('parent_architecture');
  return {
    ...(identity === undefined ? {} : { identity }),
    ...(displayName === undefined ? {} : { displayName }),
    ...(parentArchitecture === undefined ? {} : { parentArchitecture }),
    labels: Object.fromEntries(terms.filter(({ field }) => field.startsWith(LABEL)).map(({ field, value }) => [field.slice(LABEL.length), value])),
  };
}
