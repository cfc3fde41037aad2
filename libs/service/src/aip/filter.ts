import { DomainError } from '@nat/base/errors';

/** One `field = value` of a filter. */
export interface FilterTerm {
  readonly field: string;
  readonly value: string;
}

const TERM = /\s*([A-Za-z_][\w.-]*)\s*=\s*("(?:[^"\\\p{Cc}]|\\["\\])*"|[^\s"=\p{Cc}]+)(?=\s|$)/uy;
const AND = /\s+AND(?=\s)/y;

/**
 * Reads equality terms joined by AND: `state="RUNNING" AND labels.team="vision"`. Words and numbers need no quotes; in quotes `\"` and `\\` stand for
 * themselves. An empty filter has no terms. Throws INVALID_ARGUMENT, reason INVALID_FILTER, for anything else, unknown fields and repeated ones.
 *
 * @param isField which fields can be filtered by
 * @param known what they are, for the message
 */
export function parseFilter(filter: string, isField: (field: string) => boolean, known: string): readonly FilterTerm[] {
  const refuse = (description: string): DomainError => DomainError.invalid('filter', description, 'INVALID_FILTER');
  const terms: FilterTerm[] = [];
  if (filter.trim() === '') return terms;
  for (let position = 0; ;) {
    TERM.lastIndex = position;
    const match = TERM.exec(filter);
    const [whole, field, text] = match ?? [];
    if (whole === undefined || field === undefined || text === undefined) throw refuse(`expected field="value" at character ${position + 1}`);
    if (!isField(field)) throw refuse(`${field} cannot be filtered by: ${known} can`);
    if (terms.some((term) => term.field === field)) throw refuse(`${field} is there twice`);
    terms.push({ field, value: text.startsWith('"') ? text.slice(1, -1).replaceAll(/\\(.)/g, '$1') : text });
    position += whole.length;
    if (filter.slice(position).trim() === '') return terms;
    AND.lastIndex = position;
    const and = AND.exec(filter);
    if (and === null) throw refuse(`expected AND at character ${position + 1}`);
    position += and[0].length;
  }
}
