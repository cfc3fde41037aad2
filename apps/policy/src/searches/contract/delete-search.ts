import { search as wire } from '@nat/contracts';
import { DomainError } from '@nat/base/errors';
import { requireEtag } from '@nat/service';
import { operationNames, searchNames } from '../names.ts';
import { deleteSearch, isFinal, lockSearch } from '../store/search-store.ts';
import type { Tx } from '../store/tables.ts';
import { etagOf } from '../store/search-wire.ts';

/**
 * Deletes a search that has ended. Its policy, and searches that were forked from it, have all they need.
 * @throws DomainError NOT_FOUND; FAILED_PRECONDITION SEARCH_NOT_ENDED, SEARCH_IN_USE; ABORTED for another etag
 */
export async function removeSearch(tx: Tx, name: string, etag: string): Promise<void> {
  const { namespace, search } = searchNames.parse(name);
  const row = await lockSearch(tx, namespace, search);
  requireEtag(etag, etagOf(row), name);
  if (!isFinal(row.state)) {
    throw new DomainError('FAILED_PRECONDITION', `search ${search} is ${row.state}: cancel it before it is deleted`, {
      reason: 'SEARCH_NOT_ENDED',
      metadata: { state: row.state },
    });
  }
  const user = await findUser(tx, name);
  if (user !== undefined) {
    throw new DomainError('FAILED_PRECONDITION', `${user} scores with the weights of search ${search}`, {
      reason: 'SEARCH_IN_USE',
      metadata: { operation: user },
    });
  }
  await deleteSearch(tx, row.ordinal);
}

/** The operation that still needs a search's weights. */
async function findUser(tx: Tx, name: string): Promise<string | undefined> {
  const open = await tx.selectFrom('policy.operation').select(['namespace', 'operation_id', 'request']).where('done', '=', false).orderBy('ordinal').execute();
  const user = open.find(({ request }) => {
    const { evaluator } = wire.DeriveArchitectureRequest.decode(request);
    return evaluator?.$case === 'sharedWeights' && evaluator.value.search === name;
  });
  return user === undefined ? undefined : operationNames.format({ namespace: user.namespace, operation: user.operation_id });
}
