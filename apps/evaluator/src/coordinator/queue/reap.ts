import type { Database } from '@nat/storage';
import { sql } from 'kysely';
import { conclude, failed, lockRows, loseLeases, type LockedEvaluation } from './conclude.ts';
import type { EvaluatorTables } from './tables.ts';
import { incapability, liveAbilities } from './workers.ts';

const CHUNK = 500;

/** Leases whose time is over go back to the queue, or are poisoned when no attempt is left. Replicas may run it at once: each row goes to one of them. */
export async function expireLeases(database: Database<EvaluatorTables>): Promise<{ readonly queued: number; readonly poisoned: readonly LockedEvaluation[] }> {
  return database.transaction(async (tx) => {
    const rows = await lockRows(tx, sql`e.state = 'LEASED' AND e.lease_expire_time < clock_timestamp()`, { limit: CHUNK, skipLocked: true });
    return loseLeases(tx, rows, { reason: 'LEASE_EXPIRED', message: 'its worker was not heard of in time', settle: false });
  });
}

/**
 * Fails evaluations that have waited for the grace time while no live worker could run them.
 * @returns the ones that were failed
 */
export async function failIncapable(
  database: Database<EvaluatorTables>,
  { graceMs, workerTimeoutMs }: { readonly graceMs: number; readonly workerTimeoutMs: number },
): Promise<readonly LockedEvaluation[]> {
  const overdue = sql`e.state = 'QUEUED' AND e.queue_time < clock_timestamp() - ${graceMs} * interval '1 millisecond'
    AND NOT EXISTS (
      SELECT FROM evaluator.worker AS w
      WHERE w.seen_time > clock_timestamp() - ${workerTimeoutMs} * interval '1 millisecond' AND e.kind = ANY (w.kinds) AND e.required <@ w.capabilities)`;
  const { rows: any } = await sql<{ found: boolean }>`SELECT EXISTS (SELECT FROM evaluator.evaluation AS e WHERE ${overdue}) AS found`.execute(database.kysely);
  if (any[0]?.found !== true) return [];
  const workers = await liveAbilities(database, workerTimeoutMs);
  return database.transaction(async (tx) => {
    const rows = await lockRows(tx, overdue, { limit: CHUNK, skipLocked: true });
    const byReason = new Map<string, LockedEvaluation[]>();
    for (const row of rows) {
      const why = incapability(workers, row) ?? 'no worker could run it';
      const group = byReason.get(why);
      if (group === undefined) byReason.set(why, [row]);
      else group.push(row);
    }
    for (const [why, group] of byReason) await conclude(tx, group, { state: 'FAILED', outcome: failed('NO_CAPABLE_WORKER', why, true) });
    return rows;
  });
}
