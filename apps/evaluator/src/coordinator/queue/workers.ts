import { DomainError } from '@nat/errors';
import { json, type Database } from '@nat/storage';
import { sql } from 'kysely';
import { lockRows, loseLeases, type LockedEvaluation } from './conclude.ts';
import type { EvaluatorTables } from './tables.ts';

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
    return loseLeases(tx, held, { reason: 'WORKER_RESTARTED', message: `the worker ${worker.id} died with it`, settle: true });
  });
}

/** Notes that a worker is alive and gives what it registered. @throws DomainError FAILED_PRECONDITION WORKER_NOT_REGISTERED */
export async function seeWorker(database: Database<EvaluatorTables>, id: string): Promise<WorkerAbilities> {
  const { rows } = await sql<WorkerAbilities>`
    UPDATE evaluator.worker SET seen_time = clock_timestamp() WHERE id = ${id} RETURNING capabilities, kinds`.execute(database.kysely);
  const worker = rows[0];
  if (worker === undefined) {
    throw new DomainError('FAILED_PRECONDITION', `the worker ${id} is not registered`, { reason: 'WORKER_NOT_REGISTERED', metadata: { worker: id } });
  }
  return worker;
}

/** Notes that workers are alive that wait in a long poll. */
export async function seeWorkers(database: Database<EvaluatorTables>, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await sql`UPDATE evaluator.worker SET seen_time = clock_timestamp() WHERE id = ANY (${ids}::text[])`.execute(database.kysely);
}

/** What the workers seen within the time can do, each distinct ability once. */
export async function liveAbilities(database: Database<EvaluatorTables>, withinMs: number): Promise<WorkerAbilities[]> {
  const { rows } = await sql<WorkerAbilities>`
    SELECT DISTINCT capabilities, kinds FROM evaluator.worker
    WHERE seen_time > clock_timestamp() - ${withinMs} * interval '1 millisecond'`.execute(database.kysely);
  return rows;
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
