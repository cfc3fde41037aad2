import { sql } from 'kysely';
import type { AnyTransaction } from '../database/database.ts';
import { insertNewRows } from '../database/insert-rows.ts';

/** Notes the ids as received by this consumer and returns those it had not received before: each id is new in exactly one committed transaction. */
export async function receiveOnce(tx: AnyTransaction, consumer: string, ids: readonly string[]): Promise<Set<string>> {
  // In one order everywhere, so that two transactions with common ids wait for each other instead of deadlocking.
  const rows = [...new Set(ids)].sort().map((id) => ({ consumer, id }));
  return await insertNewRows(tx, { table: 'storage.inbox', columns: { consumer: 'text', id: 'text' }, rows, key: 'id' });
}

/** Forgets ids received longer ago than any redelivery can come; returns how many. */
export async function pruneInbox(tx: AnyTransaction, consumer: string, olderThanMs: number): Promise<number> {
  const { numAffectedRows } = await sql`delete from storage.inbox
    where consumer = ${consumer} and received_at < clock_timestamp() - ${olderThanMs}::float8 * interval '1 millisecond'`.execute(tx);
  return Number(numAffectedRows ?? 0n);
}
