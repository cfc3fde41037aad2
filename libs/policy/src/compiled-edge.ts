/**
 * The `edge` encoder without TensorFlow, for inference: the same equations as edge-encoder.ts on typed arrays, one
 * architecture at a time. What depends only on an operation (its embedding, its features through the first layer, its part
 * of the head) is folded into one table row an operation; the linear maps of a node are computed once a node, not an edge,
 * and only where the node has edges to feed or to read.
 */
import type { PolicyCheckpoint } from './checkpoint.ts';
import { SLOPE, type EdgeConfig } from './edge-encoder.ts';
import { CANDIDATE_FEATURE_COUNT, EDGE_FEATURE_COUNT, type PolicyGraph } from './graph.ts';
import { OPERATION_FEATURES, OPERATION_FEATURE_COUNT } from './operation-features.ts';

const STRUCTURE_COUNT = EDGE_FEATURE_COUNT - OPERATION_FEATURE_COUNT;

/** Matrices are stored transposed: one row an output. */
interface Layer {
  readonly self: Float64Array;
  /** W_from and W_to, each in the halves that meet the mean of incoming and of outgoing edges. */
  readonly fromIn: Float64Array;
  readonly fromOut: Float64Array;
  readonly toIn: Float64Array;
  readonly toOut: Float64Array;
  readonly cell: Float64Array;
  readonly architecture: Float64Array;
  readonly bias: Float64Array;
}

/** A matrix [rows, columns] as [columns, rows]. */
function transposed(data: ArrayLike<number>, rows: number, columns: number): Float64Array {
  const result = new Float64Array(rows * columns);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) result[c * rows + r] = data[r * columns + c]!;
  return result;
}

function activate(value: number): number {
  return value > 0 ? value : SLOPE * value;
}

