/**
 * What the `edge` and the `lstm` encoder share: how they read an edge, and how they score a candidate.
 *
 *     x_e     = s(E[op_e] + features_e W_x + b_x)       input
 *     k_et    = T[t] + features_et U_target              what the target offers
 *     score   = q_e . k_et / sqrt(hidden)                against what the edge asks for
 *
 * E and T start at zero: an operation never seen in training acts by its features alone. U_target starts small: an untrained policy is nearly uniform.
 */
import { gatherRows, leakyRelu, type Tensor1D, type Tensor2D, type Tensorflow } from '@nat/tensor';
import { CANDIDATE_FEATURE_COUNT, EDGE_FEATURE_COUNT, type GraphBatch } from './policy-graph.ts';
import { OPERATION_ROWS } from './operation-features.ts';
import { uniformInit, zeroInit, type Initializers, type Parameters } from './parameters.ts';

/** Slope of s below 0: with a plain ReLU, units that no input reached any more were seen to take the whole head with them. */
export const SLOPE = 0.1;

/** E, W_x and b_x. */
export function inputInitializers(hidden: number): Initializers {
  return {
    'input.operation': zeroInit([OPERATION_ROWS, hidden]), // E
    'input.weight': uniformInit([EDGE_FEATURE_COUNT, hidden], Math.sqrt(12 / EDGE_FEATURE_COUNT)), // W_x
    'input.bias': zeroInit([hidden]),
  };
}

/** T and U_target. */
export function targetInitializers(hidden: number): Initializers {
  return {
    'head.operation': zeroInit([OPERATION_ROWS, hidden]), // T
    'head.target': uniformInit([CANDIDATE_FEATURE_COUNT, hidden], 0.1), // U_target
  };
}

/** s. */
export function activate(tf: Tensorflow, z: Tensor2D): Tensor2D {
  return leakyRelu(tf, z, SLOPE);
}

/** The input rows of all edges. -> [edges, hidden] */
export function inputRows(tf: Tensorflow, parameters: Parameters, batch: GraphBatch): Tensor2D {
  const embedded = gatherRows(tf, parameters['input.operation'] as Tensor2D, batch.operation);
  const x: Tensor2D = tf.matMul(batch.edgeFeatures, parameters['input.weight'] as Tensor2D).add(embedded);
  return activate(tf, x.add(parameters['input.bias'] as Tensor1D));
}

/** Scores of all candidates. q: [edges, hidden] -> [candidates, 1] */
export function candidateProducts(tf: Tensorflow, hidden: number, parameters: Parameters, batch: GraphBatch, q: Tensor2D): Tensor2D {
  const offered = gatherRows(tf, parameters['head.operation'] as Tensor2D, batch.candidateOperation);
  const k: Tensor2D = tf.matMul(batch.candidateFeatures, parameters['head.target'] as Tensor2D).add(offered); // [candidates, hidden]
  return gatherRows(tf, q, batch.edgeOfCandidate).mul(k).sum(1, true).div(Math.sqrt(hidden));
}
