import { DomainError } from '@nat/base/errors';
import { retry, type RetryPolicy } from '@nat/base/retry';
import { sql } from 'kysely';
import { sqlState } from '../database/database-errors.ts';
import type { AnyDatabase, AnyTransaction } from '../database/database.ts';

/** One step of a service's schema. Its id never changes once released, and neither does what it does. */
export interface Migration {
  /** Sorts by name: `0001-architectures`. */
  readonly id: string;
  /**
   * `expand` adds, so that the version before goes on working while this one is rolled out. `contract` takes away what the version before still used: it comes
   * a release later, and builds that do not know it no longer start. @default 'expand'
   */
  readonly kind?: 'expand' | 'contract';
  /** Runs in a transaction of its own. Name tables with their schema (`registry.architecture`). */
  readonly up: (tx: AnyTransaction) => Promise<void>;
}

/** The migrations of one service, in order. */
export interface ServiceSchema {
  /** Also the name of the PostgreSQL schema. */
  readonly service: string;
  readonly migrations: readonly Migration[];
}

/** `start` runs what is missing; `check` runs nothing, and refuses where something is missing. */
export type MigrationMode = 'start' | 'check';

/** A statement that waits longer for a table holds up everybody behind it: it gives way and comes again. */
const LOCK_TIMEOUT_MS = 1_000;
const LOCK_WAIT: RetryPolicy = { initialIntervalMs: 500, backoffCoefficient: 1, maximumAttempts: 60 };

/** SQLSTATE lock_not_available */
const isLocked = (error: unknown): boolean => sqlState(error) === '55P03';

/**
 * Brings the PostgreSQL schema named like the service up to date: runs the migrations it does not have, in order, each once however many processes start together.
 * Returns the ids it ran. Throws FAILED_PRECONDITION `UNKNOWN_MIGRATION` when the database has one that this build does not know and that takes something away
 * (a newer version made it), `MIGRATION_ORDER` when a missing one sorts before one that ran, `MIGRATIONS_PENDING` in mode `check`; UNAVAILABLE
 * `MIGRATION_BLOCKED` when others keep a table locked.
 */
export async function migrate(
  database: AnyDatabase,
  service: string,
  migrations: readonly Migration[],
  mode: MigrationMode = 'start',
): Promise<readonly string[]> {
  checkMigrations(service, migrations);
  if (mode === 'check') {
    await requireMigrated(database, service, migrations);
    return [];
  }
  const ran: string[] = [];
  for (;;) {
    const next = await runNextWhenFree(database, service, migrations);
    if (next === undefined) return ran;
    ran.push(next);
  }
}

async function runNextWhenFree(database: AnyDatabase, service: string, migrations: readonly Migration[]): Promise<string | undefined> {
  try {
    return await retry(LOCK_WAIT, () => database.transaction((tx) => runNext(tx, service, migrations)), { retryable: isLocked });
  } catch (error) {
    if (!isLocked(error)) throw error;
    throw new DomainError('UNAVAILABLE', `a migration of ${service} waits for a table that others keep locked`, { reason: 'MIGRATION_BLOCKED', cause: error });
  }
}

/** As `migrate`, for several. */
export async function migrateSchemas(database: AnyDatabase, schemas: readonly ServiceSchema[], mode: MigrationMode = 'start'): Promise<readonly string[]> {
  const ran: string[] = [];
  for (const { service, migrations } of schemas) {
    for (const id of await migrate(database, service, migrations, mode)) ran.push(`${service}/${id}`);
  }
  return ran;
}

