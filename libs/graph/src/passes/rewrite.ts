import { DomainError } from '@nat/base/errors';
import { GraphBuilder } from '../graph/builder.ts';
import { valueOfNode, type Graph, type Value } from '../graph/graph.ts';
import { sameType } from '../graph/tensor-type.ts';
import { infer } from './infer.ts';
import type { Region } from './sites.ts';

/** Puts nodes in place of a region: reads `from` and gives the value that replaces the region's. */
export type Emit = (builder: GraphBuilder, from: Value, region: Region) => Value;

export interface Replacement {
  readonly region: Region;
  readonly emit: Emit;
}

export interface Rewritten {
  readonly graph: Graph;
  /** Value of the old graph -> value of the new one; -1 for values inside regions that were replaced. */
  readonly values: Int32Array;
  /** The regions that stand where the replaced ones stood, in the order given. */
  readonly regions: readonly Region[];
}

/**
 * The graph with other nodes in some regions. What is outside them keeps its names and weights.
 * @throws DomainError INVALID_ARGUMENT, reason INVALID_GRAPH, where a replacement gives another type than what stood there; RangeError for regions
 * that overlap
 */
export function rewrite(graph: Graph, replacements: readonly Replacement[]): Rewritten {
  const types = infer(graph);
  const builder = new GraphBuilder();
  const values = new Int32Array(types.length).fill(-1);
  graph.inputs.forEach(({ name, type }, value) => {
    values[value] = builder.input(name, type);
  });
  const inOrder = replacements.map((replacement, at) => ({ ...replacement, at })).sort((a, b) => a.region.nodes[0] - b.region.nodes[0]);
  const regions = new Array<Region>(replacements.length);
  let next = 0;
  for (let index = 0; index < graph.nodes.length;) {
    const replacement = inOrder[next];
    if (replacement?.region.nodes[0] !== index) {
      const node = graph.nodes[index]!;
      const inputs = node.inputs.map((value) => values[value]!);
      values[valueOfNode(graph, index)] = builder.node(node.op, node.name, node.attributes, inputs, node);
      index++;
      continue;
    }
    const { region, emit, at } = replacement;
    const from = values[region.from]!;
    const first = builder.size;
    const to = emit(builder, from, region);
    if (!sameType(builder.typeOf(to), types[region.to]!)) {
      throw DomainError.invalid(
        `graph.nodes[${graph.nodes[index]!.name}]`,
        `gave [${types[region.to]!.shape.join(', ')}], what replaces it [${builder.typeOf(to).shape.join(', ')}]`,
        'INVALID_GRAPH',
      );
    }
    values[region.to] = to;
    regions[at] = { from, to, nodes: [first, builder.size] };
    index = region.nodes[1];
    next++;
  }
  if (next < inOrder.length) throw new RangeError('regions that are replaced overlap');
  const outputs = graph.outputs.map(({ name, value }) => ({ name, value: values[value]! }));
  return { graph: builder.finish(outputs), values, regions };
}
