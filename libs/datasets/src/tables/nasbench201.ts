import { readFileSync } from 'node:fs';
import { DomainError } from '@nat/base/errors';
import { dataPath, invalidData, missingData } from '../data-directory.ts';

const FILE = 'nasbench201.csv';

/** Columns that every table must have; further numeric columns (latencies, deviations) are kept as they are. */
const REQUIRED = ['iso_class', 'params', 'flops', 'c10_valid_12', 'c10_valid_200', 'c100_valid_12', 'in16_valid_12'] as const;

/** NAS-Bench-201 (Dong and Yang, ICLR 2020): what each of its cells reached when it was trained. Validation only. */
export interface NasBench201Table {
  readonly size: number;
  /** Cell strings, by row. */
  readonly cells: readonly string[];
  /** Numeric columns by name, each [size]; accuracies in percent. */
  readonly columns: ReadonlyMap<string, Float64Array>;
  /** Row of a cell by its exact string: functionally equal cells have rows of their own. */
  readonly rowOf: ReadonlyMap<string, number>;
}

/**
 * Reads `<dataDir>/nasbench201.csv`.
 * @throws DomainError FAILED_PRECONDITION when it isn't there; DATA_LOSS naming the line when it isn't what it should be
 */
export function loadNasBench201(dataDir: string | undefined): NasBench201Table {
  const path = dataPath(dataDir, 'NAS-Bench-201', FILE);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw missingData('NAS-Bench-201', path, cause);
  }
  return parseNasBench201(text, path);
}

/** Reads a table from comma-separated text; `path` names it in errors. */
export function parseNasBench201(text: string, path: string): NasBench201Table {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  const header = (lines[0] ?? '').split(',');
  const cellColumn = header.indexOf('arch');
  for (const name of ['arch', ...REQUIRED]) {
    if (!header.includes(name)) throw invalidData(path, `no column ${name}`);
  }
  const size = lines.length - 1;
  const cells: string[] = new Array<string>(size);
  const rowOf = new Map<string, number>();
  const columns = header.map((name, i) => (i === cellColumn || name === 'index' ? undefined : new Float64Array(size)));
  for (let row = 0; row < size; row++) {
    const fields = lines[row + 1]!.split(',');
    if (fields.length !== header.length) throw invalidData(path, `line ${row + 2} has ${fields.length} fields, the header ${header.length}`);
    const cell = fields[cellColumn]!;
    if (rowOf.has(cell)) throw invalidData(path, `line ${row + 2} repeats the cell ${cell}`);
    cells[row] = cell;
    rowOf.set(cell, row);
    for (let i = 0; i < columns.length; i++) {
      const column = columns[i];
      if (column === undefined) continue;
      const field = fields[i]!;
      const value = Number(field);
      if (field === '' || !Number.isFinite(value)) throw invalidData(path, `line ${row + 2} has ${JSON.stringify(field)} in the column ${header[i]}`);
      column[row] = value;
    }
  }
  return { size, cells, rowOf, columns: new Map(header.flatMap((name, i) => (columns[i] === undefined ? [] : [[name, columns[i]] as const]))) };
}

/** A numeric column. @throws DomainError INVALID_ARGUMENT UNKNOWN_COLUMN naming the columns there are */
export function columnOf(table: NasBench201Table, name: string): Float64Array {
  const column = table.columns.get(name);
  if (column === undefined)
    throw DomainError.invalid('reward', `${name} is no column of NAS-Bench-201: ${[...table.columns.keys()].join(', ')}`, 'UNKNOWN_COLUMN');
  return column;
}

/** The row of a cell, by its exact string. @throws DomainError NOT_FOUND UNKNOWN_CELL */
export function rowOfCell(table: NasBench201Table, cell: string): number {
  const row = table.rowOf.get(cell);
  if (row === undefined) throw new DomainError('NOT_FOUND', `${cell} is no cell of NAS-Bench-201`, { reason: 'UNKNOWN_CELL', metadata: { cell } });
  return row;
}
