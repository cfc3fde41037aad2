/**
 * The official genotype text: `Genotype(normal=[('sep_conv_3x3', 0, 2), ...], normal_concat=[2, 3], reduce=[...], reduce_concat=range(2, 6))`.
 *
 * Read: 3-tuples (operation, from, to) as in the NAT code, and 2-tuples (operation, from), two a node, as in DARTS; lists or
 * tuples, any white space, comments, either quote, keywords or positions, `range(a, b)`, `list(range(a, b))` or no concat at
 * all (loose ends), and `NAME = Genotype(...)`. Written: 3-tuples.
 */
import { DomainError } from '@nat/base/errors';
import { primitive } from '../cell/operation.ts';
import { isPrimitiveName } from '../primitives/operations.ts';
import { outputNodes } from '../cell/shapes.ts';
import type { Architecture, Cell, CellOutput, Edge } from '../cell/types.ts';
import type { PrimitiveName } from '../primitives/primitives.ts';
import { ARCHITECTURE_LIMITS, validateArchitecture } from '../cell/validate.ts';

/** Longest text read, in characters: enough for the largest architecture. */
export const MAX_TEXT_LENGTH = 4 * 1024 * 1024;

type Value = number | string | readonly Value[] | undefined;
interface Token {
  readonly kind: 'name' | 'string' | 'number' | 'mark' | 'end';
  readonly text: string;
  readonly at: number;
}

const FIELDS = ['normal', 'normal_concat', 'reduce', 'reduce_concat'] as const;
type FieldName = (typeof FIELDS)[number];
/** Other names in use for the same operations. */
const ALIASES: ReadonlyMap<string, PrimitiveName> = new Map([
  ['none', 'null'],
  ['nor_conv_1x1', 'conv_1x1'],
  ['nor_conv_3x3', 'conv_3x3'],
]);

/**
 * The architecture of a genotype text; `name` is that of `NAME = Genotype(...)`, if given.
 * @throws DomainError INVALID_ARGUMENT: reason INVALID_GENOTYPE for text that is not one, INVALID_ARCHITECTURE for one that is not well formed
 */
export function readGenotype(text: string, root = 'genotype'): Architecture {
  if (text.length > MAX_TEXT_LENGTH) throw DomainError.invalid(root, `${text.length} characters, at most ${MAX_TEXT_LENGTH}`, 'INVALID_GENOTYPE');
  const parser = new GenotypeParser(text, root);
  const { name, fields } = parser.read();
  const cells = (['normal', 'reduce'] as const).map((cell) => readCell(cell, fields.get(cell), fields.get(`${cell}_concat`), root));
  const architecture: Architecture = { ...(name === undefined ? {} : { name }), cells, skeleton: { kind: 'repeated' } };
  validateArchitecture(architecture, root);
  return architecture;
}

/**
 * The official text of an architecture in the repeated skeleton, with 3-tuples.
 * @throws DomainError FAILED_PRECONDITION, reason NOT_A_GENOTYPE, where the text cannot say it (another skeleton, fixed operations, other activations)
 */
export function writeGenotype(architecture: Architecture): string {
  if (architecture.skeleton.kind !== 'repeated')
    throw new DomainError('FAILED_PRECONDITION', `a genotype describes the repeated skeleton, not ${architecture.skeleton.kind}`, { reason: 'NOT_A_GENOTYPE' });
  const parts = architecture.cells.map((cell) => {
    const edges = cell.edges.map(({ operation, from, to }) => {
      if (operation.kind === 'fixed' || (operation.activation ?? 'relu') !== 'relu')
        throw new DomainError('FAILED_PRECONDITION', `a genotype cannot say ${operation.name} as it is here`, { reason: 'NOT_A_GENOTYPE' });
      return `('${operation.name}', ${from}, ${to})`;
    });
    return `${cell.name}=[${edges.join(', ')}], ${cell.name}_concat=[${outputNodes(cell).join(', ')}]`;
  });
  return `Genotype(${parts.join(', ')})`;
}

class GenotypeParser {
  readonly #text: string;
  readonly #root: string;
  #at = 0;
  #token: Token;

  constructor(text: string, root: string) {
    this.#text = text;
    this.#root = root;
    this.#token = this.#scan();
  }

