/**
 * What the `edge` and the `lstm` encoder share: how they read an edge, and how they score a candidate.
 *
 *     x_e     = s(features_e W_x + b_x)                  input
 *     k_et    = features_et U_target                     what the target offers
 *     score   = q_e . k_et / sqrt(hidden)                against what the edge asks for
 *
 * U_target starts small: an untrained policy is nearly uniform. A policy of format 1 adds embeddings of the operations, E[op_e] to the input and T[t] to
 * what the target offers; an operation that has none there adds nothing.
 */
import { gatherRows, leakyRelu, type Tensor1D, type Tensor2D, type Tensorflow } from '@nat/tensor';
import { CANDIDATE_FEATURE_COUNT, EDGE_FEATURE_COUNT, type GraphBatch } from '../features/policy-graph.ts';
import { embeddingRows } from '../features/operation-features.ts';
import { uniformInit, zeroInit, type Initializers, type Parameters } from './parameters.ts';

/** Slope of s below 0: with a plain ReLU, units that no input reached any more were seen to take the whole head with them. */
export const SLOPE = 0.1;

/** Operations that a policy has a learned embedding for: those of format 1, none else. */
export interface Embedded {
  readonly embeddings?: readonly string[];
}

/** W_x and b_x; E in format 1. */
export function inputInitializers({ hidden, embeddings = [] }: Embedded & { readonly hidden: number }): Initializers {
  return {
    ...(embeddings.length === 0 ? {} : { 'input.operation': zeroInit([embeddings.length, hidden]) }), // E
    'input.weight': uniformInit([EDGE_FEATURE_COUNT, hidden], Math.sqrt(12 / EDGE_FEATURE_COUNT)), // W_x
    'input.bias': zeroInit([hidden]),
  };
}

/** U_target; T in format 1. */
export function targetInitializers({ hidden, embeddings = [] }: Embedded & { readonly hidden: number }): Initializers {
  return {
    ...(embeddings.length === 0 ? {} : { 'head.operation': zeroInit([embeddings.length, hidden]) }), // T
    'head.target': uniformInit([CANDIDATE_FEATURE_COUNT, hidden], 0.1), // U_target
  };
}

/** s. */
export function activate(tf: Tensorflow, z: Tensor2D): Tensor2D {
  return leakyRelu(tf, z, SLOPE);
}

/** The input rows of all edges. -> [edges, hidden] */
export function inputRows(tf: Tensorflow, { embeddings = [] }: Embedded, parameters: Parameters, batch: GraphBatch): Tensor2D {
  const described: Tensor2D = tf.matMul(batch.edgeFeatures, parameters['input.weight'] as Tensor2D);
  const x = embedded(tf, described, embeddings, parameters['input.operation'], batch.operation);
  return activate(tf, x.add(parameters['input.bias'] as Tensor1D));
}

/** Scores of all candidates. q: [edges, hidden] -> [candidates, 1] */
export function candidateProducts(
  tf: Tensorflow,
  { hidden, embeddings = [] }: Embedded & { readonly hidden: number },
  parameters: Parameters,
  batch: GraphBatch,
  q: Tensor2D,
): Tensor2D {
  const described: Tensor2D = tf.matMul(batch.candidateFeatures, parameters['head.target'] as Tensor2D); // [candidates, hidden]
  const k = embedded(tf, described, embeddings, parameters['head.operation'], batch.candidateOperation);
  return gatherRows(tf, q, batch.edgeOfCandidate).mul(k).sum(1, true).div(Math.sqrt(hidden));
}

/** Adds the embedding of each row's operation, where it has one. */
function embedded(tf: Tensorflow, rows: Tensor2D, embeddings: readonly string[], table: Parameters[string] | undefined, operation: Tensor1D): Tensor2D {
  if (table === undefined) return rows;
  const rowOf = embeddingRows(embeddings);
  if (rowOf.every((row, at) => row === at)) return rows.add(gatherRows(tf, table as Tensor2D, operation));
  const withZero = tf.concat2d([table as Tensor2D, tf.zeros([1, rows.shape[1]])], 0);
  return rows.add(gatherRows(tf, withZero, tf.gather(tf.tensor1d(rowOf, 'int32'), operation)));
}
