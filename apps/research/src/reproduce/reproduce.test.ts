import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { differences, publish, readCommitted } from './committed.ts';
import { generatePage, readPage, renderPage } from './page.ts';
import { TABLES } from './registry.ts';
import { absolute, decimals, differenceColumn, meanColumn, rowsOf, timed, type ResultTable, type RowContext, type Values } from './result-table.ts';
import { RowStore } from './row-store.ts';
import { runTable, type RunOptions } from './run-table.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'nat-reproduce-'));
});
afterEach(() => rm(directory, { recursive: true }));

/** A table whose rows are recorded as they are computed. */
function tableOf(computed: string[], compute: (name: string, seed: number, context: RowContext) => Values | Promise<Values>, revision = 1): ResultTable {
  const row = (name: string, seeds: readonly number[]): ReturnType<typeof rowsOf>[number] => ({
    name,
    title: `row ${name}`,
    seeds,
    compute: async (seed, context) => {
      const values = await compute(name, seed, context);
      computed.push(`${name}${seed}`);
      return values;
    },
  });
  return {
    name: 'sample',
    title: 'Sample',
    text: 'Text.',
    revision,
    measures: { source: absolute(0.01), result: absolute(0.01), seconds: timed },
    sections: [
      {
        title: 'Rows',
        text: '',
        rows: [row('a', [0, 1]), row('b', [0])],
        columns: [meanColumn('result', 'result', decimals(2)), differenceColumn('gained', { before: 'source', after: 'result' }, decimals(2))],
      },
    ],
  };
}

const simple = (_: string, seed: number): Values => ({ source: seed, result: 2 * seed + 1 });

function options(overrides: Partial<RunOptions> = {}): RunOptions {
  let now = 0;
  const context = { dataDirectory: undefined, threads: 2, note: () => undefined };
  return { store: new RowStore(directory, 'sample'), context, clock: () => now++, ...overrides };
}

describe('runTable', () => {
  it('goes on at the first row that is missing after a row was cut short', async () => {
    const computed: string[] = [];
    const failing = tableOf(computed, (name, seed) => {
      if (name === 'a' && seed === 1) throw new Error('killed');
      return simple(name, seed);
    });
    await expect(runTable(failing, options())).rejects.toThrow('killed');
    expect(computed).toEqual(['a0', 'b0']);
    await appendFile(join(directory, 'sample.jsonl'), '{"revision":1,"name":"a","se'); // as a process that is killed leaves it
    const rows = await runTable(tableOf(computed, simple), options());
    expect(computed).toEqual(['a0', 'b0', 'a1']);
    expect(rows.map(({ name, seed, values }) => [name, seed, values['result']])).toEqual([['a', 0, 1], ['b', 0, 1], ['a', 1, 3]]); // prettier-ignore
    expect(await runTable(tableOf(computed, simple), options())).toEqual(rows);
    expect(computed).toHaveLength(3);
  });

  it('computes again what another revision or thread count has computed, and one seed alone when told', async () => {
    const computed: string[] = [];
    await runTable(tableOf(computed, simple), options({ seed: 7 }));
    expect(computed).toEqual(['a7', 'b7']);
    await runTable(tableOf(computed, simple, 2), options({ seed: 7 }));
    await runTable(tableOf(computed, simple, 2), options({ seed: 7, context: { dataDirectory: undefined, threads: 1, note: () => undefined } }));
    expect(computed).toEqual(['a7', 'b7', 'a7', 'b7', 'a7', 'b7']);
  });

  it('computes the rows of a prefix alone, and names the rows there are', async () => {
    const computed: string[] = [];
    await runTable(tableOf(computed, simple), options({ rows: 'b' }));
    expect(computed).toEqual(['b0']);
    await expect(runTable(tableOf(computed, simple), options({ rows: 'c' }))).rejects.toMatchObject({ reason: 'UNKNOWN_ROW', message: expect.stringMatching(/: a, b$/) as string }); // prettier-ignore
  });

  it('makes an artifact once for all rows, and again only when everything is forgotten', async () => {
    let made = 0;
    const make = (): Promise<Uint8Array> => Promise.resolve(Uint8Array.of(++made));
    const table = tableOf([], async (_, seed, { artifact }) => ({ result: (await artifact(`policy-${seed}`, make))[0]!, source: 0 }));
    const rows = await runTable(table, options());
    expect(rows.map(({ values }) => values['result'])).toEqual([1, 1, 2]);
    await new RowStore(directory, 'sample').clear();
    expect((await runTable(table, options({ seed: 0 }))).map(({ values }) => values['result'])).toEqual([3, 3]);
  });

  it('refuses numbers that are none, undeclared measures and damaged rows', async () => {
    await expect(runTable(tableOf([], () => ({ result: NaN })), options())).rejects.toThrow(/row a: result = NaN is not a finite number/); // prettier-ignore
    await expect(runTable(tableOf([], () => ({ other: 1 })), options())).rejects.toThrow(/other = 1 is a measure that the table does not declare/); // prettier-ignore
    await writeFile(join(directory, 'sample.jsonl'), 'nonsense\n');
    await expect(runTable(tableOf([], simple), options())).rejects.toMatchObject({ kind: 'DATA_LOSS', reason: 'DAMAGED_ROWS' });
  });
});

