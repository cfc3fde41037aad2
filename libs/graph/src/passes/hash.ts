import { createHash } from 'node:crypto';
import { readersOf } from '../graph/lifetimes.ts';
import type { Graph } from '../graph/graph.ts';
import type { TensorType } from '../graph/tensor-type.ts';

/** Operators whose inputs may stand in any order. */
const COMMUTATIVE: ReadonlySet<string> = new Set(['add', 'sum', 'mul']);

/**
 * SHA-256, hexadecimal, of what a graph computes with which weights: equal for graphs that differ in names, in modules, in the order of independent
 * nodes and of the terms of sums. Weights count by which nodes share them, not by their keys.
 *
 * Nodes are told apart by colour refinement: by what is below them, what reads them and with whom they share weights, again until no more are told apart.
 * Two graphs that differ and that this cannot tell apart would have to be regular in all three.
 */
export function hashGraph(graph: Graph): string {
  const { inputs, nodes, outputs } = graph;
  const readers = readersOf(graph);
  const groups = sharedWeights(graph);
  let colours: readonly string[] = [...inputs.map(({ type }, at) => digest(['input', String(at), typeText(type)])), ...nodes.map(() => '')];
  for (let told = 0; ;) {
    colours = shared(groups, above(graph, readers, below(graph, colours)), inputs.length);
    const classes = new Set(colours).size;
    if (classes === told) break;
    told = classes;
  }
  return digest([...outputs.map(({ value }) => colours[value]!), 'values', ...[...colours].sort()]);
}

/** What each value is made of. */
function below({ inputs, nodes }: Graph, colours: readonly string[]): string[] {
  const next = colours.slice(0, inputs.length);
  nodes.forEach(({ op, attributes, inputs: read }, index) => {
    const made = read.map((value) => next[value]!);
    next.push(digest([colours[inputs.length + index]!, op, stableText(attributes), ...(COMMUTATIVE.has(op) ? made.sort() : made)]));
  });
  return next;
}

/** What each value is made into. */
function above({ inputs, nodes, outputs }: Graph, readers: readonly (readonly number[])[], colours: readonly string[]): string[] {
  const next = [...colours];
  const asOutput = new Map<number, string[]>();
  outputs.forEach(({ value }, at) => asOutput.set(value, [...(asOutput.get(value) ?? []), `output ${at}`]));
  for (let value = next.length - 1; value >= 0; value--) {
    const uses = readers[value]!.map((reader) => {
      const { op, inputs: read } = nodes[reader]!;
      const places = read.flatMap((input, at) => (input === value ? [COMMUTATIVE.has(op) ? 'term' : String(at)] : []));
      return `${next[inputs.length + reader]!} ${places.join()}`;
    });
    next[value] = digest([colours[value]!, ...uses.sort(), ...(asOutput.get(value) ?? [])]);
  }
  return next;
}

/** With whom each node shares which of its weights. */
function shared(groups: readonly Group[], colours: readonly string[], inputs: number): string[] {
  const parts: string[][] = colours.map((colour) => [colour]);
  for (const group of groups) {
    const members = digest(group.map(({ node, at }) => `${at} ${colours[inputs + node]!}`).sort());
    for (const { node, at } of group) parts[inputs + node]!.push(`${at} ${members}`);
  }
  return parts.map(([colour, ...rest]) => (rest.length === 0 ? colour! : digest([colour!, ...rest.sort()])));
}

function digest(parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\n')).digest('hex');
}

function typeText({ dtype, shape }: TensorType): string {
  return `${dtype}[${shape.join()}]`;
}

/** JSON with the fields of every object in order. */
function stableText(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    part !== null && typeof part === 'object' && !Array.isArray(part) ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1))) : part,
  );
}

/** Places where one weight is used: a node, and the position among its weights. */
type Group = readonly { readonly node: number; readonly at: number }[];

/** The places of each weight that is used more than once. */
function sharedWeights({ nodes }: Graph): readonly Group[] {
  const groups = new Map<string, { node: number; at: number }[]>();
  nodes.forEach(({ weights }, node) => {
    weights.forEach((key, at) => {
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [{ node, at }]);
      else group.push({ node, at });
    });
  });
  return [...groups.values()].filter((group) => group.length > 1);
}
