import { sql, type RawBuilder } from 'kysely';
import type { AnyDatabase, AnyTransaction } from './database.ts';
import { encodeArray } from './values.ts';

/** Column types that `insertRows` can send; json values are given as JavaScript values. */
export type ColumnType =
  'text' | 'int2' | 'int4' | 'int8' | 'float4' | 'float8' | 'bool' | 'bytea' | 'timestamptz' | 'date' | 'uuid' | 'numeric' | 'json' | 'jsonb';

export interface InsertRowsOptions<Row> {
  /** With its schema: `policy.trial`. */
  readonly table: string;
  /** The columns to fill, in any order, with their types. */
  readonly columns: { readonly [Column in keyof Row & string]: ColumnType };
  readonly rows: readonly Row[];
  /** `ignore` leaves out rows that break a unique key; `fail` throws on them. @default 'fail' */
  readonly onConflict?: 'fail' | 'ignore';
}

type Queryable = AnyTransaction | AnyDatabase['kysely'];

const ROWS_A_STATEMENT = 2_000; // larger ones are hardly faster, and the embedded database holds its thread for a whole statement (30 ms)

/** Inserts many rows in few statements, one array parameter a column, and returns how many went in. */
export async function insertRows<Row extends object>(tx: Queryable, options: InsertRowsOptions<Row>): Promise<number> {
  let inserted = 0n;
  for (let start = 0; start < options.rows.length; start += ROWS_A_STATEMENT) {
    const { numAffectedRows } = await insertStatement(options, start).execute(tx);
    inserted += numAffectedRows ?? 0n;
  }
  return Number(inserted);
}

/** Inserts the rows whose keys are not there yet and returns exactly the keys that went in. Rows that repeat a key within the call count once. */
export async function insertNewRows<Row extends object, Key extends keyof Row & string>(
  tx: Queryable,
  options: Omit<InsertRowsOptions<Row>, 'onConflict'> & { readonly key: Key },
): Promise<Set<Row[Key]>> {
  const keys = new Set<Row[Key]>();
  for (let start = 0; start < options.rows.length; start += ROWS_A_STATEMENT) {
    const { rows } = await sql<{
      key: Row[Key];
    }>`${insertStatement({ ...options, onConflict: 'ignore' }, start)} returning ${sql.id(options.key)} as key`.execute(tx);
    for (const { key } of rows) keys.add(key);
  }
  return keys;
}

function insertStatement<Row extends object>({ table, columns, rows, onConflict = 'fail' }: InsertRowsOptions<Row>, start: number): RawBuilder<unknown> {
  const batch = rows.slice(start, start + ROWS_A_STATEMENT);
  const names = Object.keys(columns) as (keyof Row & string)[];
  const arrays = names.map((name) => {
    const type = columns[name];
    const values =
      type === 'json' || type === 'jsonb' ? batch.map((row) => (row[name] === null ? null : JSON.stringify(row[name]))) : batch.map((row) => row[name]);
    return sql`${encodeArray(values)}::${sql.raw(type)}[]`;
  });
  const conflict = onConflict === 'ignore' ? sql` on conflict do nothing` : sql``;
  return sql`insert into ${sql.table(table)} (${sql.join(names.map((name) => sql.id(name)))}) select * from unnest(${sql.join(arrays)})${conflict}`;
}

/** A json or jsonb parameter: the only safe way to write an array into one. */
export function json<Value>(value: Value): RawBuilder<Value> {
  return sql<Value>`${JSON.stringify(value)}::jsonb`;
}
