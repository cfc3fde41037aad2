import { setTimeout as pause } from 'node:timers/promises';
import { sql, type Kysely } from 'kysely';

/**
 * What the autovacuum of a server does, for the embedded database, which has none: once a fifth of a table changed, frees the space of deleted rows
 * and renews the figures that the planner goes by. Returns the tables it cleaned.
 */
export async function vacuumTables(kysely: Kysely<unknown>): Promise<readonly string[]> {
  const { rows: tables } = await sql<{ schema: string; name: string }>`select schemaname as schema, relname as name from pg_stat_user_tables
    where n_dead_tup > 1000 + n_live_tup / 5 or n_mod_since_analyze > 1000 + n_live_tup / 5`.execute(kysely);
  for (const { schema, name } of tables) await sql`vacuum (analyze) ${sql.id(schema, name)}`.execute(kysely);
  return tables.map(({ schema, name }) => `${schema}.${name}`);
}

/** Cleans until the signal aborts; a failure (a full disk) waits for the next time. */
export async function vacuumUntilStopped(kysely: Kysely<unknown>, everyMs: number, stop: AbortSignal): Promise<void> {
  const stopped = (): boolean => stop.aborted;
  while (!stopped()) {
    await pause(everyMs, undefined, { signal: stop, ref: false }).catch(() => undefined);
    if (!stopped()) await vacuumTables(kysely).catch(() => undefined);
  }
}