  /** [NAME =] Genotype(argument, ...) [,;] */
  read(): { readonly name: string | undefined; readonly fields: ReadonlyMap<FieldName, Value> } {
    let name: string | undefined;
    let head = this.#expect('name', 'Genotype(...)');
    if (this.#token.text === '=') {
      this.#next();
      name = head.text;
      head = this.#expect('name', 'Genotype(...)');
    }
    while (this.#token.text === '.') {
      this.#next();
      head = this.#expect('name', 'Genotype(...)'); // genotypes.Genotype(...)
    }
    if (head.text !== 'Genotype') this.#fail(head, `expected Genotype(...), found ${quote(head.text)}`);
    const fields = this.#arguments();
    while (this.#token.text === ',' || this.#token.text === ';') this.#next();
    if (this.#token.kind !== 'end') this.#fail(this.#token, `unexpected ${quote(this.#token.text)} after the genotype`);
    return { name, fields };
  }

  #arguments(): Map<FieldName, Value> {
    this.#mark('(');
    const fields = new Map<FieldName, Value>();
    for (let position = 0; this.#token.text !== ')'; position++) {
      const start = this.#token;
      let field: FieldName | undefined = FIELDS[position];
      if (start.kind === 'name' && this.#peekIsEquals()) {
        this.#next();
        this.#mark('=');
        field = FIELDS.find((known) => known === start.text);
        if (field === undefined) this.#fail(start, `unknown field ${quote(start.text)}: ${FIELDS.join(', ')}`);
      }
      if (field === undefined) this.#fail(start, 'more than four values');
      if (fields.has(field)) this.#fail(start, `${field} is given twice`);
      fields.set(field, this.#value(0));
      if (this.#token.text !== ',') break;
      this.#next();
    }
    this.#mark(')');
    return fields;
  }

  #value(depth: number): Value {
    const token = this.#token;
    if (depth > 4) this.#fail(token, 'nested too deeply');
    this.#next();
    if (token.kind === 'number') return Number(token.text);
    if (token.kind === 'string') return token.text;
    if (token.text === '[') return this.#items(']', depth);
    if (token.text === '(') return this.#items(')', depth);
    if (token.kind === 'name' && token.text === 'range') return this.#range(token);
    if (token.kind === 'name' && (token.text === 'list' || token.text === 'tuple')) {
      this.#mark('(');
      const value = this.#value(depth + 1);
      this.#mark(')');
      return value;
    }
    if (token.kind === 'name' && token.text === 'None') return undefined;
    return this.#fail(
      token,
      token.kind === 'end' ? 'the text ends in the middle of a genotype' : `expected a list, a string or a number, found ${quote(token.text)}`,
    );
  }

  #items(close: string, depth: number): Value[] {
    const items: Value[] = [];
    while (this.#token.text !== close || this.#token.kind !== 'mark') {
      items.push(this.#value(depth + 1));
      if (items.length > ARCHITECTURE_LIMITS.edges) this.#fail(this.#token, `more than ${ARCHITECTURE_LIMITS.edges} items`);
      if (this.#token.text !== ',') break;
      this.#next();
    }
    this.#mark(close);
    return items;
  }

  /** range(stop), range(start, stop) or range(start, stop, step) */
  #range(token: Token): number[] {
    this.#mark('(');
    const bounds = this.#items(')', 0).map(Number);
    if (bounds.length < 1 || bounds.length > 3 || bounds.some((bound) => !Number.isInteger(bound))) this.#fail(token, 'range takes one to three integers');
    const [start, stop, step] = bounds.length === 1 ? [0, bounds[0]!, 1] : [bounds[0]!, bounds[1]!, bounds[2] ?? 1];
    if (step < 1 || (stop - start) / step > ARCHITECTURE_LIMITS.edgesPerCell) this.#fail(token, 'this range is too long or runs backwards');
    const values: number[] = [];
    for (let value = start; value < stop; value += step) values.push(value);
    return values;
  }

  #mark(mark: string): void {
    if (this.#token.kind !== 'mark' || this.#token.text !== mark)
      this.#fail(this.#token, this.#token.kind === 'end' ? `expected '${mark}', but the text ends` : `expected '${mark}', found ${quote(this.#token.text)}`);
    this.#next();
  }

  #expect(kind: Token['kind'], what: string): Token {
    const token = this.#token;
    if (token.kind !== kind) this.#fail(token, token.kind === 'end' ? `expected ${what}, but the text ends` : `expected ${what}, found ${quote(token.text)}`);
    this.#next();
    return token;
  }

