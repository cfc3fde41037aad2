/** The numbers that docs/results.md is generated from: `docs/results/<table>.json`, every number with the tolerance it may be reproduced within. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DomainError } from '@nat/base/errors';
import { z } from 'zod';
import { rowsOf, type ResultTable, type Values } from './result-table.ts';
import type { ComputedRow } from './row-store.ts';

/** `docs` of this clone. */
export const DOCS = fileURLToPath(new URL('../../../../docs', import.meta.url));

const numberSchema = z.strictObject({ value: z.number(), tolerance: z.number().min(0).nullable() });
const rowSchema = z.strictObject({ name: z.string(), seed: z.int(), threads: z.int(), seconds: z.number(), numbers: z.record(z.string(), numberSchema) });
const fileSchema = z.strictObject({ table: z.string(), revision: z.int(), rows: z.array(rowSchema) });

/** A published number. A tolerance of null: measured by a clock, not compared. */
export type CommittedNumber = z.infer<typeof numberSchema>;
export type CommittedRow = z.infer<typeof rowSchema>;

/**
 * Published rows of a table, in the order of the page; none for a table that has not been published.
 * @throws DomainError DATA_LOSS for a file that is not what `publish` writes
 */
export async function readCommitted(table: ResultTable, docs = DOCS): Promise<readonly CommittedRow[]> {
  const path = fileOf(table, docs);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  const parsed = fileSchema.safeParse(JSON.parse(text));
  if (!parsed.success) throw new DomainError('DATA_LOSS', `${path}: ${z.prettifyError(parsed.error)}`, { reason: 'DAMAGED_RESULTS' });
  return parsed.data.revision === table.revision ? parsed.data.rows : [];
}

/** Writes computed rows over the published ones of the same row and seed; the rest stays. Rows and seeds that the table does not publish are left out. */
export async function publish(table: ResultTable, computed: readonly ComputedRow[], docs = DOCS): Promise<readonly CommittedRow[]> {
  const latest = new Map<string, CommittedRow>();
  for (const row of await readCommitted(table, docs)) latest.set(keyOf(row), row);
  for (const row of computed) if (row.revision === table.revision) latest.set(keyOf(row), committed(table, row));
  const rows = rowsOf(table).flatMap(({ name, seeds }) => seeds.flatMap((seed) => latest.get(keyOf({ name, seed })) ?? []));
  await mkdir(join(docs, 'results'), { recursive: true });
  await writeFile(fileOf(table, docs), `${JSON.stringify({ table: table.name, revision: table.revision, rows }, null, 2)}\n`);
  return rows;
}

function committed({ measures }: ResultTable, { name, seed, threads, seconds, values }: ComputedRow): CommittedRow {
  const numbers = Object.entries(values).map(([measure, value]) => [measure, { value, tolerance: measures[measure]!.tolerance?.(value) ?? null }] as const);
  return { name, seed, threads, seconds: Number(seconds.toFixed(1)), numbers: Object.fromEntries(numbers) };
}

/** What the page shows of a published row. */
export function valuesOf({ numbers }: CommittedRow): Values {
  return Object.fromEntries(Object.entries(numbers).map(([measure, { value }]) => [measure, value]));
}

/** Measures of a computed row that are not the published ones within their tolerance, one side's missing ones included. */
export function differences(computed: Values, { numbers }: CommittedRow): readonly string[] {
  const names = new Set([...Object.keys(computed), ...Object.keys(numbers)]);
  return [...names].filter((name) => {
    const value = computed[name];
    const published = numbers[name];
    if (value === undefined || published === undefined) return true;
    return published.tolerance !== null && !(Math.abs(value - published.value) <= published.tolerance);
  });
}

/** Identity of a row and seed in its table. */
export function keyOf({ name, seed }: { readonly name: string; readonly seed: number }): string {
  return `${name}\n${seed}`;
}

function fileOf({ name }: ResultTable, docs: string): string {
  return join(docs, 'results', `${name}.json`);
}
