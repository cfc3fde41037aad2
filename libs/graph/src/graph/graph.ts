/**
 * Networks as graphs, immutable plain data. Everything that is asked of a network (its types, its cost, what may be edited, tensors, drawings) is
 * asked of this one form; formats of files and genotypes are lowered to it.
 */
import type { Attributes, OperatorKind } from '../ops/operator.ts';
import type { TensorType } from './tensor-type.ts';

/**
 * A tensor in a graph, in static single assignment: value v is graph input v where v < inputs.length, and else the one output of node
 * v - inputs.length.
 */
export type Value = number;

export interface GraphInput {
  readonly name: string;
  readonly type: TensorType;
}

export interface GraphOutput {
  readonly name: string;
  readonly value: Value;
}

/** One operation. Its weights are named, not held: they are keys of a store of tensors, and nodes with equal keys share their weights. */
export interface NodeOf<K extends OperatorKind> {
  /** Unique in the graph. */
  readonly name: string;
  /**
   * The part of the network that the node belongs to, such as `cells.3._ops.5`: what is drawn as one and counted as one. Nodes of a module stand
   * together; what a module makes for itself alone is its workspace.
   */
  readonly module: string;
  readonly op: K;
  readonly attributes: Attributes[K];
  readonly inputs: readonly Value[];
  /** Keys in the order of the operator's `weights`. */
  readonly weights: readonly string[];
}

export type Node = { readonly [K in OperatorKind]: NodeOf<K> }[OperatorKind];

/** Nodes stand in topological order: a node reads graph inputs and earlier nodes. */
export interface Graph {
  readonly inputs: readonly GraphInput[];
  readonly nodes: readonly Node[];
  readonly outputs: readonly GraphOutput[];
}

/** The value that node `index` gives. */
export function valueOfNode(graph: Pick<Graph, 'inputs'>, index: number): Value {
  return graph.inputs.length + index;
}

/** The node that gives a value; undefined for a graph input. */
export function producerOf({ inputs, nodes }: Graph, value: Value): Node | undefined {
  return value < inputs.length ? undefined : nodes[value - inputs.length];
}
