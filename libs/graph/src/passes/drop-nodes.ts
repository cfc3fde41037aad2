import type { Graph, Node, Value } from '../graph/graph.ts';

/**
 * The graph without some nodes, values numbered anew. Nodes that read what they read before stay the same objects; a graph that loses nothing is returned as
 * it is.
 * @param isDropped says of the value of a node whether the node goes; nothing that stays reads it
 */
export function dropNodes(graph: Graph, isDropped: (value: Value) => boolean): Graph {
  const { inputs, nodes, outputs } = graph;
  const kept: Node[] = [];
  const renamed: Value[] = inputs.map((_, value) => value);
  nodes.forEach((node, index) => {
    const dropped = isDropped(inputs.length + index);
    renamed.push(dropped ? -1 : inputs.length + kept.length);
    if (dropped) return;
    const read = node.inputs.map((value) => renamed[value]!);
    kept.push(equalLists(read, node.inputs) ? node : { ...node, inputs: read });
  });
  if (kept.length === nodes.length) return graph;
  return { inputs, nodes: kept, outputs: outputs.map(({ name, value }) => ({ name, value: renamed[value]! })) };
}

/** True where both hold the same values in the same order. */
export function equalLists(a: readonly Value[], b: readonly Value[]): boolean {
  return a.length === b.length && a.every((value, at) => value === b[at]);
}