describe('published rows', () => {
  it('hold their tolerance, which decides what is reproduced', async () => {
    const table = tableOf([], (name, seed) => ({ ...simple(name, seed), seconds: 5 }));
    const [row] = await publish(table, await runTable(table, options()), directory);
    expect(row!.numbers['result']).toEqual({ value: 1, tolerance: 0.01 });
    expect(differences({ source: 0, result: 1.009, seconds: 50 }, row!)).toEqual([]);
    expect(differences({ source: 0, result: 1.011, seconds: 5 }, row!)).toEqual(['result']);
    expect(differences({ result: 1, seconds: 5, other: 1 }, row!).toSorted()).toEqual(['other', 'source']);
  });

  it('are replaced one by one, and not mixed with those of another revision', async () => {
    const table = tableOf([], simple);
    await publish(table, await runTable(table, options()), directory);
    const [a0] = await runTable(table, options({ seed: 0 }));
    const rows = await publish(table, [{ ...a0!, values: { source: 1, result: 9 } }], directory);
    expect(rows.map(({ name, seed, numbers }) => [name, seed, numbers['result']!.value])).toEqual([['a', 0, 9], ['a', 1, 3], ['b', 0, 1]]); // prettier-ignore
    expect(await readCommitted(tableOf([], simple, 2), directory)).toEqual([]);
    expect(JSON.parse(await readFile(join(directory, 'results', 'sample.json'), 'utf8'))).toMatchObject({ table: 'sample', revision: 1 });
  });

  it('make the page: mean, interval and paired difference over the seeds', async () => {
    const table = tableOf([], simple);
    const page = renderPage([{ table, rows: await publish(table, await runTable(table, options()), directory) }]);
    // a: results 1 and 3, differences 1 and 2; t(0.975, 1) = 12.7062
    expect(page).toContain('| row a | 2.00 ± 12.71 | 1.50 ± 6.35 | 2 |');
    expect(page).toContain('| row b | 1.00 | 1.00 | 1 |');
    expect(page).toContain('Seeds 0, 1; 2 threads; 3 of 3 rows');
  });
});

describe('docs/results.md', () => {
  it('is what its rows generate', async () => {
    expect(await readPage()).toBe(await generatePage(TABLES));
  });

  it.each(TABLES.map((table) => [table.name, table] as const))('%s has unique rows, and published numbers of measures it declares', async (_, table) => {
    const names = rowsOf(table).map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { numbers } of await readCommitted(table)) expect(Object.keys(table.measures)).toEqual(expect.arrayContaining(Object.keys(numbers)));
  });
});
