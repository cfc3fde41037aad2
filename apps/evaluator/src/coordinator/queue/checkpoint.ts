import type { Database } from '@nat/storage';
import { isFinal, lockByName, staleLease } from './conclude.ts';
import type { LeaseReference } from './lease.ts';
import type { EvaluatorTables } from './tables.ts';

/**
 * Names the blob that another attempt goes on from. Only who holds the lease may, also when it has expired and nobody else has it yet.
 * @throws DomainError NOT_FOUND; FAILED_PRECONDITION STALE_LEASE
 */
export async function saveCheckpoint(database: Database<EvaluatorTables>, { name, token }: LeaseReference, resumeFrom: string): Promise<void> {
  await database.transaction(async (tx) => {
    const row = await lockByName(tx, name);
    if (token !== row.token || token === row.settled_token || isFinal(row.state)) throw staleLease(row, token);
    await tx.updateTable('evaluator.evaluation').set({ resume_from: resumeFrom }).where('ordinal', '=', row.ordinal).execute();
  });
}