  #peekIsEquals(): boolean {
    return /^\s*=/.test(this.#text.slice(this.#at, this.#at + 64));
  }

  #next(): void {
    this.#token = this.#scan();
  }

  #scan(): Token {
    SPACE.lastIndex = this.#at;
    this.#at += SPACE.exec(this.#text)![0].length;
    const at = this.#at;
    if (at >= this.#text.length) return { kind: 'end', text: '', at };
    for (const [kind, pattern] of TOKENS) {
      pattern.lastIndex = at;
      const match = pattern.exec(this.#text);
      if (match === null) continue;
      this.#at += match[0].length;
      return { kind, text: kind === 'string' ? match[0].slice(1, -1) : match[0], at };
    }
    return this.#fail({ kind: 'mark', text: '', at }, `unexpected character ${quote(this.#text.slice(at, at + 1))}`);
  }

  #fail(token: Token, description: string): never {
    const before = this.#text.slice(0, token.at).split('\n');
    throw DomainError.invalid(this.#root, `line ${before.length}, column ${before.at(-1)!.length + 1}: ${description}`, 'INVALID_GENOTYPE');
  }
}
const SPACE = /(?:\s|#[^\n]*|\\\r?\n)*/y;
const TOKENS: readonly (readonly [Token['kind'], RegExp])[] = [
  ['string', /'[^'\n]*'|"[^"\n]*"/y],
  ['number', /[-+]?\d+(?:\.\d+)?(?![\w.])/y],
  ['name', /[A-Za-z_]\w*/y],
  ['mark', /[()[\],=.;]/y],
];

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 40));
}

function readCell(name: 'normal' | 'reduce', edgeValue: Value, concatValue: Value, root: string): Cell {
  if (!Array.isArray(edgeValue)) throw DomainError.invalid(`${root}.${name}`, 'a list of edges is needed', 'INVALID_GENOTYPE');
  const tuples = edgeValue as readonly Value[];
  const pairs = tuples.length > 0 && Array.isArray(tuples[0]) && tuples[0].length === 2;
  const edges = tuples.map((tuple, index): Edge => readEdge(tuple, pairs ? 2 + Math.floor(index / 2) : undefined, `${root}.${name}[${index}]`));
  let nodes = 3;
  for (const edge of edges) if (Number.isInteger(edge.to) && edge.to < 2 + edges.length) nodes = Math.max(nodes, edge.to + 1);
  return { name, inputs: 2, nodes, edges, output: readConcat(concatValue, `${root}.${name}_concat`) };
}

function readEdge(tuple: Value, impliedTo: number | undefined, path: string): Edge {
  const length = impliedTo === undefined ? 3 : 2;
  const form = impliedTo === undefined ? "('operation', from, to)" : "('operation', from), as the first edge";
  if (!Array.isArray(tuple) || tuple.length !== length) throw DomainError.invalid(path, `expected ${form}`, 'INVALID_GENOTYPE');
  const [operation, from, to = impliedTo] = tuple as readonly Value[];
  if (typeof operation !== 'string') throw DomainError.invalid(path, `expected ${form}: the operation is a string`, 'INVALID_GENOTYPE');
  if (typeof from !== 'number' || typeof to !== 'number') throw DomainError.invalid(path, `expected ${form}: nodes are numbers`, 'INVALID_GENOTYPE');
  const name = ALIASES.get(operation) ?? operation;
  if (!isPrimitiveName(name)) throw DomainError.invalid(path, `unknown operation ${quote(operation)}`, 'UNKNOWN_OPERATION');
  return { from, to, operation: primitive(name) };
}

function readConcat(value: Value, path: string): CellOutput {
  if (value === undefined) return { kind: 'loose-ends' };
  if (!Array.isArray(value)) throw DomainError.invalid(path, 'expected a list of nodes or range(a, b)', 'INVALID_GENOTYPE');
  const nodes = (value as readonly Value[]).map((node) => {
    if (typeof node !== 'number') throw DomainError.invalid(path, 'nodes are numbers', 'INVALID_GENOTYPE');
    return node;
  });
  return { kind: 'concat', nodes };
}
