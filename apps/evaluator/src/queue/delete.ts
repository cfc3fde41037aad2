import { DomainError } from '@nat/base/errors';
import type { Database } from '@nat/storage';
import type { EvaluatorTables } from '../tables/tables.ts';
import { isFinal, lockByName } from './finalize.ts';

/**
 * Deletes an evaluation that has ended, with its observations. Blobs that nothing else names are collected later.
 * @throws DomainError NOT_FOUND; FAILED_PRECONDITION NOT_FINAL
 */
export async function deleteEvaluation(database: Database<EvaluatorTables>, name: string): Promise<void> {
  await database.transaction(async (tx) => {
    const { state, ordinal } = await lockByName(tx, name);
    if (!isFinal(state)) {
      throw new DomainError('FAILED_PRECONDITION', `${name} is ${state}: cancel it first`, { reason: 'NOT_FINAL', metadata: { name, state } });
    }
    await tx.deleteFrom('evaluator.evaluation').where('ordinal', '=', ordinal).execute();
  });
}
