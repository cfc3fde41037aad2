import { DomainError } from '@nat/base/errors';
import { inferChecked } from '../graph/builder.ts';
import type { Graph } from '../graph/graph.ts';
import type { TensorType } from '../graph/tensor-type.ts';

/**
 * Types of all values of a graph: inputs, then nodes in order. [values]
 * @throws DomainError INVALID_ARGUMENT, reason INVALID_GRAPH, naming the first node, or output, that does not fit
 */
export function infer({ inputs, nodes, outputs }: Graph): readonly TensorType[] {
  const types = inputs.map(({ type }) => type);
  for (const { op, name, attributes, inputs: read } of nodes) {
    const known = read.map((value) => types[value] ?? unknownValue(`graph.nodes[${name}]`, value));
    types.push(inferChecked(op, name, attributes, known));
  }
  for (const { name, value } of outputs) if (types[value] === undefined) unknownValue(`graph.outputs[${name}]`, value);
  return types;
}

function unknownValue(field: string, value: number): never {
  throw DomainError.invalid(field, `reads value ${value}, which nothing before it gives`, 'INVALID_GRAPH');
}