async function runNext(tx: AnyTransaction, service: string, migrations: readonly Migration[]): Promise<string | undefined> {
  await sql`select pg_advisory_xact_lock(hashtextextended('nat migrations', 0))`.execute(tx);
  await sql`create schema if not exists storage`.execute(tx);
  await sql`create table if not exists storage.migration (
    service text not null, id text not null, applied_at timestamptz not null default now(), primary key (service, id))`.execute(tx);
  if (!(await knowsKinds(tx))) await sql`alter table storage.migration add column kind text not null default 'expand'`.execute(tx);
  await sql`create schema if not exists ${sql.id(service)}`.execute(tx);
  const next = nextMigration(service, migrations, await readApplied(tx, service));
  if (next === undefined) return undefined;
  await sql`select set_config('lock_timeout', ${`${String(LOCK_TIMEOUT_MS)}ms`}, true), set_config('statement_timeout', '0', true)`.execute(tx);
  await next.up(tx);
  await sql`insert into storage.migration (service, id, kind) values (${service}, ${next.id}, ${next.kind ?? 'expand'})`.execute(tx);
  return next.id;
}

async function requireMigrated(database: AnyDatabase, service: string, migrations: readonly Migration[]): Promise<void> {
  const { rows } = await sql<{ there: boolean }>`select to_regclass('storage.migration') is not null as there`.execute(database.kysely);
  const applied = rows[0]?.there === true ? await readApplied(database.kysely, service) : [];
  if (nextMigration(service, migrations, applied) === undefined) return;
  const done = new Set(applied.map(({ id }) => id));
  const pending = migrations.map(({ id }) => id).filter((id) => !done.has(id));
  throw new DomainError('FAILED_PRECONDITION', `the database of ${service} lacks ${pending.join(', ')}: run the migrations first (--migrate)`, {
    reason: 'MIGRATIONS_PENDING',
    metadata: { service, migrations: pending.join(',') },
  });
}

interface AppliedMigration {
  readonly id: string;
  readonly kind: string;
}

type Queryable = AnyTransaction | AnyDatabase['kysely'];

/** False for a table that an earlier version made. */
async function knowsKinds(queryable: Queryable): Promise<boolean> {
  const { rows } = await sql`select from pg_attribute where attrelid = to_regclass('storage.migration') and attname = 'kind'`.execute(queryable);
  return rows.length > 0;
}

async function readApplied(queryable: Queryable, service: string): Promise<readonly AppliedMigration[]> {
  const kind = (await knowsKinds(queryable)) ? sql`kind` : sql`'expand'`;
  const { rows } = await sql<AppliedMigration>`select id, ${kind} as kind from storage.migration where service = ${service} order by id collate "C"`.execute(
    queryable,
  );
  return rows;
}

function checkMigrations(service: string, migrations: readonly Migration[]): void {
  if (!/^[a-z][a-z0-9_]{0,40}$/.test(service)) throw DomainError.invalid('service', `${service} is no name of a schema`);
  migrations.forEach(({ id }, index) => {
    const before = migrations[index - 1];
    if (before !== undefined && before.id >= id) throw DomainError.invalid('migrations', `${id} must sort after ${before.id}`, 'MIGRATION_ORDER');
  });
}

function nextMigration(service: string, migrations: readonly Migration[], applied: readonly AppliedMigration[]): Migration | undefined {
  const known = new Set(migrations.map(({ id }) => id));
  const unknown = applied.filter(({ id }) => !known.has(id));
  const takenAway = unknown.filter(({ kind }) => kind === 'contract').map(({ id }) => id);
  if (takenAway.length > 0) {
    throw new DomainError('FAILED_PRECONDITION', `the database of ${service} was made by a newer version: it has ${takenAway.join(', ')}`, {
      reason: 'UNKNOWN_MIGRATION',
      metadata: { service, migrations: takenAway.join(',') },
    });
  }
  const done = new Set(applied.map(({ id }) => id));
  const next = migrations.find(({ id }) => !done.has(id));
  const last = applied.at(-1)?.id;
  if (next !== undefined && last !== undefined && next.id < last) {
    throw new DomainError('FAILED_PRECONDITION', `${service} lacks ${next.id} although ${last} ran`, { reason: 'MIGRATION_ORDER', metadata: { service } });
  }
  return next;
}
