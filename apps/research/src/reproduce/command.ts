import { join } from 'node:path';
import { DomainError } from '@nat/base/errors';
import { Command } from 'commander';
import { type CommandContext, integer, table as textTable } from '@nat/console';
import { differences, keyOf, publish, readCommitted, type CommittedNumber, type CommittedRow } from './committed.ts';
import { writePage } from './page.ts';
import { findTable, TABLES } from './registry.ts';
import { rowsOf, type ResultTable, type Values } from './result-table.ts';
import { RowStore, type ComputedRow } from './row-store.ts';
import { rowContext, runTable } from './run-table.ts';

interface Flags {
  readonly list?: true;
  readonly seed?: number;
  readonly rows?: string;
  readonly json?: true;
  readonly fresh?: true;
  readonly out?: string;
  readonly publish?: true;
}

/** One row as `--json` prints it. `within` is null where nothing is published for the row and seed. */
interface ComparedRow {
  readonly name: string;
  readonly seed: number;
  readonly seconds: number;
  readonly values: Values;
  readonly committed: Readonly<Record<string, CommittedNumber>> | null;
  readonly within: boolean | null;
  /** Measures out of tolerance. */
  readonly differences: readonly string[];
}

export function reproduceCommand(context: CommandContext): Command {
  const command = new Command('reproduce')
    .description('Compute a table of docs/results.md again and compare it with the published numbers.')
    .argument('[table]', 'its name; left out: the tables there are')
    .option('--list', 'the rows of the table, published and computed, without computing any')
    .option('--seed <n>', 'the rows of this seed alone', integer(0))
    .option('--rows <prefix>', 'the rows whose name begins so')
    .option('--fresh', 'forget the rows that were computed before')
    .option('--out <dir>', 'where computed rows are kept, to go on from (default: results in NAT_HOME)')
    .option('--publish', 'write the computed rows to docs/results and docs/results.md')
    .option('--json', 'print {"table","seed","rows":[{"name","seed","seconds","values","committed","within","differences"}],"within"}')
    .addHelpText(
      'after',
      `
A row that is done is kept: a run that was stopped goes on at the first row that is missing.
Ends with 1 when a number is not within its stored tolerance.

Examples:
  nat reproduce                             the tables
  nat reproduce nasbench201 --seed 0        one seed, compared with what is published`,
    );
  command.action((name: string | undefined, flags: Flags) => (name === undefined ? listTables(context, flags) : reproduce(context, findTable(name), flags)));
  return command;
}

async function listTables({ terminal }: CommandContext, flags: Flags): Promise<void> {
  const lines = await Promise.all(
    TABLES.map(async (table) => ({
      table: table.name,
      title: table.title,
      rows: rowsOf(table).reduce((sum, { seeds }) => sum + seeds.length, 0),
      published: (await readCommitted(table)).length,
    })),
  );
  if (flags.json === true) for (const line of lines) terminal.out(JSON.stringify(line));
  else {
    const rows = lines.map(({ table, title, rows: count, published }) => [table, title, String(count), String(published)]);
    terminal.out(textTable(['table', 'what', 'rows', 'published'], rows, ['rows', 'published']));
  }
}

async function reproduce(context: CommandContext, table: ResultTable, flags: Flags): Promise<void> {
  const { terminal, environment } = context;
  const store = new RowStore(flags.out ?? join(environment.home, 'results'), table.name);
  if (flags.list === true) {
    await listRows(context, table, store, flags);
    return;
  }
  if (flags.fresh === true) await store.clear();
  const given = { dataDirectory: environment.dataDirectory, threads: environment.threads, note: (text: string) => terminal.err(`  ${text}`) };
  const computed = await runTable(table, {
    store,
    context: given,
    ...(flags.seed === undefined ? {} : { seed: flags.seed }),
    ...(flags.rows === undefined ? {} : { rows: flags.rows }),
    onStart: (row, done, total) => terminal.err(`${done + 1}/${total}  ${row.name}, seed ${row.seed}`),
    clock: () => performance.now() / 1000,
  });
  const committed = flags.publish === true ? await publishRows(table, computed) : await readCommitted(table);
  if (flags.publish === true) await table.publishFiles?.(computed, rowContext(table, { store, context: given }));
  const rows = compare(computed, committed);
  const within = rows.every((row) => row.within !== false);
  if (flags.json === true) terminal.out(JSON.stringify({ table: table.name, seed: flags.seed ?? null, rows, within }));
  else terminal.out(describe(rows));
  if (!within) {
    const which = rows.filter((row) => row.within === false).map(({ name, seed, differences: of }) => `${name} (seed ${seed}: ${of.join(', ')})`);
    throw new DomainError('FAILED_PRECONDITION', `not reproduced within the stored tolerances: ${which.join('; ')}`, { reason: 'NOT_REPRODUCED' });
  }
}

async function publishRows(table: ResultTable, computed: readonly ComputedRow[]): Promise<readonly CommittedRow[]> {
  const rows = await publish(table, computed);
  await writePage(TABLES);
  return rows;
}

function compare(computed: readonly ComputedRow[], committed: readonly CommittedRow[]): readonly ComparedRow[] {
  const published = new Map(committed.map((row) => [keyOf(row), row]));
  return computed.map(({ name, seed, seconds, values }) => {
    const row = published.get(keyOf({ name, seed }));
    const differ = row === undefined ? [] : differences(values, row);
    return { name, seed, seconds, values, committed: row?.numbers ?? null, within: row === undefined ? null : differ.length === 0, differences: differ };
  });
}

function describe(rows: readonly ComparedRow[]): string {
  const show = (value: number | undefined): string => (value === undefined ? '-' : String(Number(value.toPrecision(6))));
  const lines = rows.flatMap(({ name, seed, values, committed, differences: differ }) =>
    Object.entries(values).map(([measure, value]) => {
      const number = committed?.[measure];
      const verdict = number === undefined ? 'not published' : number.tolerance === null ? 'not compared' : differ.includes(measure) ? 'DIFFERS' : 'within';
      return [name, String(seed), measure, show(value), show(number?.value), show(number?.tolerance ?? undefined), verdict];
    }),
  );
  return textTable(['row', 'seed', 'measure', 'computed', 'published', 'tolerance', ''], lines, ['seed', 'computed', 'published', 'tolerance']);
}

async function listRows({ terminal }: CommandContext, table: ResultTable, store: RowStore, flags: Flags): Promise<void> {
  const computed = new Set((await store.read()).filter(({ revision }) => revision === table.revision).map(keyOf));
  const published = new Set((await readCommitted(table)).map(keyOf));
  const rows = rowsOf(table).flatMap(({ name, title, seeds }) =>
    seeds
      .filter((seed) => flags.seed === undefined || seed === flags.seed)
      .map((seed) => ({ name, seed, title, computed: computed.has(keyOf({ name, seed })), published: published.has(keyOf({ name, seed })) })),
  );
  if (flags.json === true) for (const row of rows) terminal.out(JSON.stringify(row));
  else {
    const yes = (value: boolean): string => (value ? 'yes' : 'no');
    terminal.out(
      textTable(
        ['row', 'seed', 'computed', 'published', 'what'],
        rows.map((row) => [row.name, String(row.seed), yes(row.computed), yes(row.published), row.title]),
        ['seed'],
      ),
    );
  }
}
