import { DomainError } from '@nat/base/errors';
import { EVALUATION_KINDS, type EvaluationKindName } from '@nat/convert';
import { parseFilter } from '@nat/service';
import type { EvaluationState } from '../tables/tables.ts';

const STATES: readonly EvaluationState[] = ['QUEUED', 'LEASED', 'SUCCEEDED', 'FAILED', 'POISONED', 'CANCELLED'];
const FIELDS = ['search', 'state', 'kind'];

export interface EvaluationFilter {
  readonly search?: string | undefined;
  readonly state?: EvaluationState | undefined;
  readonly kind?: EvaluationKindName | undefined;
}

/**
 * Reads `search="..." AND state="QUEUED" AND kind="TABULAR"`, any of the terms, or an empty filter; values of enums are those of the contract without their
 * prefix.
 * @throws DomainError INVALID_ARGUMENT INVALID_FILTER
 */
export function readEvaluationFilter(filter: string): EvaluationFilter {
  const terms = new Map(parseFilter(filter, (field) => FIELDS.includes(field), FIELDS.join(', ')).map(({ field, value }) => [field, value]));
  return {
    search: terms.get('search'),
    state: oneOf(terms.get('state'), STATES, 'state', (state) => state),
    kind: oneOf(terms.get('kind'), EVALUATION_KINDS, 'kind', (kind) => kind.replaceAll('-', '_').toUpperCase()),
  };
}

function oneOf<Value extends string>(text: string | undefined, values: readonly Value[], what: string, write: (value: Value) => string): Value | undefined {
  const value = values.find((one) => write(one) === text);
  if (text !== undefined && value === undefined) {
    throw DomainError.invalid('filter', `${text} is no ${what}: ${values.map(write).join(', ')}`, 'INVALID_FILTER');
  }
  return value;
}
