/**
 * The official genotype text: `Genotype(normal=[('sep_conv_3x3', 0, 2), ...], normal_concat=[2, 3], reduce=[...], reduce_concat=range(2, 6))`.
 *
 * Read: 3-tuples (operation, from, to) as in the NAT code, 2-tuples (operation, from), two a node, as in DARTS, and lists of these by node, as in Katib and
 * GDAS; (operation, to, from) where every edge says it so; a weight that is no node as third entry. Lists or tuples, any white space, comments, either quote,
 * keywords or positions, `range(a, b)`, `list(range(a, b))` or no concat at all (loose ends), fields that are None, and whatever stands around: `NAME = `, the
 * time stamp of a log, the other lines of a Python file. Written: 3-tuples.
 */
import { DomainError } from '@nat/base/errors';
import { primitive } from '../cell/operation.ts';
import { outputNodes } from '../cell/shapes.ts';
import type { Architecture, Cell, CellOutput, Edge } from '../cell/types.ts';
import { ARCHITECTURE_LIMITS, validateArchitecture } from '../cell/validate.ts';
import { primitiveNamed, unknownOperation } from './operation-names.ts';

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
/**
 * The architecture of a genotype text; `name` is that of `NAME = Genotype(...)`, if given.
 * @throws DomainError INVALID_ARGUMENT: reason INVALID_GENOTYPE for text that is not one, INVALID_ARCHITECTURE for one that is not well formed
 */
