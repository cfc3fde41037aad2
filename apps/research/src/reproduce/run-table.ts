/** Computes the rows of a table that are not there yet, one after another. */
import { DomainError } from '@nat/base/errors';
import { keyOf } from './committed.ts';
import { rowsOf, type ResultTable, type RowContext, type Values } from './result-table.ts';
import type { ComputedRow, RowStore } from './row-store.ts';

export interface RunOptions {
  readonly store: RowStore;
  readonly context: Omit<RowContext, 'artifact'>;
  /** Rows of this seed. @default those of every published seed */
  readonly seed?: number;
  /** Rows whose name begins so. @default all */
  readonly rows?: string;
  /** Before a row is computed, with its place among those to be computed. */
  readonly onStart?: (row: { readonly name: string; readonly seed: number }, done: number, total: number) => void;
  /** Seconds of a clock that never goes back. */
  readonly clock: () => number;
}

/**
 * Rows in the order of the page, seed by seed. A row that the store holds for this revision and thread count is not computed again.
 * @throws DomainError what the table needs and is not there; NOT_FOUND UNKNOWN_ROW; INTERNAL for a row that computes what the table does not declare
 */
export async function runTable(table: ResultTable, { store, context: given, seed, rows = '', onStart, clock }: RunOptions): Promise<readonly ComputedRow[]> {
  const context = rowContext(table, { store, context: given });
  const unavailable = table.unavailable?.(context);
  if (unavailable !== undefined) throw unavailable;
  const done = new Map<string, ComputedRow>();
  for (const row of await store.read()) if (row.revision === table.revision && row.threads === context.threads) done.set(keyOf(row), row);
  const wanted = wantedRows(table, seed).filter(({ name }) => name.startsWith(rows));
  if (wanted.length === 0) {
    const names = rowsOf(table).map(({ name }) => name);
    throw new DomainError('NOT_FOUND', `no row of ${table.name} begins with ${rows}: ${names.join(', ')}`, { reason: 'UNKNOWN_ROW' });
  }
  const missing = wanted.filter((row) => !done.has(keyOf(row)));
  for (const [i, row] of missing.entries()) {
    onStart?.(row, i, missing.length);
    const start = clock();
    const values = await row.compute(row.seed, context);
    check(table, row.name, values);
    const computed = { revision: table.revision, name: row.name, seed: row.seed, threads: context.threads, values, seconds: clock() - start };
    await store.append(computed);
    done.set(keyOf(row), computed);
  }
  return wanted.map((row) => done.get(keyOf(row))!);
}

/** What rows of the table get: its threads, and artifacts that lie in the store. */
export function rowContext(table: ResultTable, { store, context }: Pick<RunOptions, 'store' | 'context'>): RowContext {
  const threads = table.threads ?? context.threads;
  return { ...context, threads, artifact: (name, make) => store.artifact(`r${table.revision}-t${threads}-${name}`, make) };
}

/** Seeds outermost, so that what a table knows first is one whole seed. */
function wantedRows(table: ResultTable, seed: number | undefined): readonly (ReturnType<typeof rowsOf>[number] & { readonly seed: number })[] {
  const rows = rowsOf(table);
  if (seed !== undefined) return rows.map((row) => ({ ...row, seed }));
  const seeds = [...new Set(rows.flatMap((row) => row.seeds))].sort((a, b) => a - b);
  return seeds.flatMap((each) => rows.filter((row) => row.seeds.includes(each)).map((row) => ({ ...row, seed: each })));
}

function check({ name: table, measures }: ResultTable, row: string, values: Values): void {
  for (const [measure, value] of Object.entries(values)) {
    if (measures[measure] === undefined || !Number.isFinite(value)) {
      const what = measures[measure] === undefined ? 'a measure that the table does not declare' : 'not a finite number';
      throw new DomainError('INTERNAL', `${table}, row ${row}: ${measure} = ${value} is ${what}`, { reason: 'BAD_ROW' });
    }
  }
}
