/** Every operator, one entry each. */
import type { Node } from '../graph/graph.ts';
import type { TensorType } from '../graph/tensor-type.ts';
import { activation } from './activation.ts';
import { convolution } from './convolution.ts';
import { add, mul, sum } from './elementwise.ts';
import { linear } from './linear.ts';
import { batchNorm } from './normalization.ts';
import type { Attributes, Operator, OperatorKind, WeightSpec } from './operator.ts';
import { avgPool, globalAvgPool, maxPool } from './pooling.ts';
import { concat, flatten, identity, opaque, pad, slice, softmax, zero } from './shape.ts';

export const OPERATORS: { readonly [K in OperatorKind]: Operator<K> } = {
  conv: convolution,
  batch_norm: batchNorm,
  activation,
  max_pool: maxPool,
  avg_pool: avgPool,
  global_avg_pool: globalAvgPool,
  linear,
  add,
  sum,
  mul,
  concat,
  slice,
  pad,
  flatten,
  softmax,
  identity,
  zero,
  opaque,
};

/** An entry of the registry for a kind that only the node knows: attributes and kind belong together in every node. */
function operatorOf(kind: OperatorKind): Operator<'opaque'> {
  return OPERATORS[kind] as unknown as Operator<'opaque'>;
}

/** The type of a node's output. @throws OperatorError where its inputs do not fit */
export function inferNode(op: OperatorKind, attributes: Attributes[OperatorKind], inputs: readonly TensorType[]): TensorType {
  return operatorOf(op).infer(attributes as never, inputs);
}

/** The tensors that a node needs, in the order of its keys. */
export function weightSpecs({ op, attributes }: Pick<Node, 'op' | 'attributes'>, inputs: readonly TensorType[]): readonly WeightSpec[] {
  return operatorOf(op).weights?.(attributes as never, inputs) ?? [];
}

/** Multiply-accumulates of a node for one image. */
export function macsOfNode({ op, attributes }: Pick<Node, 'op' | 'attributes'>, inputs: readonly TensorType[], output: TensorType): number {
  return operatorOf(op).macs?.(attributes as never, inputs, output) ?? 0;
}

/** Learned numbers that a node declares without naming their tensors. */
export function undeclaredParams({ op, attributes }: Pick<Node, 'op' | 'attributes'>): number {
  return operatorOf(op).undeclaredParams?.(attributes as never) ?? 0;
}

/** True where a node gives zeros for zeros in all its inputs, whatever its weights. */
export function keepsZero({ op, attributes }: Pick<Node, 'op' | 'attributes'>): boolean {
  return operatorOf(op).keepsZero?.(attributes as never) ?? false;
}

/** What a node shows in drawings and tables. */
export function nodeLabel({ op, attributes }: Pick<Node, 'op' | 'attributes'>): string {
  return operatorOf(op).label(attributes as never);
}
