/**
 * The `edge` encoder: one graph node an edge of the architecture, so any in-degree and any operations.
 *
 *     h_e     = s(E[op_e] + x_e W_x + b_x)                                                    input
 *     n_v     = [mean of h over the edges into v ; mean of h over the edges out of v]              a node reads its edges
 *     h_e    <- h_e + s(h_e W_self + n_from(e) W_from + n_to(e) W_to + c W_cell + a W_arch + b)  an edge reads its nodes
 *     q_e     = s(h_e U_edge + c U_cell + u)                                                     what the edge asks for
 *     k_et    = T[t] + y_et U_target                                                             what the target offers
 *     score   = q_e . k_et / sqrt(hidden)
 *
 * Through n an edge sees its predecessors (into `from`), successors (out of `to`) and siblings (sharing `from` or `to`);
 * c and a are the means over its cell and over the architecture. E and T start at zero: an operation never seen in
 * training acts by its features alone. U_target starts small: an untrained policy is nearly uniform. The product keeps what an
 * edge asks for and what a target offers tied together at any size; a sum before a nonlinearity lets them come apart for good
 * where all units lie on one side.
 */
import { gatherRows, leakyRelu, segmentSum, type Tensor1D, type Tensor2D, type Tensorflow } from '@nat/nn';
import { OPERATION_ROWS } from './operation-features.ts';
import { CANDIDATE_FEATURE_COUNT, EDGE_FEATURE_COUNT, type GraphBatch } from './graph.ts';
import { uniformInit, zeroInit, type Initializers, type Parameters } from './parameters.ts';

/** Slope of s below 0: with a plain ReLU, units that no input reached any more were seen to take the whole head with them. */
export const SLOPE = 0.1;

/** Size of an edge encoder. */
export interface EdgeConfig {
  readonly encoder: 'edge';
  /** Width of h and of the head. */
  readonly hidden: number;
  /** Rounds of message passing. */
  readonly layers: number;
}

/** Shapes and starting values of the parameters, by name. */
export function edgeInitializers({ hidden, layers }: EdgeConfig): Initializers {
  const matrix = (rows: number, fan = rows): Initializers[string] => uniformInit([rows, hidden], Math.sqrt(3 / fan));
  const all: Initializers = {
    'input.operation': zeroInit([OPERATION_ROWS, hidden]), // E
    'input.weight': matrix(EDGE_FEATURE_COUNT, EDGE_FEATURE_COUNT / 4), // W_x
    'input.bias': zeroInit([hidden]),
    'head.edge': matrix(hidden), // U_edge
    'head.cell': matrix(hidden), // U_cell
    'head.operation': zeroInit([OPERATION_ROWS, hidden]), // T
    'head.target': uniformInit([CANDIDATE_FEATURE_COUNT, hidden], 0.1), // U_target
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
export function edgeScores(tf: Tensorflow, { hidden, layers }: EdgeConfig, parameters: Parameters, batch: GraphBatch): Tensor2D {
  const weight = (name: string): Tensor2D => parameters[name] as Tensor2D;
  const bias = (name: string): Tensor1D => parameters[name] as Tensor1D;
  const activate = (z: Tensor2D): Tensor2D => leakyRelu(tf, z, SLOPE);
  const { nodes, cells, architectures } = batch.sizes;
  const mean = (h: Tensor2D, index: Tensor1D, segments: number, scale: Tensor2D): Tensor2D => segmentSum(tf, h, index, segments).mul(scale);

  const x = tf.matMul(batch.edgeFeatures, weight('input.weight')).add(gatherRows(tf, weight('input.operation'), batch.operation));
  let h = activate(x.add(bias('input.bias'))); // [edges, hidden]
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
    h = h.add(activate(message));
  }
  const c = mean(h, batch.cellOfEdge, cells, batch.cellScale);
  const asked = tf.matMul(h, weight('head.edge')).add(gatherRows(tf, tf.matMul(c, weight('head.cell')), batch.cellOfEdge));
  const q = activate(asked.add(bias('head.bias'))); // [edges, hidden]
  const k = tf.matMul(batch.candidateFeatures, weight('head.target')).add(gatherRows(tf, weight('head.operation'), batch.candidateOperation)); // [candidates, hidden]
  return gatherRows(tf, q, batch.edgeOfCandidate).mul(k).sum(1, true).div(Math.sqrt(hidden));
}
