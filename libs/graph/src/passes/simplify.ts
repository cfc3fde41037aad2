/**
 * Removes what has no effect: identities, zeros in sums, sums of one term, and nodes that no output needs. The function that the graph computes and
 * the names of what is left stay as they are.
 */
import { liveValues } from '../graph/lifetimes.ts';
import type { Graph, Node, Value } from '../graph/graph.ts';
import { infer } from './infer.ts';

/** The graph without nodes that do nothing. A graph that has none is returned as it is. */
export function simplify(graph: Graph): Graph {
  const short = dropDeadNodes(shortenPaths(graph));
  return short.nodes.length === graph.nodes.length && short.nodes.every((node, index) => node === graph.nodes[index]) ? graph : short;
}

/** Reads around identities, and leaves zeros out of sums. */
function shortenPaths({ inputs, nodes, outputs }: Graph): Graph {
  const kept: Node[] = [];
  const renamed: Value[] = inputs.map((_, value) => value);
  const isZero: boolean[] = inputs.map(() => false);
  for (const node of nodes) {
    const terms = node.op === 'sum' ? node.inputs.filter((value) => !isZero[value]) : node.inputs;
    const read = (terms.length === 0 ? node.inputs : terms).map((value) => renamed[value]!);
    const passes = node.op === 'identity' || (node.op === 'sum' && terms.length === 1);
    if (passes) {
      renamed.push(read[0]!);
      isZero.push(isZero[terms[0]!]!);
      continue;
    }
    const same = read.length === node.inputs.length && read.every((value, at) => value === node.inputs[at]);
    renamed.push(inputs.length + kept.push(same ? node : { ...node, inputs: read }) - 1);
    isZero.push(node.op === 'zero' || (node.op === 'sum' && terms.length === 0));
  }
  return withoutZeroReads({ inputs, nodes: kept, outputs: outputs.map(({ name, value }) => ({ name, value: renamed[value]! })) });
}

/** A zero reads nothing, and a sum of zeros is one. */
function withoutZeroReads(graph: Graph): Graph {
  const types = infer(graph);
  const { inputs, nodes, outputs } = graph;
  const isZero = nodes.map(({ op }) => op === 'zero');
  const changed = nodes.map((node, index): Node => {
    if (node.op === 'zero') return node.inputs.length === 0 ? node : { ...node, inputs: [] };
    if (node.op === 'sum' && node.inputs.every((value) => isZero[value - inputs.length] === true)) {
      isZero[index] = true;
      return { name: node.name, module: node.module, op: 'zero', attributes: { type: types[inputs.length + index]! }, inputs: [], weights: [] };
    }
    return node;
  });
  return { inputs, nodes: changed, outputs };
}

/** The graph without nodes that no output needs. */
export function dropDeadNodes(graph: Graph): Graph {
  const { inputs, nodes, outputs } = graph;
  const live = liveValues(graph);
  if (nodes.every((_, index) => live[inputs.length + index] === 1)) return graph;
  const kept: Node[] = [];
  const renamed: Value[] = inputs.map((_, value) => value);
  nodes.forEach((node, index) => {
    const alive = live[inputs.length + index] === 1;
    renamed.push(alive ? inputs.length + kept.length : -1);
    if (!alive) return;
    const read = node.inputs.map((value) => renamed[value]!);
    kept.push(read.every((value, at) => value === node.inputs[at]) ? node : { ...node, inputs: read });
  });
  return { inputs, nodes: kept, outputs: outputs.map(({ name, value }) => ({ name, value: renamed[value]! })) };
}
