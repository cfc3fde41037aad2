/**
 * The `edge` encoder: one graph node an edge of the architecture, so any in-degree and any operations.
 *
 *     h_e     = x_e                                                                              input, see candidate-head.ts
 *     n_v     = [mean of h over the edges into v ; mean of h over the edges out of v]              a node reads its edges
 *     h_e    <- h_e + s(h_e W_self + n_from(e) W_from + n_to(e) W_to + c W_cell + a W_arch + b)  an edge reads its nodes
 *     q_e     = s(h_e U_edge + c U_cell + u)                                                     what the edge asks for
 *     score   = q_e . k_et / sqrt(hidden)                                                        against what the target offers
 *
 * Through n an edge sees its predecessors (into `from`), successors (out of `to`) and siblings (sharing `from` or `to`);
 * c and a are the means over its cell and over the architecture. The product keeps what an edge asks for and what a target
 * offers tied together at any size; a sum before a nonlinearity lets them come apart for good where all units lie on one side.
 */
import { gatherRows, segmentSum, type Tensor1D, type Tensor2D, type Tensorflow } from '@nat/tensor';
import { activate, candidateProducts, inputInitializers, inputRows, targetInitializers } from './action-head.ts';
import type { GraphBatch } from '../features/policy-graph.ts';
import { uniformInit, zeroInit, type Initializers, type Parameters } from './parameters.ts';

/** Size of an edge encoder. */
export interface EdgeGnnConfig {
  readonly encoder: 'edge';
  /** Width of h and of the head. */
  readonly hidden: number;
  /** Rounds of message passing. */
  readonly layers: number;
  /** @see Embedded */
  readonly embeddings?: readonly string[];
}

/** Shapes and starting values of the parameters, by name. */
export function edgeGnnInitializers(config: EdgeGnnConfig): Initializers {
  const { hidden, layers } = config;
  const matrix = (rows: number, fan = rows): Initializers[string] => uniformInit([rows, hidden], Math.sqrt(3 / fan));
  const all: Initializers = {
    ...inputInitializers(config),
    'head.edge': matrix(hidden), // U_edge
    'head.cell': matrix(hidden), // U_cell
    ...targetInitializers(config),
    'head.bias': zeroInit([hidden]), // u
  };
  for (let layer = 0; layer < layers; layer++) {
    all[`layer${layer}.self`] = matrix(hidden, 4 * hidden); // W_self
    all[`layer${layer}.from`] = matrix(2 * hidden, 4 * hidden); // W_from
    all[`layer${layer}.to`] = matrix(2 * hidden, 4 * hidden); // W_to
    all[`layer${layer}.cell`] = matrix(hidden, 4 * hidden); // W_cell
    all[`layer${layer}.architecture`] = zeroInit([hidden, hidden]); // W_arch
    all[`layer${layer}.bias`] = zeroInit([hidden]);
  }
  return all;
}

/** Scores of all candidates of a batch of architectures. -> [candidates, 1] */
export function edgeGnnScores(tf: Tensorflow, config: EdgeGnnConfig, parameters: Parameters, batch: GraphBatch): Tensor2D {
  const { layers } = config;
  const weight = (name: string): Tensor2D => parameters[name] as Tensor2D;
  const bias = (name: string): Tensor1D => parameters[name] as Tensor1D;
  const { nodes, cells, architectures } = batch.sizes;
  const mean = (h: Tensor2D, index: Tensor1D, segments: number, scale: Tensor2D): Tensor2D => segmentSum(tf, h, index, segments).mul(scale);

  let h = inputRows(tf, config, parameters, batch); // [edges, hidden]
  for (let layer = 0; layer < layers; layer++) {
    const w = (name: string): Tensor2D => weight(`layer${layer}.${name}`);
    const n = tf.concat2d([mean(h, batch.to, nodes, batch.inScale), mean(h, batch.from, nodes, batch.outScale)], 1); // [nodes, 2 hidden]
    const a = mean(h, batch.architectureOfEdge, architectures, batch.architectureScale); // [architectures, hidden]
    const c = mean(h, batch.cellOfEdge, cells, batch.cellScale); // [cells, hidden]
    const context: Tensor2D = tf.matMul(c, w('cell')).add(gatherRows(tf, tf.matMul(a, w('architecture')), batch.architectureOfCell)); // [cells, hidden]
    const message: Tensor2D = tf
      .matMul(h, w('self'))
      .add(gatherRows(tf, tf.matMul(n, w('from')), batch.from))
      .add(gatherRows(tf, tf.matMul(n, w('to')), batch.to))
      .add(gatherRows(tf, context, batch.cellOfEdge))
      .add(bias(`layer${layer}.bias`));
    h = h.add(activate(tf, message));
  }
  const c = mean(h, batch.cellOfEdge, cells, batch.cellScale);
  const asked = tf.matMul(h, weight('head.edge')).add(gatherRows(tf, tf.matMul(c, weight('head.cell')), batch.cellOfEdge));
  const q = activate(tf, asked.add(bias('head.bias'))); // [edges, hidden]
  return candidateProducts(tf, config, parameters, batch, q);
}
