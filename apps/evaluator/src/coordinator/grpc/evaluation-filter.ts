import { DomainError } from '@nat/errors';
import type { EvaluationState } from '../queue/tables.ts';

const STATES: readonly string[] = ['QUEUED', 'LEASED', 'SUCCEEDED', 'FAILED', 'POISONED', 'CANCELLED'] satisfies readonly EvaluationState[];
const TERM = /^\s*([a-z_]+)\s*=\s*"([^"\\]*)"\s*$/;

export interface EvaluationFilter {
  readonly search?: string;
  readonly state?: EvaluationState;
  readonly kind?: string;
}

/** Reads `search="..." AND state="QUEUED" AND kind="tabular"`, any of the terms, or an empty filter. @throws DomainError INVALID_ARGUMENT */
export function readEvaluationFilter(filter: string): EvaluationFilter {
  if (filter.trim() === '') return {};
  const terms = new Map<string, string>();
  for (const part of filter.split(/\sAND\s/)) {
    const [, name, value] = TERM.exec(part) ?? [];
    if (name === undefined || value === undefined) throw DomainError.invalid('filter', `${JSON.stringify(part.trim())} is not name="value"`, 'INVALID_FILTER');
    if (terms.has(name)) throw DomainError.invalid('filter', `${name} is there twice`, 'INVALID_FILTER');
    terms.set(name, value);
  }
  const filtered: { -readonly [Key in keyof EvaluationFilter]: EvaluationFilter[Key] } = {};
  for (const [name, value] of terms) {
    switch (name) {
      case 'search':
        filtered.search = value;
        break;
      case 'kind':
        filtered.kind = value;
        break;
      case 'state':
        if (!STATES.includes(value)) throw DomainError.invalid('filter', `${value} is no state: ${STATES.join(', ')}`, 'INVALID_FILTER');
        filtered.state = value as EvaluationState;
        break;
      default:
        throw DomainError.invalid('filter', `${name} cannot be filtered by: search, state, kind can`, 'INVALID_FILTER');
    }
  }
  return filtered;
}
