/** The `lstm` encoder without TensorFlow, for inference: the same equations as lstm-encoder.ts on typed arrays, one architecture at a time. */
import type { PolicyCheckpoint } from '../checkpoint.ts';
import { activate, InputRows, TargetScores, multiplyAdd, Rows, transposed } from './action-head.ts';
import type { PolicyGraph } from '../features/policy-graph.ts';
import { readingOrder, type LstmConfig } from '../networks/lstm.ts';

/** Matrices are stored transposed: one row an output. */
interface Layer {
  /** W. [4 hidden, hidden] */
  readonly input: Float64Array;
  /** R. [4 hidden, hidden] */
  readonly recurrent: Float64Array;
  /** b. [4 hidden] */
  readonly bias: Float64Array;
}

function sigmoid(z: number): number {
  return 1 / (1 + Math.exp(-z));
}

/** Scores of an LSTM policy. */
export class LstmInference {
  readonly #hidden: number;
  readonly #layers: readonly Layer[];
  readonly #input: InputRows;
  readonly #targets: TargetScores;
  readonly #headEdge: Float64Array;
  readonly #headBias: Float64Array;
  readonly #driven = new Rows();
  readonly #q = new Rows();

  constructor(config: LstmConfig, parameters: PolicyCheckpoint['parameters']) {
    const { hidden, layers } = config;
    const data = (name: string): Float32Array => parameters.get(name)!.data;
    this.#hidden = hidden;
    this.#input = new InputRows(config, parameters);
    this.#targets = new TargetScores(config, parameters);
    this.#headEdge = transposed(data('head.edge'), hidden, hidden);
    this.#headBias = Float64Array.from(data('head.bias'));
    this.#layers = Array.from({ length: layers }, (_, layer) => ({
      input: transposed(data(`layer${layer}.input`), hidden, 4 * hidden),
      recurrent: transposed(data(`layer${layer}.recurrent`), hidden, 4 * hidden),
      bias: Float64Array.from(data(`layer${layer}.bias`)),
    }));
  }

  /** One score a candidate, in the order of the graph's candidates. */
  scores(graph: PolicyGraph): Float64Array {
    const H = this.#hidden;
    const { edges } = graph;
    const x = this.#input.rows(graph); // [edges, hidden], then the states of the layer before
    const forwards = readingOrder(graph);
    const backwards = forwards.toReversed();
    this.#layers.forEach((layer, l) => this.#read(layer, x, l % 2 === 0 ? forwards : backwards)); // prettier-ignore
    const q = this.#q.cleared(edges * H);
    for (let e = 0; e < edges; e++) q.set(this.#headBias, e * H);
    multiplyAdd(x, H, this.#headEdge, q, H, edges);
    for (let i = 0; i < edges * H; i++) q[i] = activate(q[i]!);
    return this.#targets.scores(graph, q);
  }

  /** Replaces every row of x by the state after it was read. */
  #read({ input, recurrent, bias }: Layer, x: Float64Array, order: Int32Array): void {
    const H = this.#hidden;
    const driven = this.#driven.cleared(order.length * 4 * H); // x W + b [edges, 4 hidden]
    for (let e = 0; e < order.length; e++) driven.set(bias, e * 4 * H);
    multiplyAdd(x, H, input, driven, 4 * H, order.length);
    const h = new Float64Array(H);
    const c = new Float64Array(H);
    for (const e of order) {
      const gates = driven.subarray(e * 4 * H, (e + 1) * 4 * H); // [i, f, o, g]
      multiplyAdd(h, H, recurrent, gates, 4 * H, 1);
      for (let j = 0; j < H; j++) {
        const i = sigmoid(gates[j]!);
        const f = sigmoid(gates[H + j]!);
        const o = sigmoid(gates[2 * H + j]!);
        const g = Math.tanh(gates[3 * H + j]!);
        c[j] = f * c[j]! + i * g;
        h[j] = o * Math.tanh(c[j]!);
      }
      x.set(h, e * H);
    }
  }
}
