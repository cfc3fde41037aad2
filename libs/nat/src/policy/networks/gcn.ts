/**
 * The `pair` encoder: the official network, which sees a cell as nodes of exactly two operations (Guo et al., NeurIPS 2019,
 * ArchTransformer in github.com/guoyongcs/NAT and NATv2). Parameter names and layouts are the official ones.
 *
 *     x_v     = [op_hidden(first op of v), op_hidden(second op of v)] ; node_hidden(0), node_hidden(1) for the cell inputs
 *     x       = x W_emb^T + b_emb                                      emb_attn
 *     h       = relu(A (x W_1) + b_1)                                  gc1, A[to, from] = number of edges (nulls count)
 *     h       = A (h W_2) + b_2                                        gc2, not followed by a ReLU
 *     logits  = h_v W_fc^T + b_fc, reshaped to [2, columns]            fc: one row for each of v's two edges
 *
 * Up to the first ReLU all of that is linear, so x W_1 = [..] (W_emb^T W_1) + b_emb W_1: the features, ten times wider than what comes before and after
 * them, are never made, nor are their gradients. That takes a seventh of the arithmetic.
 *
 * Columns: null, same, skip_connect (`nat`), or one for each primitive (`nat++`). A has no self loops and is not normalised.
 */
import type { PrimitiveName, SchemeName } from '@nat/cells';
import { gatherRows, relu, segmentSum, type Tensor1D, type Tensor2D, type Tensorflow } from '@nat/tensor';
import { normalInit, uniformInit, type Initializers, type Parameters } from './parameters.ts';

/** Size of a pair encoder. The official defaults are 100 / 1024 / 100. */
export interface GcnConfig {
  readonly encoder: 'pair';
  readonly scheme: SchemeName;
  /** The operations it knows, in the order of its embedding rows (and, for `nat++`, of its columns). */
  readonly primitives: readonly PrimitiveName[];
  /** Width of an operation's embedding. */
  readonly embedding: number;
  /** Width of a node's features. */
  readonly features: number;
  /** Width of the graph convolutions. */
  readonly hidden: number;
}

/** Scores an edge has: its candidates are some of these. */
export function gcnColumns({ scheme, primitives }: GcnConfig): number {
  return scheme === 'nat' ? 3 : primitives.length;
}

/** Shapes and starting values of the parameters, by official name. */
export function gcnInitializers(config: GcnConfig): Initializers {
  const { embedding, features, hidden, primitives } = config;
  const linear = (out: number, into: number): { weight: Initializers[string]; bias: Initializers[string] } => {
    const bound = 1 / Math.sqrt(into);
    return { weight: uniformInit([out, into], bound), bias: uniformInit([out], bound) };
  };
  const convolution = (into: number, out: number): { weight: Initializers[string]; bias: Initializers[string] } => {
    const bound = 1 / Math.sqrt(out);
    return { weight: uniformInit([into, out], bound), bias: uniformInit([out], bound) };
  };
  const modules = {
    gc1: convolution(features, hidden),
    gc2: convolution(hidden, hidden),
    fc: linear(2 * gcnColumns(config), hidden),
    emb_attn: linear(features, 2 * embedding),
  };
  return {
    ...Object.fromEntries(Object.entries(modules).flatMap(([name, { weight, bias }]) => [[`${name}.weight`, weight], [`${name}.bias`, bias]])), // prettier-ignore
    'node_hidden.weight': normalInit([2, 2 * embedding]),
    'op_hidden.weight': normalInit([primitives.length, embedding]),
  };
}

/** Cells of any number as one graph. Node rows: the two inputs of every cell first, then every cell's own nodes. */
export interface GcnBatch {
  readonly cells: number;
  /** Own nodes of all cells. */
  readonly nodes: number;
  /** Embedding rows of each own node's first and second operation. int32 [nodes] */
  readonly first: Tensor1D;
  readonly second: Tensor1D;
  /** Node rows of each edge. int32 [2 nodes] */
  readonly from: Tensor1D;
  readonly to: Tensor1D;
}

/** What the network computes on the way, named as in the official code. */
export interface GcnActivations {
  readonly gc1: Tensor2D; // [2 cells + nodes, hidden], before its ReLU
  readonly gc2: Tensor2D; // [2 cells + nodes, hidden]
  readonly logits: Tensor2D; // [2 nodes, columns]
}

const matrix = (parameters: Parameters, name: string): Tensor2D => parameters[`${name}.weight`] as Tensor2D;
const bias = (parameters: Parameters, name: string): Tensor1D => parameters[`${name}.bias`] as Tensor1D;

/** The embeddings of each node's two operations, or of a cell's inputs. -> [2 cells + nodes, 2 embedding] */
export function gcnHidden(tf: Tensorflow, parameters: Parameters, { cells, first, second }: GcnBatch): Tensor2D {
  const operations = matrix(parameters, 'op_hidden');
  const own = tf.concat2d([gatherRows(tf, operations, first), gatherRows(tf, operations, second)], 1); // [nodes, 2 embedding]
  return tf.concat2d([tf.tile(matrix(parameters, 'node_hidden'), [cells, 1]), own], 0);
}

/** Features of each node, as the official code has them; the forward pass goes around them. -> [2 cells + nodes, features] */
export function gcnFeatures(tf: Tensorflow, parameters: Parameters, hidden: Tensor2D): Tensor2D {
  return tf.matMul(hidden, matrix(parameters, 'emb_attn'), false, true).add(bias(parameters, 'emb_attn'));
}

/** The forward pass. */
export function gcnForward(tf: Tensorflow, config: GcnConfig, parameters: Parameters, batch: GcnBatch): GcnActivations {
  const rows = 2 * batch.cells + batch.nodes;
  const adjacent = (y: Tensor2D): Tensor2D => segmentSum(tf, gatherRows(tf, y, batch.from), batch.to, rows); // A y

  const w1 = matrix(parameters, 'gc1'); // [features, hidden]
  const folded: Tensor2D = tf.matMul(matrix(parameters, 'emb_attn'), w1, true); // W_emb^T W_1  [2 embedding, hidden]
  const shift: Tensor2D = tf.matMul(bias(parameters, 'emb_attn').as2D(1, config.features), w1); // b_emb W_1  [1, hidden]
  const xw: Tensor2D = tf.matMul(gcnHidden(tf, parameters, batch), folded).add(shift); // x W_1  [rows, hidden]
  const gc1: Tensor2D = adjacent(xw).add(bias(parameters, 'gc1'));
  const gc2: Tensor2D = adjacent(tf.matMul(relu(tf, gc1), matrix(parameters, 'gc2'))).add(bias(parameters, 'gc2'));
  const own = tf.slice2d(gc2, [2 * batch.cells, 0], [batch.nodes, config.hidden]);
  const logits: Tensor2D = tf.matMul(own, matrix(parameters, 'fc'), false, true).add(bias(parameters, 'fc'));
  return { gc1, gc2, logits: logits.reshape([2 * batch.nodes, gcnColumns(config)]) };
}
