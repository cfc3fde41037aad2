import type { evaluation } from '@nat/contracts';
import type { Database } from '@nat/storage';
import { sql } from 'kysely';
import { finalize, isFinal, lockByName, lockRows } from './finalize.ts';
import type { EvaluatorTables } from '../tables/tables.ts';

/** Rows of one transaction when a whole search is cancelled: other callers are not kept waiting for long. */
const CHUNK = 500;

function cancelledBy(reason: string): evaluation.Outcome {
  return { result: { $case: 'cancelled', value: { reason } } };
}

/** Cancels one evaluation unless it is final; its worker learns of it when it renews. @returns whether it was cancelled now. @throws NOT_FOUND */
export async function cancelEvaluation(database: Database<EvaluatorTables>, name: string, reason: string): Promise<boolean> {
  return database.transaction(async (tx) => {
    const row = await lockByName(tx, name);
    if (isFinal(row.state)) return false;
    await finalize(tx, [row], { state: 'CANCELLED', outcome: cancelledBy(reason) });
    return true;
  });
}

/** Cancels everything of a search that is not final. @returns how many */
export async function cancelSearch(
  database: Database<EvaluatorTables>,
  { namespace, search, reason }: { readonly namespace: string; readonly search: string; readonly reason: string },
): Promise<number> {
  let cancelled = 0;
  for (;;) {
    const count = await database.transaction(async (tx) => {
      const rows = await lockRows(tx, sql`e.namespace = ${namespace} AND e.search = ${search} AND e.search <> '' AND e.state IN ('QUEUED', 'LEASED')`, {
        limit: CHUNK,
      });
      await finalize(tx, rows, { state: 'CANCELLED', outcome: cancelledBy(reason) });
      return rows.length;
    });
    cancelled += count;
    if (count < CHUNK) return cancelled;
  }
}
