import { inferChecked } from '../graph/builder.ts';
import type { Graph } from '../graph/graph.ts';
import type { TensorType } from '../graph/tensor-type.ts';

/**
 * Types of all values of a graph: inputs, then nodes in order. [values]
 * @throws DomainError INVALID_ARGUMENT, reason INVALID_GRAPH, naming the first node that does not fit
 */
export function infer({ inputs, nodes }: Graph): readonly TensorType[] {
  const types = inputs.map(({ type }) => type);
  for (const { op, name, attributes, inputs: read } of nodes) {
    types.push(
      inferChecked(
        op,
        name,
        attributes,
        read.map((value) => types[value]!),
      ),
    );
  }
  return types;
}
