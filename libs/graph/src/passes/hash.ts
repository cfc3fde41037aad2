import { createHash } from 'node:crypto';
import type { Graph } from '../graph/graph.ts';
import type { TensorType } from '../graph/tensor-type.ts';

/** Operators whose inputs may stand in any order. */
const COMMUTATIVE: ReadonlySet<string> = new Set(['add', 'sum', 'mul']);

/**
 * SHA-256, hexadecimal, of what a graph computes with which weights: equal for graphs that differ in names, in the order of independent nodes and of
 * the terms of sums. Weights count by which nodes share them, not by their keys.
 */
export function hashGraph({ inputs, nodes, outputs }: Graph): string {
  const digests: string[] = inputs.map(({ type }, at) => digest(['input', String(at), typeText(type)]));
  for (const { op, attributes, inputs: read } of nodes) {
    const below = read.map((value) => digests[value]!);
    digests.push(digest([op, stableText(attributes), ...(COMMUTATIVE.has(op) ? below.sort() : below)]));
  }
  const ofNodes = nodes.map((_, index) => digests[inputs.length + index]!);
  const sharing = groupsByKey(nodes.map(({ weights }) => weights)).map((group) =>
    group
      .map((node) => ofNodes[node]!)
      .sort()
      .join(),
  );
  return digest([...outputs.map(({ value }) => digests[value]!), 'nodes', ...[...ofNodes].sort(), 'shared', ...sharing.sort()]);
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

/** Nodes that have a key in common, by key; keys of one node alone are left out. */
function groupsByKey(keys: readonly (readonly string[])[]): number[][] {
  const groups = new Map<string, number[]>();
  keys.forEach((own, node) => {
    for (const key of own) {
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [node]);
      else group.push(node);
    }
  });
  return [...groups.values()].filter((group) => group.length > 1);
}