export function readGenotype(text: string, root = 'genotype'): Architecture {
  if (text.length > MAX_TEXT_LENGTH) throw DomainError.invalid(root, `${text.length} characters, at most ${MAX_TEXT_LENGTH}`, 'INVALID_GENOTYPE');
  // The quotes that text processors put in place of those of a keyboard.
  const typed = text.replaceAll(/[\u2018\u2019]/g, "'").replaceAll(/[\u201C\u201D]/g, '"');
  const { name, at } = findGenotype(typed, root);
  const fields = new GenotypeParser(typed, root, at).read();
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

  /** @param at where the genotype begins */
  constructor(text: string, root: string, at: number) {
    this.#text = text;
    this.#root = root;
    this.#at = at;
    this.#token = this.#scan();
  }

  /** Genotype(argument, ...) [,;], and other statements after it, each on a line of its own */
  read(): ReadonlyMap<FieldName, Value> {
    const head = this.#expect('name', 'Genotype(...)');
    if (head.text !== 'Genotype') this.#fail(head, `expected Genotype(...), found ${quote(head.text)}`);
    const fields = this.#arguments();
    while (this.#token.text === ',' || this.#token.text === ';') this.#next();
    const { kind, text, at } = this.#token;
    const isStatement = kind === 'name' && /\n[ \t]*$/.test(this.#text.slice(0, at));
    if (kind !== 'end' && !isStatement) this.#fail(this.#token, `unexpected ${quote(text)} after the genotype`);
    return fields;
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
        if (field === undefined && this.#token.text !== 'None') this.#fail(start, `unknown field ${quote(start.text)}: ${FIELDS.join(', ')}`);
        if (field === undefined) {
          this.#next(); // connectN=None, connects=None
          if (this.#token.text !== ',') break;
          this.#next();
          continue;
        }
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
/** Where the one genotype of a text begins, and the name of `NAME = Genotype(...)`. @throws DomainError INVALID_ARGUMENT SEVERAL_GENOTYPES */
function findGenotype(text: string, root: string): { readonly name: string | undefined; readonly at: number } {
  const found = [...text.matchAll(/(?<![\w'"])Genotype\s*\(/g)].flatMap(({ index }) => {
    const before = text.slice(text.lastIndexOf('\n', index - 1) + 1, index);
    if (before.includes('#')) return [];
    const [, name] = /^\s*([A-Za-z_]\w*)\s*=\s*(?:[A-Za-z_]\w*\.)*$/.exec(before) ?? [];
    return [{ name, at: index }];
  });
  const [first] = found;
  if (found.length > 1) {
    const names = found.map(({ name, at }) => name ?? `line ${text.slice(0, at).split('\n').length}`);
    const listed = names.length > 12 ? [...names.slice(0, 12), '...'] : names;
    throw DomainError.invalid(root, `holds ${found.length} genotypes (${listed.join(', ')}): give the text of one`, 'SEVERAL_GENOTYPES');
  }
  return first ?? { name: undefined, at: 0 };
}

const SPACE = /(?:\s|#[^\n]*|\\\r?\n)*/y;
const TOKENS: readonly (readonly [Token['kind'], RegExp])[] = [
  ['string', /'[^'\n]*'|"[^"\n]*"/y],
  ['number', /[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.])/y],
  ['name', /[A-Za-z_]\w*/y],
  ['mark', /[()[\],=.;]/y],
];

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 40));
}

const INPUTS = 2;
const FORMS = "('operation', from, to), or ('operation', from) two a node";

/** An edge as it is written: `[operation, from]`, `[operation, from, to]`, `[operation, to, from]` or `[operation, from, weight]`. */
interface WrittenEdge {
  readonly entries: readonly Value[];
  /** The node that its place says it leads to: that of its list, or two a node. */
  readonly place: number;
  readonly path: string;
}

function readCell(name: 'normal' | 'reduce', edgeValue: Value, concatValue: Value, root: string): Cell {
  const written = writtenEdges(edgeValue, `${root}.${name}`);
  const edges = directed(written).map(readEdge);
  let nodes = INPUTS + 1;
  for (const edge of edges) if (Number.isInteger(edge.to) && edge.to < INPUTS + edges.length) nodes = Math.max(nodes, edge.to + 1);
  return { name, inputs: INPUTS, nodes, edges, output: readConcat(concatValue, `${root}.${name}_concat`) };
}

/** The edges of a cell, flat or by node. */
function writtenEdges(value: Value, path: string): readonly WrittenEdge[] {
  if (!isList(value)) throw DomainError.invalid(path, 'a list of edges is needed', 'INVALID_GENOTYPE');
  const byNode = isList(value[0]) && isList(value[0][0]);
  if (!byNode) return value.map((edge, i) => ({ entries: entriesOf(edge, `${path}[${i}]`), place: INPUTS + Math.floor(i / 2), path: `${path}[${i}]` }));
  return value.flatMap((node, i) => {
    const here = `${path}[${i}]`;
    if (!isList(node)) throw DomainError.invalid(here, 'expected the edges of a node, as the first entry', 'INVALID_GENOTYPE');
    return node.map((edge, j) => ({ entries: entriesOf(edge, `${here}[${j}]`), place: INPUTS + i, path: `${here}[${j}]` }));
  });
}

function entriesOf(edge: Value, path: string): readonly Value[] {
  if (isList(edge) && (edge.length === 2 || edge.length === 3)) return edge;
  throw DomainError.invalid(path, `expected ${FORMS}`, 'INVALID_GENOTYPE');
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

/**
 * The edges as `[operation, from, to]`. Whether a third entry is a node or a weight, and which of two nodes is the target, is one thing for a whole cell: a
 * number that is no integer is a weight, and an edge leads to a later node.
 */
function directed(written: readonly WrittenEdge[]): readonly WrittenEdge[] {
  const [first] = written;
  const odd = written.find(({ entries }) => entries.length !== first!.entries.length);
  if (odd !== undefined) throw DomainError.invalid(odd.path, `expected ${FORMS}, as the first edge`, 'INVALID_GENOTYPE');
  const weighed = written.some(({ entries: [, , third] }) => typeof third === 'number' && !Number.isInteger(third));
  const backwards =
    !weighed &&
    written.length > 0 &&
    written.every(({ entries: [, a, b] }) => typeof a === 'number' && typeof b === 'number' && a > b) &&
    leadsEverywhere(written);
  return written.map((edge) => {
    const [operation, a, b] = edge.entries;
    if (b === undefined || weighed) return { ...edge, entries: [operation, a, edge.place] };
    return backwards ? { ...edge, entries: [operation, b, a] } : edge;
  });
}

/** Whether edges that are read as `[operation, to, from]` lead to every node but the inputs: else they are of neither form. */
function leadsEverywhere(written: readonly WrittenEdge[]): boolean {
  const targets = new Set(written.map(({ entries: [, to] }) => Number(to)));
  return Math.min(...targets) === INPUTS && Math.max(...targets) === INPUTS + targets.size - 1;
}

function readEdge({ entries: [operation, from, to], path }: WrittenEdge): Edge {
  if (typeof operation !== 'string') throw DomainError.invalid(path, `expected ${FORMS}: the operation is a string`, 'INVALID_GENOTYPE');
  if (typeof from !== 'number' || typeof to !== 'number') throw DomainError.invalid(path, `expected ${FORMS}: nodes are numbers`, 'INVALID_GENOTYPE');
  const name = primitiveNamed(operation);
  if (name === undefined) throw DomainError.invalid(path, unknownOperation(operation), 'UNKNOWN_OPERATION');
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
