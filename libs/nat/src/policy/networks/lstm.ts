/**
 * The `lstm` encoder: a policy that reads an architecture as a sequence, which the paper compares its graph network with (Guo et al., NeurIPS 2019). The
 * sequence of an architecture are its edges, node after node. An edge is read and its candidates are scored as by the `edge` encoder (candidate-head.ts);
 * in place of messages between edges a state is carried along the sequence (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000):
 *
 *     i_t     = sigmoid(x_t W_i + h_t-1 R_i + b_i)      input gate
 *     f_t     = sigmoid(x_t W_f + h_t-1 R_f + b_f)      forget gate
 *     o_t     = sigmoid(x_t W_o + h_t-1 R_o + b_o)      output gate
 *     g_t     = tanh(x_t W_g + h_t-1 R_g + b_g)         candidate
 *     c_t     = f_t c_t-1 + i_t g_t                     cell, c_0 = 0
 *     h_t     = o_t tanh(c_t)                           state, h_0 = 0
 *     q_e     = s(h_e U_edge + u)                       what the edge asks for
 *
 * W = [W_i W_f W_o W_g], R and b likewise. Layers read in turn from the front and from the back, each the states of the one before (Zhou and Xu, ACL
 * 2015), so that with two layers no edge is decided before the whole architecture was read.
 */
import { gatherRows, type Rank, type Tensor1D, type Tensor2D, type Tensorflow } from '@nat/tensor';
import { activate, candidateProducts, inputInitializers, inputRows, targetInitializers } from './action-head.ts';
import type { GraphBatch, PolicyGraph } from '../features/policy-graph.ts';
import { uniformInit, zeroInit, type Initializers, type Parameters } from './parameters.ts';

/** Size of an LSTM encoder. */
export interface LstmConfig {
  readonly encoder: 'lstm';
  /** Width of h, of c and of the head. */
  readonly hidden: number;
  /** Passes over the sequence. */
  readonly layers: number;
  /** @see Embedded */
  readonly embeddings?: readonly string[];
}

/** Shapes and starting values of the parameters, by name. Forget gates start open (Jozefowicz et al., ICML 2015). */
export function lstmInitializers(config: LstmConfig): Initializers {
  const { hidden, layers } = config;
  const openForget = Float32Array.from({ length: 4 * hidden }, (_, j) => (j >= hidden && j < 2 * hidden ? 1 : 0));
  const all: Initializers = {
    ...inputInitializers(config),
    'head.edge': uniformInit([hidden, hidden], Math.sqrt(3 / hidden)), // U_edge
    ...targetInitializers(config),
    'head.bias': zeroInit([hidden]), // u
  };
  for (let layer = 0; layer < layers; layer++) {
    all[`layer${layer}.input`] = uniformInit([hidden, 4 * hidden], Math.sqrt(3 / (2 * hidden))); // W
    all[`layer${layer}.recurrent`] = uniformInit([hidden, 4 * hidden], Math.sqrt(3 / (2 * hidden))); // R
    all[`layer${layer}.bias`] = { shape: [4 * hidden], draw: () => openForget.slice() }; // b
  }
  return all;
}

/** Edges in the order they are read: cell after cell, by the node they enter, then the one they leave, then their operation: presented order does not count. [edges] */
export function readingOrder({ edges, from, to, operation }: PolicyGraph): Int32Array {
  return Int32Array.from({ length: edges }, (_, e) => e).sort((a, b) => to[a]! - to[b]! || from[a]! - from[b]! || operation[a]! - operation[b]!);
}

/** Which edges a batch of sequences reads at each step, from the front or from the back. */
interface Reading {
  /** Edge rows of step t, one a sequence; of a sequence that has ended, row 0, and what is made of it is not read. int32 [steps][sequences] */
  readonly edgeAt: readonly Tensor1D[];
  /** Row of every edge's state among the states of all steps. int32 [edges] */
  readonly stateOfEdge: Tensor1D;
}

function reading(tf: Tensorflow, orders: readonly Int32Array[]): Reading {
  const sequences = orders.length;
  const steps = orders.reduce((longest, { length }) => Math.max(longest, length), 0);
  const edgeAt = Array.from({ length: steps }, () => new Int32Array(sequences));
  const stateOfEdge = new Int32Array(orders.reduce((sum, { length }) => sum + length, 0));
  let first = 0;
  orders.forEach((order, sequence) => {
    order.forEach((edge, t) => {
      edgeAt[t]![sequence] = first + edge;
      stateOfEdge[first + edge] = t * sequences + sequence;
    });
    first += order.length;
  });
  return { edgeAt: edgeAt.map((rows) => tf.tensor1d(rows, 'int32')), stateOfEdge: tf.tensor1d(stateOfEdge, 'int32') };
}

/** The batch's sequences in both directions; the caller disposes their tensors (or calls this inside `tf.tidy`). [forwards, backwards] */
export function lstmReadings(tf: Tensorflow, graphs: readonly PolicyGraph[]): readonly [Reading, Reading] {
  const orders = graphs.map(readingOrder);
  return [reading(tf, orders), reading(tf, orders.map((order) => order.toReversed()))]; // prettier-ignore
}

/** Scores of all candidates of a batch of architectures. -> [candidates, 1] */
export function lstmScores(tf: Tensorflow, config: LstmConfig, parameters: Parameters, batch: GraphBatch, readings: readonly [Reading, Reading]): Tensor2D {
  const { hidden, layers } = config;
  const weight = (name: string): Tensor2D => parameters[name] as Tensor2D;
  const bias = (name: string): Tensor1D => parameters[name] as Tensor1D;
  const sequences = batch.sizes.architectures;
  let x = inputRows(tf, config, parameters, batch); // [edges, hidden]
  for (let layer = 0; layer < layers; layer++) {
    const { edgeAt, stateOfEdge } = readings[layer % 2]!;
    const driven: Tensor2D = tf.matMul(x, weight(`layer${layer}.input`)).add(bias(`layer${layer}.bias`)); // x W + b [edges, 4 hidden]
    let h = tf.zeros<Rank.R2>([sequences, hidden]);
    let c = tf.zeros<Rank.R2>([sequences, hidden]);
    const states = edgeAt.map((edges) => {
      const gates: Tensor2D = gatherRows(tf, driven, edges).add(tf.matMul(h, weight(`layer${layer}.recurrent`))); // [sequences, 4 hidden]
      const [zi, zf, zo, zg] = tf.split(gates, 4, 1) as [Tensor2D, Tensor2D, Tensor2D, Tensor2D]; // [sequences, hidden] each
      const [i, f, o, g] = [tf.sigmoid(zi), tf.sigmoid(zf), tf.sigmoid(zo), tf.tanh(zg)];
      c = f.mul(c).add(i.mul(g));
      h = o.mul(tf.tanh(c));
      return h;
    });
    x = gatherRows(tf, tf.concat2d(states, 0), stateOfEdge); // h_e [edges, hidden]
  }
  const q = activate(tf, tf.matMul(x, weight('head.edge')).add(bias('head.bias'))); // [edges, hidden]
  return candidateProducts(tf, config, parameters, batch, q);
}
