import type { evaluation } from '@nat/contracts';
import { json, type Database } from '@nat/storage';
import type { EvaluatorTables } from '../tables/tables.ts';
import { isFinal, lockByName, staleLease } from './finalize.ts';
import type { LeaseReference } from './lease.ts';

/**
 * Names the blob that another attempt goes on from. Only who holds the lease may, also when it has expired and nobody else has it yet.
 * @throws DomainError NOT_FOUND; FAILED_PRECONDITION STALE_LEASE
 */
export async function saveCheckpoint(
  database: Database<EvaluatorTables>,
  { name, token }: LeaseReference,
  { blob, namedBlobs }: evaluation.Checkpoint,
): Promise<void> {
  await database.transaction(async (tx) => {
    const row = await lockByName(tx, name);
    if (token !== row.token || token === row.settled_token || isFinal(row.state)) throw staleLease(row, token);
    await tx
      .updateTable('evaluator.evaluation')
      .set({ resume_from: blob, checkpoint_blobs: json(namedBlobs) })
      .where('ordinal', '=', row.ordinal)
      .execute();
  });
}
