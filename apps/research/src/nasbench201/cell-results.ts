import { NASBENCH201_OPERATIONS, readNasBench201, type SchemeName } from '@nat/cells';
import { columnOf, rowOfCell, type NasBench201Table } from '@nat/datasets';
import { EnvironmentFactory, type MaskMode, type Environment } from '@nat/nat';

/** Cells of NAS-Bench-201 as numbers: every cell is one of 5^6 codes, its operations as digits in the order of its edges. */
const EDGES = 6;
const BASE = NASBENCH201_OPERATIONS.length;
const PRIMITIVES = NASBENCH201_OPERATIONS.map(({ primitive }) => primitive);
const digitOf: ReadonlyMap<string, number> = new Map(NASBENCH201_OPERATIONS.map(({ primitive }, digit) => [primitive, digit]));

/** One cell and everything that a scheme may make of it. */
export interface CellResults {
  /** In the table. */
  readonly row: number;
  readonly environment: Environment;
  /** Digits that each edge may get, its own among them. [edges][targets] */
  readonly targets: readonly (readonly number[])[];
  /** Digits it has. [edges] */
  readonly digits: readonly number[];
}

/** Which edits of a cell are allowed. */
export interface CellRules {
  readonly scheme: SchemeName;
  readonly mode: MaskMode;
}

const DEFAULT_RULES: CellRules = { scheme: 'nat', mode: 'cost-masked' };

/** The table's values by code, and the cells of given rows with what may become of them. */
export class CellTable {
  readonly value: Float64Array;
  readonly params: Float64Array;
  readonly macs: Float64Array;
  readonly #preparers = new Map<string, EnvironmentFactory>();
  readonly #table: NasBench201Table;

  /** @throws DomainError INVALID_ARGUMENT UNKNOWN_COLUMN; NOT_FOUND UNKNOWN_CELL for a table that lacks cells */
  constructor(table: NasBench201Table, column: string) {
    this.#table = table;
    const columns = { value: columnOf(table, column), params: columnOf(table, 'params'), macs: columnOf(table, 'flops') };
    const codes = BASE ** EDGES;
    this.value = new Float64Array(codes).fill(NaN);
    this.params = new Float64Array(codes);
    this.macs = new Float64Array(codes);
    for (let row = 0; row < table.size; row++) {
      const code = codeOfText(table.cells[row]!);
      this.value[code] = columns.value[row]!;
      this.params[code] = columns.params[row]!;
      this.macs[code] = columns.macs[row]!;
    }
    const missing = this.value.findIndex(Number.isNaN);
    if (missing >= 0) rowOfCell(table, textOfCode(missing)); // throws, naming the cell
  }

  /** @param rules what may become of it; results keep to the table's operations */
  cell(row: number, { scheme, mode }: CellRules = DEFAULT_RULES): CellResults {
    const text = this.#table.cells[row]!;
    const environment = this.#preparer(scheme, mode).prepare(readNasBench201(text));
    const digits = digitsOf(text);
    const targets = digits.map((_, edge) => environment.space.targets(edge).map((name) => digitOf.get(name)!));
    return { row, environment, digits, targets };
  }

  #preparer(scheme: SchemeName, mode: MaskMode): EnvironmentFactory {
    const key = `${scheme} ${mode}`;
    let preparer = this.#preparers.get(key);
    if (preparer === undefined) this.#preparers.set(key, (preparer = new EnvironmentFactory({ scheme, mode, operations: PRIMITIVES })));
    return preparer;
  }

  /** Codes of all results within the source's params and MACs, the source's among them. */
  affordable({ digits, targets }: CellResults): readonly number[] {
    const source = codeOf(digits);
    let codes = [0];
    for (const choices of targets) codes = codes.flatMap((code) => choices.map((digit) => code * BASE + digit));
    return codes.filter((code) => this.costsNoMore(code, source));
  }

  costsNoMore(result: number, source: number): boolean {
    return this.params[result]! <= this.params[source]! && this.macs[result]! <= this.macs[source]!;
  }
}

export function codeOf(digits: readonly number[]): number {
  return digits.reduce((code, digit) => code * BASE + digit, 0);
}

/** Code of a cell with operations given by name. */
export function codeOfNames(names: readonly string[]): number {
  return codeOf(names.map((name) => digitOf.get(name)!));
}

function digitsOf(text: string): readonly number[] {
  return readNasBench201(text).cells.flatMap(({ edges }) => edges.map(({ operation }) => digitOf.get(operation.name)!));
}

const digitOfBenchmarkName: ReadonlyMap<string, number> = new Map(NASBENCH201_OPERATIONS.map(({ benchmark }, digit) => [benchmark, digit]));

/** As `digitsOf`, without making an architecture: for whole tables. */
export function codeOfText(text: string): number {
  let code = 0;
  for (const part of text.split(/[|+]/)) if (part !== '') code = code * BASE + digitOfBenchmarkName.get(part.slice(0, part.indexOf('~')))!;
  return code;
}

export function textOfCode(code: number): string {
  const names: string[] = [];
  for (let rest = code, i = 0; i < EDGES; i++, rest = Math.floor(rest / BASE)) names.unshift(NASBENCH201_OPERATIONS[rest % BASE]!.benchmark);
  const [a, b, c, d, e, f] = names;
  return `|${a}~0|+|${b}~0|${c}~1|+|${d}~0|${e}~1|${f}~2|`;
}
