import type { PlacedCell, PlacedEdge, PrimitiveName } from '@nat/cells';
import type { Tensor4D } from '@nat/tensor';
import type { Layer, Pass } from './layer.ts';
import { operationLayer, preprocessLayer } from './operations.ts';
import type { ParameterSpec } from './weights.ts';

export interface CellOptions {
  /** Batch normalisations on edges have weight and bias. */
  readonly affine: boolean;
  /**
   * The operations of a supernet, in its order: equal operations between the same two nodes are then one set of weights, and
   * pools are followed by a batch normalisation. Without it every edge has its own.
   */
  readonly sharedOperations?: readonly PrimitiveName[];
}

/** A cell as a function of the values it reads. */
export interface CellLayer {
  readonly parameters: readonly ParameterSpec[];
  apply(pass: Pass, inputs: readonly Tensor4D[]): Tensor4D;
}

interface EdgeLayer {
  readonly index: number;
  readonly edge: PlacedEdge;
  /** Undefined for `null`. */
  readonly layer: Layer | undefined;
}

/**
 * Inputs are preprocessed to the cell's channels and size; a node is the sum of what its edges give (zero without any); the
 * output is the concatenation of the output nodes.
 */
export function buildCell(name: string, cell: PlacedCell, options: CellOptions): CellLayer {
  const preprocess = cell.preprocess.map((layer, i) => (layer === undefined ? undefined : preprocessLayer(`${name}.preprocess${i}`, layer)));
  const edges = cell.edges.map((edge, index): EdgeLayer => ({ index, edge, layer: edgeLayer(name, edge, index, options) }));
  const entering = cell.nodes.map((_, node) => edges.filter(({ edge }) => edge.to === node));
  const layers = [...preprocess, ...edges.map(({ layer }) => layer)].filter((layer) => layer !== undefined);
  const zeroed = new Set(cell.zeroedNodes);
  return {
    parameters: distinct(layers.flatMap(({ parameters }) => parameters)),
    apply: (pass, inputs) => {
      const { tf } = pass;
      const batch = inputs[0]!.shape[0];
      const zeros = (node: number): Tensor4D => tf.zeros([batch, cell.nodes[node]!.size, cell.nodes[node]!.size, cell.nodes[node]!.channels]);
      const values = inputs.map((input, i) => preprocess[i]?.apply(pass, input) ?? input);
      for (let node = inputs.length; node < cell.nodes.length; node++) {
        const terms = entering[node]!.flatMap((edge) => (edge.layer === undefined ? [] : [applyEdge(pass, edge, edge.layer, values[edge.edge.from]!)]));
        values.push(terms.length === 0 ? zeros(node) : terms.length === 1 ? terms[0]! : tf.addN(terms));
      }
      const outputs = cell.outputNodes.map((node) => (zeroed.has(node) ? zeros(node) : values[node]!));
      return outputs.length === 1 ? outputs[0]! : tf.concat(outputs, 3);
    },
  };
}

function edgeLayer(cell: string, edge: PlacedEdge, index: number, { affine, sharedOperations }: CellOptions): Layer | undefined {
  const place = { ...edge, affine, poolNorm: sharedOperations !== undefined };
  if (sharedOperations === undefined) return operationLayer(`${cell}._ops.${index}`, edge.operation, place);
  const operation = sharedOperations.findIndex((name) => name === edge.operation.name);
  if (operation < 0) throw new RangeError(`${edge.operation.name} is no operation of this supernet: ${sharedOperations.join(', ')}`);
  const pair = ((edge.to - 2) * (edge.to + 1)) / 2 + edge.from; // edges of a complete two-input cell, by target
  return operationLayer(`${cell}._ops.${pair}._ops.${operation}`, edge.operation, place);
}

function applyEdge(pass: Pass, { index, edge }: EdgeLayer, layer: Layer, x: Tensor4D): Tensor4D {
  const y = layer.apply(pass, x);
  const { tf, mode, dropPath } = pass;
  const isIdentity = edge.operation.name === 'skip_connect' && edge.stride === 1 && edge.inChannels === edge.outChannels;
  if (dropPath === undefined || mode === 'eval' || isIdentity) return y;
  const mask = tf.div(dropPath.mask(index, y.shape[0]), dropPath.keep).reshape([-1, 1, 1, 1]);
  return tf.mul(y, mask);
}

/** Each name once: duplicate edges of a supernet share theirs. */
function distinct(specs: readonly ParameterSpec[]): ParameterSpec[] {
  return [...new Map(specs.map((spec) => [spec.name, spec])).values()];
}
