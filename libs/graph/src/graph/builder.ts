import { DomainError } from '@nat/base/errors';
import { isOperatorError, type Attributes, type OperatorKind } from '../ops/operator.ts';
import { inferNode, weightSpecs } from '../ops/registry.ts';
import type { Graph, GraphInput, GraphOutput, Node, NodeOf, Value } from './graph.ts';
import type { TensorType } from './tensor-type.ts';

export interface NodeOptions {
  /** @default the node's name */
  readonly module?: string;
  /** Keys of the weights; absent: `<name>.<role>`, as PyTorch names them. */
  readonly weights?: readonly string[];
}

/** Makes a graph node by node, with types inferred on the way. */
export class GraphBuilder {
  readonly #inputs: GraphInput[] = [];
  readonly #nodes: Node[] = [];
  readonly #types: TensorType[] = [];
  readonly #names = new Set<string>();

  /** Adds a graph input; all of them come before the first node. */
  input(name: string, type: TensorType): Value {
    if (this.#nodes.length > 0) throw new RangeError('inputs come before nodes');
    this.#inputs.push({ name, type });
    return this.#types.push(type) - 1;
  }

  /**
   * Adds a node and gives its value.
   * @throws DomainError INVALID_ARGUMENT, reason INVALID_GRAPH, naming the node, where its inputs do not fit; RangeError for a name that is taken, or another number of weights
   */
  node<K extends OperatorKind>(op: K, name: string, attributes: Attributes[K], inputs: readonly Value[], options: NodeOptions = {}): Value {
    if (this.#names.has(name)) throw new RangeError(`there is a node ${name} already`);
    this.#names.add(name);
    const types = inputs.map((input) => this.typeOf(input));
    const type = inferChecked(op, name, attributes, types);
    const { module = name, weights } = options;
    const bare = { op, attributes } as Pick<Node, 'op' | 'attributes'>;
    const specs = weightSpecs(bare, types);
    const keys = weights ?? specs.map(({ role }) => `${name}.${role}`);
    if (keys.length !== specs.length) throw new RangeError(`${name} needs ${specs.length} weights, not ${keys.length}`);
    const node: NodeOf<K> = { name, module, op, attributes, inputs, weights: keys };
    this.#nodes.push(node as unknown as Node);
    return this.#types.push(type) - 1;
  }

  typeOf(value: Value): TensorType {
    const type = this.#types[value];
    if (type === undefined) throw new RangeError(`there is no value ${value}`);
    return type;
  }

  /** Types of all values so far. */
  get types(): readonly TensorType[] {
    return this.#types;
  }

  /** Nodes so far: the index of the next one. */
  get size(): number {
    return this.#nodes.length;
  }

  /** The graph so far. @throws RangeError for an output that no node gives */
  finish(outputs: readonly GraphOutput[]): Graph {
    for (const { value } of outputs) this.typeOf(value);
    return { inputs: [...this.#inputs], nodes: [...this.#nodes], outputs };
  }
}

/** Infers a node's type. @throws DomainError INVALID_ARGUMENT, reason INVALID_GRAPH, naming the node */
export function inferChecked<K extends OperatorKind>(op: K, name: string, attributes: Attributes[K], inputs: readonly TensorType[]): TensorType {
  try {
    return inferNode(op, attributes, inputs);
  } catch (error) {
    if (isOperatorError(error)) throw DomainError.invalid(`graph.nodes[${name}]`, error.message, 'INVALID_GRAPH');
    throw error;
  }
}
