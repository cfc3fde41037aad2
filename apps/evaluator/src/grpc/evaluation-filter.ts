import { DomainError } from '@nat/base/errors';
import { parseFilter } from '@nat/service';
import type { EvaluationState } from '../tables/tables.ts';

const STATES: readonly string[] = ['QUEUED', 'LEASED', 'SUCCEEDED', 'FAILED', 'POISONED', 'CANCELLED'] satisfies readonly EvaluationState[];
const FIELDS = ['search', 'state', 'kind'];

export interface EvaluationFilter {
  readonly search?: string;
  readonly state?: EvaluationState;
  readonly kind?: string;
}

/** Reads `search="..." AND state="QUEUED" AND kind="tabular"`, any of the terms, or an empty filter. @throws DomainError INVALID_ARGUMENT INVALID_FILTER */
export function readEvaluationFilter(filter: string): EvaluationFilter {
  const terms = parseFilter(filter, (field) => FIELDS.includes(field), FIELDS.join(', '));
  const state = terms.find(({ field }) => field === 'state')?.value;
  if (state !== undefined && !STATES.includes(state)) throw DomainError.invalid('filter', `${state} is no state: ${STATES.join(', ')}`, 'INVALID_FILTER');
  return Object.fromEntries(terms.map(({ field, value }) => [field, value]));
}
