/**
 * The `edge` encoder without TensorFlow, for inference: the same equations as edge-encoder.ts on typed arrays, one
 * architecture at a time. What depends only on an operation (its embedding, its features through the first layer, its part
 * of the head) is folded into one table row an operation; the linear maps of a node are computed once a node, not an edge.
 */
import type { PolicyCheckpoint } from './checkpoint.ts';
import type { EdgeConfig } from './edge-encoder.ts';
import { CANDIDATE_FEATURE_COUNT, EDGE_FEATURE_COUNT, type PolicyGraph } from './graph.ts';
import { OPERATION_FEATURES, OPERATION_FEATURE_COUNT } from './operation-features.ts';

interface Layer {
  /** Each stored transposed, one row an output. */
  readonly self: Float64Array;
  readonly from: Float64Array;
  readonly to: Float64Array;
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

/** y[yAt..] += x[xAt..] W, W transposed [outputs, inputs]. Four outputs share each input read. */
function multiplyAdd(x: Float64Array, xAt: number, inputs: number, w: Float64Array, y: Float64Array, yAt: number, outputs: number): void {
  let j = 0;
  for (; j + 3 < outputs; j += 4) {
    const row0 = j * inputs;
    const row1 = row0 + inputs;
    const row2 = row1 + inputs;
    const row3 = row2 + inputs;
    let sum0 = 0;
    let sum1 = 0;
    let sum2 = 0;
    let sum3 = 0;
    for (let i = 0; i < inputs; i++) {
      const value = x[xAt + i]!;
      sum0 += value * w[row0 + i]!;
      sum1 += value * w[row1 + i]!;
      sum2 += value * w[row2 + i]!;
      sum3 += value * w[row3 + i]!;
    }
    y[yAt + j]! += sum0;
    y[yAt + j + 1]! += sum1;
    y[yAt + j + 2]! += sum2;
    y[yAt + j + 3]! += sum3;
  }
  for (; j < outputs; j++) {
    let sum = 0;
    for (let i = 0; i < inputs; i++) sum += x[xAt + i]! * w[j * inputs + i]!;
    y[yAt + j]! += sum;
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
  /** u + T[op] + features(op) U_target. [operations, hidden] */
  readonly #targetTable: Float64Array;
  /** U_target of the other candidate features. [rest, hidden] */
  readonly #targetRest: Float64Array;
  readonly #headEdge: Float64Array;
  readonly #headCell: Float64Array;
  readonly #score: Float64Array;
  #space = new Float64Array(0);

  constructor(config: EdgeConfig, parameters: PolicyCheckpoint['parameters']) {
    const { hidden, layers } = config;
    const data = (name: string): Float32Array => parameters.get(name)!.data;
    const square = (name: string): Float64Array => transposed(data(name), hidden, hidden);
    this.#hidden = hidden;
    const features = OPERATION_FEATURE_COUNT;
    const table = (embedding: Float32Array, weight: Float32Array, bias: Float32Array): Float64Array => {
      const rows = new Float64Array(OPERATION_FEATURES.length * hidden);
      OPERATION_FEATURES.forEach((description, operation) => {
        for (let j = 0; j < hidden; j++) {
          let sum = bias[j]! + embedding[operation * hidden + j]!;
          for (let i = 0; i < features; i++) sum += description[i]! * weight[i * hidden + j]!;
          rows[operation * hidden + j] = sum;
        }
      });
      return rows;
    };
    this.#inputTable = table(data('input.operation'), data('input.weight'), data('input.bias'));
    this.#inputStructure = transposed(data('input.weight').subarray(features * hidden), EDGE_FEATURE_COUNT - features, hidden);
    this.#targetTable = table(data('head.operation'), data('head.target'), data('head.bias'));
    this.#targetRest = Float64Array.from(data('head.target').subarray(features * hidden));
    this.#headEdge = square('head.edge');
    this.#headCell = square('head.cell');
    this.#score = Float64Array.from(data('head.score'));
    this.#layers = Array.from({ length: layers }, (_, layer) => {
      const name = (part: string): string => `layer${layer}.${part}`;
      return {
        self: square(name('self')),
        from: transposed(data(name('from')), 2 * hidden, hidden),
        to: transposed(data(name('to')), 2 * hidden, hidden),
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
    const space = this.#reserve(H * (2 * edges + 4 * nodes + 2 * cells + 2));
    let position = 0;
    const take = (rows: number): Float64Array => {
      const part = space.subarray(position, position + rows * H);
      position += rows * H;
      return part;
    };
    const h = take(edges);
    const message = take(edges);
    const mean = take(2 * nodes); // [nodes, 2 hidden]
    const fromPart = take(nodes);
    const toPart = take(nodes);
    const cellMean = take(cells);
    const context = take(cells);
    const whole = take(1);
    const wholePart = take(1);

    this.#input(graph, h);
    const shares = new Shares(graph);
    for (const layer of this.#layers) {
      shares.nodeMeans(h, mean, H);
      shares.cellMeans(h, cellMean, whole, H);
      fromPart.fill(0);
      toPart.fill(0);
      for (let v = 0; v < nodes; v++) {
        if (shares.leaving[v]! > 0) multiplyAdd(mean, v * 2 * H, 2 * H, layer.from, fromPart, v * H, H);
        if (shares.entering[v]! > 0) multiplyAdd(mean, v * 2 * H, 2 * H, layer.to, toPart, v * H, H);
      }
      wholePart.set(layer.bias);
      multiplyAdd(whole, 0, H, layer.architecture, wholePart, 0, H);
      for (let c = 0; c < cells; c++) {
        context.set(wholePart, c * H);
        multiplyAdd(cellMean, c * H, H, layer.cell, context, c * H, H);
      }
      for (let e = 0; e < edges; e++) {
        const at = e * H;
        const f = from[e]! * H;
        const t = to[e]! * H;
        const c = cellOfEdge[e]! * H;
        for (let j = 0; j < H; j++) message[at + j] = fromPart[f + j]! + toPart[t + j]! + context[c + j]!;
        multiplyAdd(h, at, H, layer.self, message, at, H);
      }
      for (let i = 0; i < edges * H; i++) if (message[i]! > 0) h[i]! += message[i]!;
    }
    shares.cellMeans(h, cellMean, whole, H);
    return this.#head(graph, h, cellMean, context, message);
  }

  #reserve(size: number): Float64Array {
    if (this.#space.length < size) this.#space = new Float64Array(size);
    return this.#space;
  }

  #input({ edges, operation, edgeFeatures }: PolicyGraph, h: Float64Array): void {
    const H = this.#hidden;
    const structure = EDGE_FEATURE_COUNT - OPERATION_FEATURE_COUNT;
    const row = new Float64Array(structure);
    for (let e = 0; e < edges; e++) {
      const at = e * H;
      const table = operation[e]! * H;
      for (let j = 0; j < H; j++) h[at + j] = this.#inputTable[table + j]!;
      const features = e * EDGE_FEATURE_COUNT + OPERATION_FEATURE_COUNT;
      for (let i = 0; i < structure; i++) row[i] = edgeFeatures[features + i]!;
      multiplyAdd(row, 0, structure, this.#inputStructure, h, at, H);
      for (let j = 0; j < H; j++) if (h[at + j]! < 0) h[at + j] = 0;
    }
  }

  #head(graph: PolicyGraph, h: Float64Array, cellMean: Float64Array, context: Float64Array, joint: Float64Array): Float64Array {
    const H = this.#hidden;
    const { edges, cells, cellOfEdge, edgeOfCandidate, candidateOperation, candidateFeatures } = graph;
    context.fill(0);
    for (let c = 0; c < cells; c++) multiplyAdd(cellMean, c * H, H, this.#headCell, context, c * H, H);
    for (let e = 0; e < edges; e++) {
      const at = e * H;
      const c = cellOfEdge[e]! * H;
      for (let j = 0; j < H; j++) joint[at + j] = context[c + j]!;
      multiplyAdd(h, at, H, this.#headEdge, joint, at, H);
    }
    const rest = this.#targetRest;
    const scores = new Float64Array(edgeOfCandidate.length);
    for (let r = 0; r < scores.length; r++) {
      const at = edgeOfCandidate[r]! * H;
      const table = candidateOperation[r]! * H;
      const features = r * CANDIDATE_FEATURE_COUNT + OPERATION_FEATURE_COUNT;
      const keep = candidateFeatures[features]!;
      const params = candidateFeatures[features + 1]!;
      const macs = candidateFeatures[features + 2]!;
      let score = 0;
      for (let j = 0; j < H; j++) {
        const value = joint[at + j]! + this.#targetTable[table + j]! + keep * rest[j]! + params * rest[H + j]! + macs * rest[2 * H + j]!;
        if (value > 0) score += value * this.#score[j]!;
      }
      scores[r] = score;
    }
    return scores;
  }
}

/** Means of edge rows over nodes, cells and the whole architecture. */
class Shares {
  /** Edges into and out of each node, and of each cell. */
  readonly entering: Int32Array;
  readonly leaving: Int32Array;
  readonly #inCell: Int32Array;
  readonly #graph: PolicyGraph;

  constructor(graph: PolicyGraph) {
    this.#graph = graph;
    this.entering = new Int32Array(graph.nodes);
    this.leaving = new Int32Array(graph.nodes);
    this.#inCell = new Int32Array(graph.cells);
    for (let e = 0; e < graph.edges; e++) {
      this.entering[graph.to[e]!]!++;
      this.leaving[graph.from[e]!]!++;
      this.#inCell[graph.cellOfEdge[e]!]!++;
    }
  }

  /** [mean over edges into v ; mean over edges out of v]. -> [nodes, 2 hidden] */
  nodeMeans(h: Float64Array, mean: Float64Array, H: number): void {
    const { edges, from, to } = this.#graph;
    mean.fill(0);
    for (let e = 0; e < edges; e++) {
      const into = to[e]! * 2 * H;
      const outOf = from[e]! * 2 * H + H;
      const inShare = 1 / this.entering[to[e]!]!;
      const outShare = 1 / this.leaving[from[e]!]!;
      for (let j = 0; j < H; j++) {
        const value = h[e * H + j]!;
        mean[into + j]! += value * inShare;
        mean[outOf + j]! += value * outShare;
      }
    }
  }

  /** Means over each cell and over all edges. -> [cells, hidden], [hidden] */
  cellMeans(h: Float64Array, cellMean: Float64Array, whole: Float64Array, H: number): void {
    const { edges, cellOfEdge } = this.#graph;
    cellMean.fill(0);
    whole.fill(0);
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