/** y += x W for each row, W transposed. x: [rows, inputs], y: [rows, outputs]; rows with a 0 in `only` are left out. Four outputs share each read of x. */
function multiplyAdd(x: Float64Array, inputs: number, w: Float64Array, y: Float64Array, outputs: number, rows: number, only?: Uint8Array): void {
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
class Rows {
  values = new Float64Array(0);

  cleared(size: number): Float64Array {
    if (this.values.length < size) this.values = new Float64Array(size);
    else this.values.fill(0, 0, size);
    return this.values;
  }
}

/** Scores of an edge policy. */
export class CompiledEdgePolicy {
  readonly #hidden: number;
  readonly #layers: readonly Layer[];
  /** b_x + E[op] + features(op) W_x. [operations, hidden] */
  readonly #inputTable: Float64Array;
  /** W_x of the structure features, transposed. [hidden, structure] */
  readonly #inputStructure: Float64Array;
  /** T[op] + features(op) U_target. [operations, hidden] */
  readonly #targetTable: Float64Array;
  /** U_target of keep, params and MACs. [3, hidden] */
  readonly #targetRest: Float64Array;
  readonly #headEdge: Float64Array;
  readonly #headCell: Float64Array;
  readonly #headBias: Float64Array;
  readonly #structure = new Rows();
  readonly #h = new Rows();
  readonly #message = new Rows();
  readonly #inMean = new Rows();
  readonly #outMean = new Rows();
  readonly #fromPart = new Rows();
  readonly #toPart = new Rows();
  readonly #cellMean = new Rows();
  readonly #context = new Rows();
  readonly #whole = new Rows();
  readonly #wholePart = new Rows();

  constructor(config: EdgeConfig, parameters: PolicyCheckpoint['parameters']) {
    const { hidden, layers } = config;
    const data = (name: string): Float32Array => parameters.get(name)!.data;
    const square = (name: string, half = 0): Float64Array => transposed(data(name).subarray(half * hidden * hidden), hidden, hidden);
    this.#hidden = hidden;
    const table = (embedding: Float32Array, weight: Float32Array, bias: Float32Array): Float64Array => {
      const rows = new Float64Array(OPERATION_FEATURES.length * hidden);
      OPERATION_FEATURES.forEach((description, operation) => {
        for (let j = 0; j < hidden; j++) {
          let sum = bias[j]! + embedding[operation * hidden + j]!;
          for (let i = 0; i < OPERATION_FEATURE_COUNT; i++) sum += description[i]! * weight[i * hidden + j]!;
          rows[operation * hidden + j] = sum;
        }
      });
      return rows;
    };
    this.#inputTable = table(data('input.operation'), data('input.weight'), data('input.bias'));
    this.#inputStructure = transposed(data('input.weight').subarray(OPERATION_FEATURE_COUNT * hidden), STRUCTURE_COUNT, hidden);
    this.#targetTable = table(data('head.operation'), data('head.target'), new Float32Array(hidden));
    this.#targetRest = Float64Array.from(data('head.target').subarray(OPERATION_FEATURE_COUNT * hidden));
    this.#headEdge = square('head.edge');
    this.#headCell = square('head.cell');
    this.#headBias = Float64Array.from(data('head.bias'));
    this.#layers = Array.from({ length: layers }, (_, layer) => {
      const name = (part: string): string => `layer${layer}.${part}`;
      return {
        self: square(name('self')),
        fromIn: square(name('from'), 0),
        fromOut: square(name('from'), 1),
        toIn: square(name('to'), 0),
        toOut: square(name('to'), 1),
        cell: square(name('cell')),
        architecture: square(name('architecture')),
        bias: Float64Array.from(data(name('bias'))),
      };
    });
  }

  /** One score a candidate, in the order of the graph's candidates. */
  scores(graph: PolicyGraph): Float64Array {
    const H = this.#hidden;
    const { edges, nodes, cells, from, to, cellOfEdge } = graph;
    const degrees = new Degrees(graph);
    const h = this.#input(graph); // [edges, hidden]
    for (const layer of this.#layers) {
      const inMean = this.#inMean.cleared(nodes * H);
      const outMean = this.#outMean.cleared(nodes * H);
      degrees.nodeMeans(h, inMean, outMean, H);
      const fromPart = this.#fromPart.cleared(nodes * H); // n_v W_from
      multiplyAdd(inMean, H, layer.fromIn, fromPart, H, nodes, degrees.isPassed);
      multiplyAdd(outMean, H, layer.fromOut, fromPart, H, nodes, degrees.isLeft);
      const toPart = this.#toPart.cleared(nodes * H); // n_v W_to
      multiplyAdd(inMean, H, layer.toIn, toPart, H, nodes, degrees.isEntered);
      multiplyAdd(outMean, H, layer.toOut, toPart, H, nodes, degrees.isPassed);

      const cellMean = this.#cellMean.cleared(cells * H);
      const whole = this.#whole.cleared(H);
      degrees.cellMeans(h, cellMean, whole, H);
      const wholePart = this.#wholePart.cleared(H); // a W_arch + b
      wholePart.set(layer.bias);
      multiplyAdd(whole, H, layer.architecture, wholePart, H, 1);
      const context = this.#context.cleared(cells * H); // c W_cell + a W_arch + b
      for (let c = 0; c < cells; c++) for (let j = 0; j < H; j++) context[c * H + j] = wholePart[j]!;
      multiplyAdd(cellMean, H, layer.cell, context, H, cells);

      const message = this.#message.cleared(edges * H);
      for (let e = 0; e < edges; e++) {
        const f = from[e]! * H;
        const t = to[e]! * H;
        const c = cellOfEdge[e]! * H;
        for (let j = 0; j < H; j++) message[e * H + j] = fromPart[f + j]! + toPart[t + j]! + context[c + j]!;
      }
      multiplyAdd(h, H, layer.self, message, H, edges);
      for (let i = 0; i < edges * H; i++) h[i]! += activate(message[i]!);
    }
    const cellMean = this.#cellMean.cleared(cells * H);
    degrees.cellMeans(h, cellMean, this.#whole.cleared(H), H);
    return this.#head(graph, h, cellMean);
  }

  #input({ edges, operation, edgeFeatures }: PolicyGraph): Float64Array {
    const H = this.#hidden;
    const h = this.#h.cleared(edges * H);
    const structure = this.#structure.cleared(edges * STRUCTURE_COUNT);
    for (let e = 0; e < edges; e++) {
      const features = e * EDGE_FEATURE_COUNT + OPERATION_FEATURE_COUNT;
      for (let i = 0; i < STRUCTURE_COUNT; i++) structure[e * STRUCTURE_COUNT + i] = edgeFeatures[features + i]!;
      const table = operation[e]! * H;
      for (let j = 0; j < H; j++) h[e * H + j] = this.#inputTable[table + j]!;
    }
    multiplyAdd(structure, STRUCTURE_COUNT, this.#inputStructure, h, H, edges);
    for (let i = 0; i < edges * H; i++) h[i] = activate(h[i]!);
    return h;
  }

  #head(graph: PolicyGraph, h: Float64Array, cellMean: Float64Array): Float64Array {
    const H = this.#hidden;
    const { edges, cells, cellOfEdge, edgeOfCandidate, candidateOperation, candidateFeatures } = graph;
    const context = this.#context.cleared(cells * H);
    multiplyAdd(cellMean, H, this.#headCell, context, H, cells);
    const q = this.#message.cleared(edges * H);
    for (let e = 0; e < edges; e++) for (let j = 0; j < H; j++) q[e * H + j] = context[cellOfEdge[e]! * H + j]! + this.#headBias[j]!;
    multiplyAdd(h, H, this.#headEdge, q, H, edges);
    for (let i = 0; i < edges * H; i++) q[i] = activate(q[i]!);
    const table = this.#targetTable;
    const rest = this.#targetRest;
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

/** How many edges meet where, and means over them. */
class Degrees {
  /** 1 where edges enter a node, leave it, do both. */
  readonly isEntered: Uint8Array;
  readonly isLeft: Uint8Array;
  readonly isPassed: Uint8Array;
  readonly #entering: Int32Array;
  readonly #leaving: Int32Array;
  readonly #inCell: Int32Array;
  readonly #graph: PolicyGraph;

  constructor(graph: PolicyGraph) {
    this.#graph = graph;
    this.#entering = new Int32Array(graph.nodes);
    this.#leaving = new Int32Array(graph.nodes);
    this.#inCell = new Int32Array(graph.cells);
    for (let e = 0; e < graph.edges; e++) {
      this.#entering[graph.to[e]!]!++;
      this.#leaving[graph.from[e]!]!++;
      this.#inCell[graph.cellOfEdge[e]!]!++;
    }
    this.isEntered = new Uint8Array(graph.nodes);
    this.isLeft = new Uint8Array(graph.nodes);
    this.isPassed = new Uint8Array(graph.nodes);
    for (let v = 0; v < graph.nodes; v++) {
      this.isEntered[v] = this.#entering[v]! > 0 ? 1 : 0;
      this.isLeft[v] = this.#leaving[v]! > 0 ? 1 : 0;
      this.isPassed[v] = this.isEntered[v]! & this.isLeft[v]!;
    }
  }

  /** Means over the edges into and out of each node, added to rows of zeros. [nodes, hidden] each */
  nodeMeans(h: Float64Array, inMean: Float64Array, outMean: Float64Array, H: number): void {
    const { edges, from, to } = this.#graph;
    for (let e = 0; e < edges; e++) {
      const into = to[e]! * H;
      const outOf = from[e]! * H;
      const inShare = 1 / this.#entering[to[e]!]!;
      const outShare = 1 / this.#leaving[from[e]!]!;
      for (let j = 0; j < H; j++) {
        const value = h[e * H + j]!;
        inMean[into + j]! += value * inShare;
        outMean[outOf + j]! += value * outShare;
      }
    }
  }

  /** Means over each cell and over all edges, added to rows of zeros. [cells, hidden], [hidden] */
  cellMeans(h: Float64Array, cellMean: Float64Array, whole: Float64Array, H: number): void {
    const { edges, cellOfEdge } = this.#graph;
    for (let e = 0; e < edges; e++) {
      const at = cellOfEdge[e]! * H;
      const share = 1 / this.#inCell[cellOfEdge[e]!]!;
      for (let j = 0; j < H; j++) {
        const value = h[e * H + j]!;
        cellMean[at + j]! += value * share;
        whole[j]! += value / edges;
      }
    }
  }
}
