/**
 * The `pair` encoder without TensorFlow, for inference. Everything before the first ReLU is linear in the embeddings, so the
 * embedding, emb_attn and gc1's weight fold into one row for each operation and place; gc2 is not followed by a ReLU, so its
 * weight and fc fold into one matrix:
 *
 *     x_v W_1  = F[first op] + S[second op]                      F[o] = op_hidden[o] W_emb,left^T W_1 + b_emb W_1
 *     h_v      = relu(sum over edges u -> v of x_u W_1 + b_1)     S[o] = op_hidden[o] W_emb,right^T W_1
 *     logits_v = sum over edges u -> v of h_u M + m               M = W_2 W_fc^T,  m = b_2 W_fc^T + b_fc
 */
import type { PolicyCheckpoint } from './checkpoint.ts';
import { pairColumns, type PairConfig } from './pair-encoder.ts';
import { pairColumnOfCandidate, pairRows } from './pair-graph.ts';
import type { Subject } from './subject.ts';

/** a [n, k] times b [k, m], or b^T where b is given as [m, k]. */
function product(a: ArrayLike<number>, b: ArrayLike<number>, n: number, k: number, m: number, transposeB: boolean): Float64Array {
  const result = new Float64Array(n * m);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < m; j++) {
      let sum = 0;
      for (let l = 0; l < k; l++) sum += a[i * k + l]! * (transposeB ? b[j * k + l]! : b[l * m + j]!);
      result[i * m + j] = sum;
    }
  }
  return result;
}

/** Columns start .. start + width of a matrix [rows, of]. */
function columns(data: ArrayLike<number>, rows: number, of: number, start: number, width: number): Float64Array {
  const result = new Float64Array(rows * width);
  for (let r = 0; r < rows; r++) for (let c = 0; c < width; c++) result[r * width + c] = data[r * of + start + c]!;
  return result;
}

/** Scores of a pair policy. */
export class CompiledPairPolicy {
  readonly #config: PairConfig;
  readonly #first: Float64Array; // F [primitives, hidden]
  readonly #second: Float64Array; // S [primitives, hidden]
  readonly #inputs: Float64Array; // node_hidden through emb_attn and W_1 [2, hidden]
  readonly #bias: Float64Array; // b_1 [hidden]
  readonly #output: Float64Array; // M transposed [2 columns, hidden]
  readonly #outputBias: Float64Array; // m [2 columns]

  constructor(config: PairConfig, parameters: PolicyCheckpoint['parameters']) {
    const { embedding, features, hidden, primitives } = config;
    const data = (name: string): Float32Array => parameters.get(name)!.data;
    const outputs = 2 * pairColumns(config);
    const linear = (halfStart: number): Float64Array => {
      const half = columns(data('emb_attn.weight'), features, 2 * embedding, halfStart, embedding); // [features, embedding]
      const throughEmbedding = product(data('op_hidden.weight'), half, primitives.length, embedding, features, true);
      return product(throughEmbedding, data('gc1.weight'), primitives.length, features, hidden, false);
    };
    const shift = product(data('emb_attn.bias'), data('gc1.weight'), 1, features, hidden, false); // b_emb W_1
    this.#config = config;
    this.#first = linear(0).map((value, i) => value + shift[i % hidden]!);
    this.#second = linear(embedding);
    const inputs = product(data('node_hidden.weight'), data('emb_attn.weight'), 2, 2 * embedding, features, true);
    this.#inputs = product(inputs, data('gc1.weight'), 2, features, hidden, false).map((value, i) => value + shift[i % hidden]!);
    this.#bias = Float64Array.from(data('gc1.bias'));
    this.#output = product(data('fc.weight'), data('gc2.weight'), outputs, hidden, hidden, true); // (W_2 W_fc^T)^T
    this.#outputBias = product(data('gc2.bias'), data('fc.weight'), 1, hidden, outputs, true).map((value, i) => value + data('fc.bias')[i]!);
  }

  /** One score a candidate of the subject. @throws DomainError FAILED_PRECONDITION, reason POLICY_NOT_APPLICABLE */
  scores(subject: Subject): Float64Array {
    const config = this.#config;
    const H = config.hidden;
    const width = pairColumns(config);
    const { cells, nodes, first, second, from, to, logitRow } = pairRows(subject, config);
    const rows = 2 * cells + nodes;

    const h = new Float64Array(rows * H); // [rows, hidden]
    for (let v = 0; v < rows; v++) h.set(this.#bias, v * H);
    for (let e = 0; e < from.length; e++) {
      const at = to[e]! * H;
      const source = from[e]!;
      if (source < 2 * cells) {
        const row = (source & 1) * H;
        for (let j = 0; j < H; j++) h[at + j]! += this.#inputs[row + j]!;
      } else {
        const left = first[source - 2 * cells]! * H;
        const right = second[source - 2 * cells]! * H;
        for (let j = 0; j < H; j++) h[at + j]! += this.#first[left + j]! + this.#second[right + j]!;
      }
    }
    const projected = this.#project(h, rows, 2 * width); // relu(h) M [rows, 2 columns]
    const logits = new Float64Array(nodes * 2 * width); // [2 nodes, columns]
    for (let v = 0; v < nodes; v++) logits.set(this.#outputBias, v * 2 * width);
    for (let e = 0; e < from.length; e++) {
      const at = (to[e]! - 2 * cells) * 2 * width;
      const row = from[e]! * 2 * width;
      for (let j = 0; j < 2 * width; j++) logits[at + j]! += projected[row + j]!;
    }
    return this.#candidates(subject, logits, logitRow, width);
  }

  #project(h: Float64Array, rows: number, outputs: number): Float64Array {
    const H = this.#config.hidden;
    const result = new Float64Array(rows * outputs);
    for (let i = 0; i < h.length; i++) if (h[i]! < 0) h[i] = 0;
    for (let v = 0; v < rows; v++) {
      for (let j = 0; j < outputs; j++) {
        let even = 0;
        let odd = 0;
        let i = 0;
        for (; i + 1 < H; i += 2) {
          even += h[v * H + i]! * this.#output[j * H + i]!;
          odd += h[v * H + i + 1]! * this.#output[j * H + i + 1]!;
        }
        if (i < H) even += h[v * H + i]! * this.#output[j * H + i]!;
        result[v * outputs + j] = even + odd;
      }
    }
    return result;
  }

  #candidates(subject: Subject, logits: Float64Array, logitRow: Int32Array, width: number): Float64Array {
    const { decisions, candidateStart } = subject;
    const column = pairColumnOfCandidate(subject, this.#config);
    const scores = new Float64Array(column.length);
    for (let d = 0; d < decisions; d++) {
      for (let i = candidateStart[d]!; i < candidateStart[d + 1]!; i++) scores[i] = logits[logitRow[d]! * width + column[i]!]!;
    }
    return scores;
  }
}
