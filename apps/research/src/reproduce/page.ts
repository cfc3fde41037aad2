/** docs/results.md, from the published rows. The same rows give the same text. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DOCS, readCommitted, valuesOf, type CommittedRow } from './committed.ts';
import { rowsOf, type ResultTable, type Section } from './result-table.ts';

const INTRODUCTION = `# Results

Generated from the rows in [results](results) by \`npx nat reproduce TABLE --publish\`; do not edit. \`npx nat reproduce TABLE\` computes the rows again, goes
on where it was stopped, and compares every number with the one published here, within the tolerance stored beside it.

Numbers are means over seeds with the 95 % t-interval of the mean (\`±\` half its width). They repeat to the bit with the same thread count on the same kind of
processor; tolerances allow for another. Times are those of the machine that computed the rows and are not compared.
`;

/** The page. */
export function renderPage(tables: readonly { readonly table: ResultTable; readonly rows: readonly CommittedRow[] }[]): string {
  return [INTRODUCTION, ...tables.filter(({ rows }) => rows.length > 0).map(({ table, rows }) => renderTable(table, rows))].join('\n');
}

function renderTable(table: ResultTable, rows: readonly CommittedRow[]): string {
  const seeds = [...new Set(rows.map(({ seed }) => seed))].sort((a, b) => a - b);
  const seconds = rows.reduce((sum, row) => sum + row.seconds, 0);
  const threads = [...new Set(rows.map((row) => row.threads))].sort((a, b) => a - b);
  const published = rowsOf(table).reduce((sum, row) => sum + row.seeds.length, 0);
  return [
    `## ${table.title}`,
    '',
    '```sh',
    `npx nat reproduce ${table.name}`,
    '```',
    '',
    table.text.trim(),
    '',
    `Seeds ${seeds.join(', ')}; ${threads.join(' or ')} threads; ${rows.length} of ${published} rows, computed in ${wallTime(seconds)}.`,
    '',
    ...table.sections.flatMap((section) => renderSection(section, rows)),
  ].join('\n');
}

function renderSection({ title, text, rows, columns }: Section, published: readonly CommittedRow[]): readonly string[] {
  const lines = rows.flatMap((row) => {
    const seeds = published.filter(({ name }) => name === row.name).sort((a, b) => a.seed - b.seed);
    if (seeds.length === 0) return [];
    const values = seeds.map(valuesOf);
    return [[row.title, ...columns.map(({ cell }) => cell(values)), String(seeds.length)]];
  });
  if (lines.length === 0) return [];
  const head = ['', ...columns.map((column) => column.title), 'seeds'];
  const rule = head.map((_, i) => (i === 0 ? '---' : '---:'));
  return [`### ${title}`, '', ...(text === '' ? [] : [text.trim(), '']), ...[head, rule, ...lines].map((cells) => `| ${cells.join(' | ')} |`), ''];
}

function wallTime(seconds: number): string {
  return seconds < 90 ? `${Math.round(seconds)} s` : seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** Renders the page from what is published in `docs`. */
export async function generatePage(tables: readonly ResultTable[], docs = DOCS): Promise<string> {
  return renderPage(await Promise.all(tables.map(async (table) => ({ table, rows: await readCommitted(table, docs) }))));
}

/** Writes docs/results.md. */
export async function writePage(tables: readonly ResultTable[], docs = DOCS): Promise<void> {
  await writeFile(join(docs, 'results.md'), await generatePage(tables, docs));
}

/** docs/results.md as it is. */
export function readPage(docs = DOCS): Promise<string> {
  return readFile(join(docs, 'results.md'), 'utf8');
}
