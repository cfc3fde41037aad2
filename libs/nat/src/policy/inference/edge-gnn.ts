/**
 * The `edge` encoder without TensorFlow, for inference: the same equations as edge-encoder.ts on typed arrays, one
 * architecture at a time. The linear maps of a node are computed once a node, not an edge, and only where the node has edges to
 * feed or to read.
 */
import type { PolicyCheckpoint } from '../checkpoint.ts';
import { activate, InputRows, TargetScores, multiplyAdd, Rows, transposed } from './action-head.ts';
import type { EdgeGnnConfig } from '../networks/edge-gnn.ts';
import type { PolicyGraph } from '../features/policy-graph.ts';

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

/** Scores of an edge policy. */
export class EdgeGnnInference {
  readonly #hidden: number;
  readonly #layers: readonly Layer[];
  readonly #input: InputRows;
  readonly #targets: TargetScores;
  readonly #headEdge: Float64Array;
  readonly #headCell: Float64Array;
  readonly #headBias: Float64Array;
  readonly #message = new Rows();
  readonly #inMean = new Rows();
  readonly #outMean = new Rows();
  readonly #fromPart = new Rows();
  readonly #toPart = new Rows();
  readonly #cellMean = new Rows();
  readonly #context = new Rows();
  readonly #whole = new Rows();
  readonly #wholePart = new Rows();

  constructor(config: EdgeGnnConfig, parameters: PolicyCheckpoint['parameters']) {
    const { hidden, layers } = config;
    const data = (name: string): Float32Array => parameters.get(name)!.data;
    const square = (name: string, half = 0): Float64Array => transposed(data(name).subarray(half * hidden * hidden), hidden, hidden);
    this.#hidden = hidden;
    this.#input = new InputRows(config, parameters);
    this.#targets = new TargetScores(config, parameters);
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
    const h = this.#input.rows(graph); // [edges, hidden]
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

  #head(graph: PolicyGraph, h: Float64Array, cellMean: Float64Array): Float64Array {
    const H = this.#hidden;
    const { edges, cells, cellOfEdge } = graph;
    const context = this.#context.cleared(cells * H);
    multiplyAdd(cellMean, H, this.#headCell, context, H, cells);
    const q = this.#message.cleared(edges * H);
    for (let e = 0; e < edges; e++) for (let j = 0; j < H; j++) q[e * H + j] = context[cellOfEdge[e]! * H + j]! + this.#headBias[j]!;
    multiplyAdd(h, H, this.#headEdge, q, H, edges);
    for (let i = 0; i < edges * H; i++) q[i] = activate(q[i]!);
    return this.#targets.scores(graph, q);
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
