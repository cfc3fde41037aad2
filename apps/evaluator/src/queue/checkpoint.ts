import { json, type Database } from '@nat/storage';
import { isFinal, lockByName, staleLease } from './finalize.ts';
import type { LeaseReference } from './lease.ts';
import type { EvaluatorTables } from '../tables/tables.ts';

/** What another attempt goes on from. */
export interface Checkpoint {
  /** Empty: there is none. */
  readonly resumeFrom: string;
  /** Blobs that it names. */
  readonly blobs: readonly string[];
}

/**
 * Names the blob that another attempt goes on from. Only who holds the lease may, also when it has expired and nobody else has it yet.
 * @throws DomainError NOT_FOUND; FAILED_PRECONDITION STALE_LEASE
 */
export async function saveCheckpoint(database: Database<EvaluatorTables>, { name, token }: LeaseReference, { resumeFrom, blobs }: Checkpoint): Promise<void> {
  await database.transaction(async (tx) => {
    const row = await lockByName(tx, name);
    if (token !== row.token || token === row.settled_token || isFinal(row.state)) throw staleLease(row, token);
    await tx
      .updateTable('evaluator.evaluation')
      .set({ resume_from: resumeFrom, checkpoint_blobs: json(blobs) })
      .where('ordinal', '=', row.ordinal)
      .execute();
  });
}
