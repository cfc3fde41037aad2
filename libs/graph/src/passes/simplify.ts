/**
 * Removes what has no effect: identities, zeros in sums, sums of one term, what only computes zeros, and nodes that no output needs. The function that
 * the graph computes and the names of what is left stay as they are.
 */
import { liveValues } from '../graph/lifetimes.ts';
import type { Graph, Node, Value } from '../graph/graph.ts';
import { sameType, type TensorType } from '../graph/tensor-type.ts';
import { keepsZero } from '../ops/registry.ts';
import { dropNodes, equalLists } from './drop-nodes.ts';
import { infer } from './infer.ts';

/**
 * The graph without nodes that do nothing. A zero is left where it is read by something that makes more of it than zeros (a batch normalisation, a
 * concatenation with other parts) or is an output. A graph that has nothing to remove is returned as it is.
 */
export function simplify(graph: Graph): Graph {
  const short = dropDeadNodes(shortenPaths(graph));
  return short.nodes.length === graph.nodes.length && short.nodes.every((node, index) => node === graph.nodes[index]) ? graph : short;
}

/** Reads around identities, leaves zeros out of sums, and replaces what computes zeros by zeros. */
function shortenPaths(graph: Graph): Graph {
  const { inputs, nodes, outputs } = graph;
  const types = infer(graph);
  const renamed: Value[] = inputs.map((_, value) => value); // old value -> the value that stands for it
  const isZero: boolean[] = inputs.map(() => false); // of new values, which are numbered as the old ones: dead nodes go afterwards
  const changed = nodes.map((node, index): Node => {
    const value = inputs.length + index;
    const type = types[value]!;
    const read = node.inputs.map((input) => renamed[input]!);
    const same = passedThrough(node, read, { type, types, isZero });
    renamed.push(same ?? value);
    isZero.push(node.op === 'zero' || (same === undefined && givesZero(node, read, isZero)));
    if (isZero[value] === true && node.op !== 'zero') {
      return { name: node.name, module: node.module, op: 'zero', attributes: { type }, inputs: [], weights: [] };
    }
    const needed = node.op === 'zero' ? [] : node.op === 'sum' ? read.filter((input) => isZero[input] !== true) : read;
    return equalLists(needed, node.inputs) ? node : { ...node, inputs: needed };
  });
  return { inputs, nodes: changed, outputs: outputs.map(({ name, value }) => ({ name, value: renamed[value]! })) };
}

interface Known {
  readonly type: TensorType;
  readonly types: readonly TensorType[];
  readonly isZero: readonly boolean[];
}

/** The value that a node gives unchanged: of an identity, or the one term of a sum that is not zero. */
function passedThrough(node: Node, read: readonly Value[], { type, types, isZero }: Known): Value | undefined {
  if (node.op === 'identity') return read[0];
  if (node.op !== 'sum' && node.op !== 'add') return undefined;
  const [term, ...others] = read.filter((value) => isZero[value] !== true);
  // A term that is broadcast is not what the sum gives.
  return term !== undefined && others.length === 0 && sameType(types[term]!, type) ? term : undefined;
}

function givesZero(node: Node, read: readonly Value[], isZero: readonly boolean[]): boolean {
  if (node.op === 'mul') return read.some((value) => isZero[value] === true);
  return read.length > 0 && keepsZero(node) && read.every((value) => isZero[value] === true);
}

/** The graph without nodes that no output needs. */
export function dropDeadNodes(graph: Graph): Graph {
  const live = liveValues(graph);
  return dropNodes(graph, (value) => live[value] === 0);
}
