/**
 * The `pair` encoder without TensorFlow, for inference. Everything before the first ReLU is linear in the embeddings, so the
 * embedding, emb_attn and gc1's weight fold into one row for each operation and place; gc2 is not followed by a ReLU, so its
 * weight and fc fold into one matrix:
 *
 *     x_v W_1  = F[first op] + S[second op]                      F[o] = op_hidden[o] W_emb,left^T W_1 + b_emb W_1
 *     h_v      = relu(sum over edges u -> v of x_u W_1 + b_1)     S[o] = op_hidden[o] W_emb,right^T W_1
 *     logits_v = sum over edges u -> v of h_u M + m               M = W_2 W_fc^T,  m = b_2 W_fc^T + b_fc
 *
 * h_u M depends only on what the two sources of u are: an input of the cell, or a pair of operations. There are few such pairs
 * of sources, so each is computed when it is first met and kept.
 */
import type { PolicyCheckpoint } from '../checkpoint.ts';
import { gcnColumns, type GcnConfig } from '../networks/gcn.ts';
import { gcnColumnOfCandidate, gcnRows } from '../networks/gcn-graph.ts';
import type { Environment } from '../../mdp/environment.ts';

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

/** Numbers kept for pairs of sources at most; a policy of more operations recomputes them each time. */
const MAX_KEPT = 4_000_000;

/** Scores of a pair policy. */
export class GcnInference {
  readonly #config: GcnConfig;
  readonly #width: number; // columns of both edges of a node
  /** x W_1 of each source: the two inputs, then every pair of operations. [sources, hidden] */
  readonly #sources: Float64Array;
  readonly #bias: Float64Array; // b_1 [hidden]
  readonly #output: Float64Array; // M transposed [width, hidden]
  readonly #outputBias: Float64Array; // m [width]
  /** h_u M of a cell input, which has no sources: relu(b_1) M. [width] */
  readonly #fromInput: Float64Array;
  /** h_u M by pair of sources; empty where there are too many. [sources, sources, width] */
  readonly #kept: Float64Array;
  readonly #isKept: Uint8Array;
  readonly #h: Float64Array;

  constructor(config: GcnConfig, parameters: PolicyCheckpoint['parameters']) {
    const { embedding, features, hidden, primitives } = config;
    const data = (name: string): Float32Array => parameters.get(name)!.data;
    const width = 2 * gcnColumns(config);
    const linear = (halfStart: number): Float64Array => {
      const half = columns(data('emb_attn.weight'), features, 2 * embedding, halfStart, embedding); // [features, embedding]
      const throughEmbedding = product(data('op_hidden.weight'), half, primitives.length, embedding, features, true);
      return product(throughEmbedding, data('gc1.weight'), primitives.length, features, hidden, false);
    };
    const shift = product(data('emb_attn.bias'), data('gc1.weight'), 1, features, hidden, false); // b_emb W_1
    const first = linear(0);
    const second = linear(embedding);
    const inputs = product(
      product(data('node_hidden.weight'), data('emb_attn.weight'), 2, 2 * embedding, features, true),
      data('gc1.weight'),
      2,
      features,
      hidden,
      false,
    );
    const sources = 2 + primitives.length ** 2;
    this.#config = config;
    this.#width = width;
    this.#sources = new Float64Array(sources * hidden);
    for (let source = 0; source < sources; source++) {
      const left = Math.floor((source - 2) / primitives.length);
      const right = (source - 2) % primitives.length;
      for (let j = 0; j < hidden; j++) {
        const linearPart = source < 2 ? inputs[source * hidden + j]! : first[left * hidden + j]! + second[right * hidden + j]!;
        this.#sources[source * hidden + j] = linearPart + shift[j]!;
      }
    }
    this.#bias = Float64Array.from(data('gc1.bias'));
    this.#output = product(data('fc.weight'), data('gc2.weight'), width, hidden, hidden, true); // (W_2 W_fc^T)^T
    this.#outputBias = product(data('gc2.bias'), data('fc.weight'), 1, hidden, width, true).map((value, i) => value + data('fc.bias')[i]!);
    this.#h = new Float64Array(hidden);
    this.#fromInput = new Float64Array(width);
    this.#h.set(this.#bias);
    this.#project(this.#fromInput, 0);
    const keeps = sources ** 2 * width <= MAX_KEPT;
    this.#kept = new Float64Array(keeps ? sources ** 2 * width : width);
    this.#isKept = new Uint8Array(keeps ? sources ** 2 : 0);
  }

  /** One score a candidate of the environment. @throws DomainError FAILED_PRECONDITION, reason POLICY_NOT_APPLICABLE */
  scores(environment: Environment): Float64Array {
    const width = this.#width;
    const { cells, nodes, first, second, from, to, logitRow } = gcnRows(environment, this.#config);
    const operations = this.#config.primitives.length;
    const sourceOf = (row: number): number => (row < 2 * cells ? row & 1 : 2 + first[row - 2 * cells]! * operations + second[row - 2 * cells]!);

    const reads = new Int32Array(2 * nodes).fill(-1); // the two sources of each own node
    for (let e = 0; e < from.length; e++) {
      const at = 2 * (to[e]! - 2 * cells);
      reads[reads[at]! < 0 ? at : at + 1] = sourceOf(from[e]!);
    }
    const logits = new Float64Array(nodes * width); // [nodes, 2 columns]
    for (let v = 0; v < nodes; v++) logits.set(this.#outputBias, v * width);
    for (let e = 0; e < from.length; e++) {
      const at = (to[e]! - 2 * cells) * width;
      const u = from[e]! - 2 * cells;
      const table = u < 0 ? this.#fromInput : this.#kept;
      const row = u < 0 ? 0 : this.#pair(reads[2 * u]!, reads[2 * u + 1]!);
      for (let j = 0; j < width; j++) logits[at + j]! += table[row + j]!;
    }
    return this.#candidates(environment, logits, logitRow);
  }

  /** Where h_u M of a node with these sources lies in the kept numbers. */
  #pair(one: number, other: number): number {
    const [a, b] = one < other ? [one, other] : [other, one];
    const H = this.#config.hidden;
    const index = (a * this.#sources.length) / H + b;
    const keeps = this.#isKept.length > 0;
    const row = keeps ? index * this.#width : 0;
    if (keeps && this.#isKept[index] === 1) return row;
    for (let j = 0; j < H; j++) this.#h[j] = this.#bias[j]! + this.#sources[a * H + j]! + this.#sources[b * H + j]!;
    this.#project(this.#kept, row);
    if (keeps) this.#isKept[index] = 1;
    return row;
  }

  /** result[at..] = relu(h) M. */
  #project(result: Float64Array, at: number): void {
    const h = this.#h;
    const output = this.#output;
    for (let j = 0; j < this.#width; j++) {
      const row = j * h.length;
      let sum = 0;
      for (let i = 0; i < h.length; i++) if (h[i]! > 0) sum += h[i]! * output[row + i]!;
      result[at + j] = sum;
    }
  }

  #candidates(environment: Environment, logits: Float64Array, logitRow: Int32Array): Float64Array {
    const { decisions, candidateStart } = environment;
    const column = gcnColumnOfCandidate(environment, this.#config);
    const perEdge = this.#width / 2;
    const scores = new Float64Array(column.length);
    for (let d = 0; d < decisions; d++) {
      for (let i = candidateStart[d]!; i < candidateStart[d + 1]!; i++) scores[i] = logits[logitRow[d]! * perEdge + column[i]!]!;
    }
    return scores;
  }
}
