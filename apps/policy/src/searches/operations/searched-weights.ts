import type { search as wire } from '@nat/contracts';
import { DomainError } from '@nat/base/errors';
import { policyNames } from '../../policies/names.ts';
import { searchNames } from '../names.ts';
import { readStoredSpec } from '../contract/stored-spec.ts';
import { findSearch, type Reader } from '../store/search-store.ts';

/** A search on shared weights that has succeeded: what it is does not change any more. */
export interface Searched {
  readonly spec: wire.SearchSpec;
  /** Blob of its weights. */
  readonly weights: string;
  /** namespaces/* /policies/* */
  readonly policy: string;
}

/**
 * @param name namespaces/* /searches/*
 * @throws DomainError NOT_FOUND; FAILED_PRECONDITION NO_WEIGHTS, NO_SELECTION_IMAGES
 */
export async function findSearched(reader: Reader, name: string): Promise<Searched> {
  const { namespace, search } = searchNames.parse(name, 'search');
  const { state, spec: stored, weights } = await findSearch(reader, namespace, search);
  const spec = readStoredSpec(stored);
  if (state !== 'SUCCEEDED' || weights === '') {
    throw new DomainError('FAILED_PRECONDITION', `search ${search} is ${state} and has ${weights === '' ? 'no' : 'unfinished'} shared weights`, {
      reason: 'NO_WEIGHTS',
    });
  }
  if (spec.split === 'SEARCH_SPLIT_OFFICIAL') {
    throw new DomainError('FAILED_PRECONDITION', `the official split of search ${search} sets no images aside to select on`, { reason: 'NO_SELECTION_IMAGES' });
  }
  return { spec, weights, policy: policyNames.format({ namespace, policy: search }) };
}
