import { DomainError } from '@nat/base/errors';
import type { Database } from '@nat/storage';
import { sql, type RawBuilder } from 'kysely';
import { finalize, failed, lockRows, loseLeases, type LockedEvaluation } from './finalize.ts';
import type { EvaluatorTables } from '../tables/tables.ts';
import { incapability, liveAbilities, noCapableWorker } from './workers.ts';

const CHUNK = 500;
const LEASE_EXPIRED = new DomainError('UNAVAILABLE', 'its worker did not renew the lease in time', { reason: 'LEASE_EXPIRED' });

/** Leases whose time is over go back to the queue, or are poisoned when no attempt is left. Replicas may run it at once: each row goes to one of them. */
export async function expireLeases(database: Database<EvaluatorTables>): Promise<{ readonly queued: number; readonly poisoned: readonly LockedEvaluation[] }> {
  return database.transaction(async (tx) => {
    const rows = await lockRows(tx, sql`e.state = 'LEASED' AND e.lease_expire_time < clock_timestamp()`, { limit: CHUNK, skipLocked: true });
    return loseLeases(tx, rows, { error: LEASE_EXPIRED, settle: false });
  });
}

export interface IncapableOptions {
  readonly noCapableWorkerMs: number;
  readonly noWorkerMs: number;
  readonly workerTimeoutMs: number;
  /** Of this coordinator: workers could not show themselves while there was none. */
  readonly uptimeMs: number;
}

/**
 * Fails evaluations that have waited for the grace time while no live worker could run them.
 * @returns the ones that were failed
 */
export async function failIncapable(
  database: Database<EvaluatorTables>,
  { noCapableWorkerMs, noWorkerMs, workerTimeoutMs, uptimeMs }: IncapableOptions,
): Promise<readonly LockedEvaluation[]> {
  const shortestMs = Math.min(noCapableWorkerMs, noWorkerMs);
  if (uptimeMs < shortestMs) return [];
  const overdue = (graceMs: number): RawBuilder<unknown> => sql`e.state = 'QUEUED' AND e.queue_time < clock_timestamp() - ${graceMs} * interval '1 millisecond'
    AND NOT EXISTS (
      SELECT FROM evaluator.worker AS w
      WHERE w.seen_time > clock_timestamp() - ${workerTimeoutMs} * interval '1 millisecond' AND e.kind = ANY (w.kinds) AND e.required <@ w.capabilities)`;
  const { rows: found } = await sql`SELECT FROM evaluator.evaluation AS e WHERE ${overdue(shortestMs)} LIMIT 1`.execute(database.kysely);
  if (found.length === 0) return [];
  const workers = await liveAbilities(database, workerTimeoutMs);
  const graceMs = workers.length === 0 ? noWorkerMs : noCapableWorkerMs;
  if (uptimeMs < graceMs) return [];
  return database.transaction(async (tx) => {
    const rows = await lockRows(tx, overdue(graceMs), { limit: CHUNK, skipLocked: true });
    for (const [why, group] of Map.groupBy(rows, (row) => incapability(workers, row) ?? 'no worker could run it')) {
      await finalize(tx, group, { state: 'FAILED', outcome: failed(noCapableWorker(why), true) });
    }
    return rows;
  });
}
