import { DomainError } from '@nat/errors';
import { sql } from 'kysely';
import type { AnyDatabase, AnyTransaction } from './database.ts';

/** One step of a service's schema. Its id never changes once released, and neither does what it does. */
export interface Migration {
  /** Sorts by name: `0001-architectures`. */
  readonly id: string;
  /** Runs in a transaction of its own. Name tables with their schema (`registry.architecture`). */
  readonly up: (tx: AnyTransaction) => Promise<void>;
}

/**
 * Brings the PostgreSQL schema named like the service up to date: runs the migrations it does not have, in order, each once however many processes start together.
 * Returns the ids it ran. Throws FAILED_PRECONDITION `UNKNOWN_MIGRATION` when the database has one that this build does not know (a newer version made
 * it), or `MIGRATION_ORDER` when a missing one sorts before one that ran.
 */
export async function migrate(database: AnyDatabase, service: string, migrations: readonly Migration[]): Promise<readonly string[]> {
  checkMigrations(service, migrations);
  const ran: string[] = [];
  for (;;) {
    const next = await database.transaction(async (tx) => {
      await sql`select pg_advisory_xact_lock(hashtextextended('nat migrations', 0))`.execute(tx);
      await sql`create schema if not exists storage`.execute(tx);
      await sql`create table if not exists storage.migration (
        service text not null, id text not null, applied_at timestamptz not null default now(), primary key (service, id))`.execute(tx);
      await sql`create schema if not exists ${sql.id(service)}`.execute(tx);
      const { rows } = await sql<{ id: string }>`select id from storage.migration where service = ${service} order by id collate "C"`.execute(tx);
      const migration = nextMigration(
        service,
        migrations,
        rows.map(({ id }) => id),
      );
      if (migration === undefined) return undefined;
      await migration.up(tx);
      await sql`insert into storage.migration (service, id) values (${service}, ${migration.id})`.execute(tx);
      return migration.id;
    });
    if (next === undefined) return ran;
    ran.push(next);
  }
}

function checkMigrations(service: string, migrations: readonly Migration[]): void {
  if (!/^[a-z][a-z0-9_]{0,40}$/.test(service)) throw DomainError.invalid('service', `${service} is no name of a schema`);
  migrations.forEach(({ id }, index) => {
    const before = migrations[index - 1];
    if (before !== undefined && before.id >= id) throw DomainError.invalid('migrations', `${id} must sort after ${before.id}`, 'MIGRATION_ORDER');
  });
}

function nextMigration(service: string, migrations: readonly Migration[], applied: readonly string[]): Migration | undefined {
  const known = new Set(migrations.map(({ id }) => id));
  const unknown = applied.filter((id) => !known.has(id));
  if (unknown.length > 0) {
    throw new DomainError('FAILED_PRECONDITION', `the database of ${service} was made by a newer version: it has ${unknown.join(', ')}`, {
      reason: 'UNKNOWN_MIGRATION',
      metadata: { service, migrations: unknown.join(',') },
    });
  }
  const done = new Set(applied);
  const next = migrations.find(({ id }) => !done.has(id));
  const last = applied.at(-1);
  if (next !== undefined && last !== undefined && next.id < last) {
    throw new DomainError('FAILED_PRECONDITION', `${service} lacks ${next.id} although ${last} ran`, { reason: 'MIGRATION_ORDER', metadata: { service } });
  }
  return next;
}
