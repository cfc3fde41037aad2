/**
 * candidate-head.ts without TensorFlow, and the sums over typed arrays that the compiled encoders are made of. What depends only on an operation (its
 * embedding, its features through the first layer, its part of the head) is folded into one table row an operation.
 */
import { SLOPE, type Embedded } from '../networks/action-head.ts';
import type { PolicyCheckpoint } from '../checkpoint.ts';
import { CANDIDATE_FEATURE_COUNT, EDGE_FEATURE_COUNT, type PolicyGraph } from '../features/policy-graph.ts';
import { embeddingRows, OPERATION_FEATURES, OPERATION_FEATURE_COUNT } from '../features/operation-features.ts';

const STRUCTURE_COUNT = EDGE_FEATURE_COUNT - OPERATION_FEATURE_COUNT;

/** What the head needs to know of a policy. */
export type HeadConfig = Embedded & { readonly hidden: number };

/** A matrix [rows, columns] as [columns, rows]. */
export function transposed(data: ArrayLike<number>, rows: number, columns: number): Float64Array {
  const result = new Float64Array(rows * columns);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) result[c * rows + r] = data[r * columns + c]!;
  return result;
}

/** s. */
export function activate(value: number): number {
  return value > 0 ? value : SLOPE * value;
}

/** y += x W for each row, W transposed. x: [rows, inputs], y: [rows, outputs]; rows with a 0 in `only` are left out. Four outputs share each read of x. */
export function multiplyAdd(x: Float64Array, inputs: number, w: Float64Array, y: Float64Array, outputs: number, rows: number, only?: Uint8Array): void {
  for (let row = 0; row < rows; row++) {
    if (only !== undefined && only[row] === 0) continue;
    const from = row * inputs;
    const to = row * outputs;
    let j = 0;
    for (; j + 3 < outputs; j += 4) {
      const w0 = j * inputs;
      const w1 = w0 + inputs;
      const w2 = w1 + inputs;
      const w3 = w2 + inputs;
      let sum0 = 0;
      let sum1 = 0;
      let sum2 = 0;
      let sum3 = 0;
      for (let i = 0; i < inputs; i++) {
        const value = x[from + i]!;
        sum0 += value * w[w0 + i]!;
        sum1 += value * w[w1 + i]!;
        sum2 += value * w[w2 + i]!;
        sum3 += value * w[w3 + i]!;
      }
      y[to + j]! += sum0;
      y[to + j + 1]! += sum1;
      y[to + j + 2]! += sum2;
      y[to + j + 3]! += sum3;
    }
    for (; j < outputs; j++) {
      let sum = 0;
      for (let i = 0; i < inputs; i++) sum += x[from + i]! * w[j * inputs + i]!;
      y[to + j]! += sum;
    }
  }
}

/** Rows of zeros added to, kept for the next architecture that fits. */
export class Rows {
  values = new Float64Array(0);

  cleared(size: number): Float64Array {
    if (this.values.length < size) this.values = new Float64Array(size);
    else this.values.fill(0, 0, size);
    return this.values;
  }
}

/** bias + embedding[op] + features(op) W for every operation; an operation without an embedding, or a policy without any, adds none. [operations, hidden] */
function operationTable({ hidden, embeddings = [] }: HeadConfig, embedding: Float32Array | undefined, weight: Float32Array, bias: Float32Array): Float64Array {
  const rows = new Float64Array(OPERATION_FEATURES.length * hidden);
  const rowOf = embeddingRows(embeddings);
  OPERATION_FEATURES.forEach((description, operation) => {
    const row = rowOf[operation]!;
    for (let j = 0; j < hidden; j++) {
      let sum = bias[j]! + (row < embeddings.length ? embedding![row * hidden + j]! : 0);
      for (let i = 0; i < OPERATION_FEATURE_COUNT; i++) sum += description[i]! * weight[i * hidden + j]!;
      rows[operation * hidden + j] = sum;
    }
  });
  return rows;
}

/** How edges are read. */
export class InputRows {
  readonly #hidden: number;
  /** b_x + E[op] + features(op) W_x. [operations, hidden] */
  readonly #table: Float64Array;
  /** W_x of the structure features, transposed. [hidden, structure] */
  readonly #structureWeight: Float64Array;
  readonly #structure = new Rows();
  readonly #x = new Rows();

  constructor(config: HeadConfig, parameters: PolicyCheckpoint['parameters']) {
    const { hidden } = config;
    const data = (name: string): Float32Array => parameters.get(`input.${name}`)!.data;
    this.#hidden = hidden;
    this.#table = operationTable(config, parameters.get('input.operation')?.data, data('weight'), data('bias'));
    this.#structureWeight = transposed(data('weight').subarray(OPERATION_FEATURE_COUNT * hidden), STRUCTURE_COUNT, hidden);
  }

  /** x of every edge, valid until the next call. [edges, hidden] */
  rows({ edges, operation, edgeFeatures }: PolicyGraph): Float64Array {
    const H = this.#hidden;
    const x = this.#x.cleared(edges * H);
    const structure = this.#structure.cleared(edges * STRUCTURE_COUNT);
    for (let e = 0; e < edges; e++) {
      const features = e * EDGE_FEATURE_COUNT + OPERATION_FEATURE_COUNT;
      for (let i = 0; i < STRUCTURE_COUNT; i++) structure[e * STRUCTURE_COUNT + i] = edgeFeatures[features + i]!;
      const table = operation[e]! * H;
      for (let j = 0; j < H; j++) x[e * H + j] = this.#table[table + j]!;
    }
    multiplyAdd(structure, STRUCTURE_COUNT, this.#structureWeight, x, H, edges);
    for (let i = 0; i < edges * H; i++) x[i] = activate(x[i]!);
    return x;
  }
}

/** How candidates are scored. */
export class TargetScores {
  readonly #hidden: number;
  /** T[op] + features(op) U_target. [operations, hidden] */
  readonly #table: Float64Array;
  /** U_target of keep, params and MACs. [3, hidden] */
  readonly #rest: Float64Array;

  constructor(config: HeadConfig, parameters: PolicyCheckpoint['parameters']) {
    const { hidden } = config;
    const data = (name: string): Float32Array => parameters.get(`head.${name}`)!.data;
    this.#hidden = hidden;
    this.#table = operationTable(config, parameters.get('head.operation')?.data, data('target'), new Float32Array(hidden));
    this.#rest = Float64Array.from(data('target').subarray(OPERATION_FEATURE_COUNT * hidden));
  }

  /** One score a candidate, in the order of the graph's candidates. q: [edges, hidden] */
  scores({ edgeOfCandidate, candidateOperation, candidateFeatures }: PolicyGraph, q: Float64Array): Float64Array {
    const H = this.#hidden;
    const table = this.#table;
    const rest = this.#rest;
    const scores = new Float64Array(edgeOfCandidate.length);
    for (let r = 0; r < scores.length; r++) {
      const at = edgeOfCandidate[r]! * H;
      const row = candidateOperation[r]! * H;
      const features = r * CANDIDATE_FEATURE_COUNT + OPERATION_FEATURE_COUNT;
      const keep = candidateFeatures[features]!;
      const params = candidateFeatures[features + 1]!;
      const macs = candidateFeatures[features + 2]!;
      let score = 0;
      for (let j = 0; j < H; j++) {
        score += q[at + j]! * (table[row + j]! + keep * rest[j]! + params * rest[H + j]! + macs * rest[2 * H + j]!);
      }
      scores[r] = score / Math.sqrt(H);
    }
    return scores;
  }
}
