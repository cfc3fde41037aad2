import { DomainError } from '@nat/base/errors';
import type { EffectiveSearchSpec, SharedWeightsReward } from '@nat/nat';
import { policyNames } from '../../policies/names.ts';
import { searchNames } from '../names.ts';
import { findSearch } from '../store/search-store.ts';
import type { Reader } from '../store/tables.ts';
import { readEffectiveSpec } from '../store/stored-spec.ts';

/** A search on shared weights that has succeeded: what it is does not change any more. */
export interface Searched {
  readonly spec: EffectiveSearchSpec;
  readonly reward: SharedWeightsReward;
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
  const { namespace, search } = searchNames.parse(name, 'shared_weights.search');
  const row = await findSearch(reader, namespace, search);
  const { state, weights } = row;
  const spec = readEffectiveSpec(row);
  const { reward } = spec;
  if (state !== 'SUCCEEDED' || weights === '' || reward.kind !== 'shared-weights') {
    throw new DomainError('FAILED_PRECONDITION', `search ${search} is ${state} and has ${weights === '' ? 'no' : 'unfinished'} shared weights`, {
      reason: 'NO_WEIGHTS',
    });
  }
  if (reward.split === 'official') {
    throw new DomainError('FAILED_PRECONDITION', `the official split of search ${search} sets no images aside to select on`, { reason: 'NO_SELECTION_IMAGES' });
  }
  return { spec, reward, weights, policy: policyNames.format({ namespace, policy: search }) };
}
