/** Who may work on a search or an operation: leases on the database's clock, and an epoch that every commit checks. */
import type { AnyDatabase } from '@nat/storage';
import { sql, type RawBuilder } from 'kysely';

export type OwnedTable = 'policy.search' | 'policy.operation';

/** Rows that want an owner. */
const OPEN: Readonly<Record<OwnedTable, RawBuilder<boolean>>> = {
  'policy.search': sql`state = 'RUNNING'`,
  'policy.operation': sql`NOT done`,
};

/** A row that this process may work on, until another takes it. */
export interface Ownership {
  readonly table: OwnedTable;
  readonly ordinal: number;
  /** Counts the row's owners. */
  readonly epoch: number;
}

export interface ClaimOptions {
  /** This process. One that starts again under the same name takes its rows back at once. */
  readonly owner: string;
  readonly leaseMs: number;
  /** Rows that this process works on already. */
  readonly except: readonly number[];
}

const inMs = (ms: number): RawBuilder<Date> => sql`clock_timestamp() + ${ms}::float8 * interval '1 millisecond'`;

/** Takes one open row that nobody owns, the oldest first; from then on the commits of its earlier owner fail. */
export async function claim(database: AnyDatabase, table: OwnedTable, { owner, leaseMs, except }: ClaimOptions): Promise<Ownership | undefined> {
  const { rows } = await sql<{ ordinal: number; owner_epoch: number }>`
    UPDATE ${sql.table(table)} SET owner = ${owner}, lease_expires_at = ${inMs(leaseMs)}, owner_epoch = owner_epoch + 1
    WHERE ordinal = (
      SELECT ordinal FROM ${sql.table(table)}
      WHERE ${OPEN[table]} AND (owner IS NULL OR owner = ${owner} OR lease_expires_at < clock_timestamp()) AND ordinal <> ALL (${except}::bigint[])
      ORDER BY ordinal LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING ordinal, owner_epoch`.execute(database.kysely);
  const [row] = rows;
  return row === undefined ? undefined : { table, ordinal: row.ordinal, epoch: row.owner_epoch };
}

/** Extends the lease; false when the row is another's, or open no more. */
export async function renew(database: AnyDatabase, { table, ordinal, epoch }: Ownership, leaseMs: number): Promise<boolean> {
  const { numAffectedRows } = await sql`
    UPDATE ${sql.table(table)} SET lease_expires_at = ${inMs(leaseMs)}
    WHERE ordinal = ${ordinal} AND owner_epoch = ${epoch} AND ${OPEN[table]}`.execute(database.kysely);
  return (numAffectedRows ?? 0n) > 0n;
}

/** Lets the row go, so that another process may take it at once. */
export async function release(database: AnyDatabase, { table, ordinal, epoch }: Ownership): Promise<void> {
  await sql`
    UPDATE ${sql.table(table)} SET owner = NULL, lease_expires_at = NULL
    WHERE ordinal = ${ordinal} AND owner_epoch = ${epoch}`.execute(database.kysely);
}
