import { DomainError } from '@nat/base/errors';
import { json, type Database } from '@nat/storage';
import { sql } from 'kysely';
import { lockRows, loseLeases, type LockedEvaluation } from './finalize.ts';
import type { EvaluatorTables } from '../tables/tables.ts';

export interface WorkerRegistration {
  readonly id: string;
  /** Of the process; empty when the worker does not tell. */
  readonly instance: string;
  readonly capabilities: readonly string[];
  readonly kinds: readonly string[];
}

/** What a worker can do. */
export interface WorkerAbilities {
  readonly capabilities: readonly string[];
  readonly kinds: readonly string[];
}

/**
 * Notes a worker. When the same worker comes back as another process, the earlier one died: what it held is queued again at once instead of when its
 * leases expire, and what it still sends is refused.
 */
export async function registerWorker(
  database: Database<EvaluatorTables>,
  worker: WorkerRegistration,
): Promise<{ readonly queued: number; readonly poisoned: readonly LockedEvaluation[] }> {
  return database.transaction(async (tx) => {
    const known = (await sql<{ instance: string }>`SELECT instance FROM evaluator.worker WHERE id = ${worker.id} FOR UPDATE`.execute(tx)).rows[0];
    await sql`
      INSERT INTO evaluator.worker (id, instance, capabilities, kinds)
      VALUES (${worker.id}, ${worker.instance}, ${json(worker.capabilities)}, ${worker.kinds}::text[])
      ON CONFLICT (id) DO UPDATE SET instance = excluded.instance, capabilities = excluded.capabilities, kinds = excluded.kinds,
        register_time = excluded.register_time, seen_time = excluded.seen_time`.execute(tx);
    if (known === undefined || known.instance === '' || worker.instance === '' || known.instance === worker.instance) return { queued: 0, poisoned: [] };
    const held = await lockRows(tx, sql`e.state = 'LEASED' AND e.worker = ${worker.id}`);
    return loseLeases(tx, held, {
      error: new DomainError('UNAVAILABLE', `the worker ${worker.id} died with it`, { reason: 'WORKER_RESTARTED' }),
      settle: true,
    });
  });
}

/**
 * Notes that workers are alive and gives what those of them that are registered can do. A time that is younger than `freshMs` stays: waiting workers are
 * seen every second.
 */
export async function seeWorkers(database: Database<EvaluatorTables>, ids: readonly string[], freshMs: number): Promise<ReadonlyMap<string, WorkerAbilities>> {
  if (ids.length === 0) return new Map();
  // Locked in one order, so that replicas that see the same workers wait for each other instead of deadlocking.
  const { rows } = await sql<WorkerAbilities & { readonly id: string }>`
    WITH stale AS (
      SELECT id FROM evaluator.worker
      WHERE id = ANY (${ids}::text[]) AND seen_time < clock_timestamp() - ${freshMs} * interval '1 millisecond'
      ORDER BY id FOR NO KEY UPDATE
    ), seen AS (
      UPDATE evaluator.worker AS w SET seen_time = clock_timestamp() FROM stale WHERE w.id = stale.id
    )
    SELECT id, capabilities, kinds FROM evaluator.worker WHERE id = ANY (${ids}::text[])`.execute(database.kysely);
  return new Map(rows.map(({ id, ...abilities }) => [id, abilities]));
}

export function workerNotRegistered(id: string): DomainError {
  return new DomainError('FAILED_PRECONDITION', `the worker ${id} is not registered`, { reason: 'WORKER_NOT_REGISTERED', metadata: { worker: id } });
}

/** What the workers seen within the time can do, each distinct ability once. */
export async function liveAbilities(database: Database<EvaluatorTables>, withinMs: number): Promise<WorkerAbilities[]> {
  const { rows } = await sql<WorkerAbilities>`
    SELECT DISTINCT capabilities, kinds FROM evaluator.worker
    WHERE seen_time > clock_timestamp() - ${withinMs} * interval '1 millisecond'`.execute(database.kysely);
  return rows;
}

export function noCapableWorker(why: string): DomainError {
  return new DomainError('FAILED_PRECONDITION', why, { reason: 'NO_CAPABLE_WORKER' });
}

/** Why none of the workers can run an evaluation; undefined when one can. */
export function incapability(
  workers: readonly WorkerAbilities[],
  { kind, required }: { readonly kind: string; readonly required: readonly string[] },
): string | undefined {
  if (workers.length === 0) return 'no worker is connected';
  const sameKind = workers.filter(({ kinds }) => kinds.includes(kind));
  if (sameKind.length === 0) return `no worker runs ${kind}`;
  const missing = sameKind.map(({ capabilities }) => required.filter((capability) => !capabilities.includes(capability)));
  const fewest = missing.reduce((best, next) => (next.length < best.length ? next : best));
  return fewest.length === 0 ? undefined : `no worker has ${fewest.join(', ')}`;
}
