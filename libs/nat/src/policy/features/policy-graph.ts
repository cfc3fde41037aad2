/**
 * Architectures as the `edge` and `lstm` encoders see them: one row an edge, with the numbers of `edge-features.ts`, and one row a
 * candidate (an edge and an operation it may become). A batch lays the rows of many architectures one after another and
 * shifts their indices, so architectures of any sizes share one pass.
 */
import type { Tensor1D, Tensor2D, Tensorflow } from '@nat/tensor';
import { OPERATION_FEATURE_COUNT } from './operation-features.ts';

/** Numbers of an edge besides its operation: see `edgeFeatures`. */
export const STRUCTURE_FEATURE_COUNT = 22;
/** Width of `PolicyGraph.edgeFeatures`. */
export const EDGE_FEATURE_COUNT = OPERATION_FEATURE_COUNT + STRUCTURE_FEATURE_COUNT;
/** Width of `PolicyGraph.candidateFeatures`: the target's description, keep, its share of params and of MACs. */
export const CANDIDATE_FEATURE_COUNT = OPERATION_FEATURE_COUNT + 3;

/** One architecture. Rows are edges over all cells in presented order, nodes and candidates likewise. */
export interface PolicyGraph {
  readonly edges: number;
  readonly nodes: number;
  readonly cells: number;
  /** Node rows an edge joins. [edges] */
  readonly from: Int32Array;
  readonly to: Int32Array;
  /** [edges] */
  readonly cellOfEdge: Int32Array;
  /** Embedding row of the operation now on the edge. [edges] */
  readonly operation: Int32Array;
  /** [edges, EDGE_FEATURE_COUNT] */
  readonly edgeFeatures: Float32Array;
  /** [candidates] */
  readonly edgeOfCandidate: Int32Array;
  /** Embedding row of the operation the edge would get. [candidates] */
  readonly candidateOperation: Int32Array;
  /** [candidates, CANDIDATE_FEATURE_COUNT] */
  readonly candidateFeatures: Float32Array;
}

/** Many architectures as tensors. Index vectors are int32. */
export interface GraphBatch {
  readonly sizes: { readonly edges: number; readonly nodes: number; readonly cells: number; readonly architectures: number; readonly candidates: number };
  readonly from: Tensor1D;
  readonly to: Tensor1D;
  readonly cellOfEdge: Tensor1D;
  readonly architectureOfEdge: Tensor1D;
  readonly architectureOfCell: Tensor1D;
  readonly operation: Tensor1D;
  readonly edgeFeatures: Tensor2D;
  /** 1 / (edges into a node), 0 without. [nodes, 1] */
  readonly inScale: Tensor2D;
  /** 1 / (edges out of a node), 0 without. [nodes, 1] */
  readonly outScale: Tensor2D;
  readonly cellScale: Tensor2D;
  readonly architectureScale: Tensor2D;
  readonly edgeOfCandidate: Tensor1D;
  readonly candidateOperation: Tensor1D;
  readonly candidateFeatures: Tensor2D;
}

/** 1 / count for every segment, 0 for an empty one. */
function inverseCounts(index: Int32Array, segments: number): Float32Array {
  const scale = new Float32Array(segments);
  for (const segment of index) scale[segment]!++;
  for (let i = 0; i < segments; i++) scale[i] = scale[i]! > 0 ? 1 / scale[i]! : 0;
  return scale;
}

/** Copies every graph's vector behind the other, adding `offset(graph)` to each entry. */
function joinIndices(graphs: readonly PolicyGraph[], of: (graph: PolicyGraph) => Int32Array, size: (graph: PolicyGraph) => number): Int32Array {
  const total = graphs.reduce((sum, graph) => sum + of(graph).length, 0);
  const joined = new Int32Array(total);
  let position = 0;
  let offset = 0;
  for (const graph of graphs) {
    const vector = of(graph);
    for (let i = 0; i < vector.length; i++) joined[position + i] = vector[i]! + offset;
    position += vector.length;
    offset += size(graph);
  }
  return joined;
}

function joinRows(graphs: readonly PolicyGraph[], of: (graph: PolicyGraph) => Float32Array): Float32Array {
  const joined = new Float32Array(graphs.reduce((sum, graph) => sum + of(graph).length, 0));
  let position = 0;
  for (const graph of graphs) {
    joined.set(of(graph), position);
    position += of(graph).length;
  }
  return joined;
}

/** The batch of the given architectures; the caller disposes its tensors (or calls this inside `tf.tidy`). */
export function batchGraphs(tf: Tensorflow, graphs: readonly PolicyGraph[]): GraphBatch {
  const none = (): number => 0;
  const architectures = graphs.length;
  const from = joinIndices(graphs, (g) => g.from, (g) => g.nodes); // prettier-ignore
  const to = joinIndices(graphs, (g) => g.to, (g) => g.nodes); // prettier-ignore
  const cellOfEdge = joinIndices(graphs, (g) => g.cellOfEdge, (g) => g.cells); // prettier-ignore
  const architectureOfEdge = joinIndices(graphs, (g) => new Int32Array(g.edges), () => 1); // prettier-ignore
  const architectureOfCell = joinIndices(graphs, (g) => new Int32Array(g.cells), () => 1); // prettier-ignore
  const operation = joinIndices(graphs, (g) => g.operation, none);
  const edgeOfCandidate = joinIndices(graphs, (g) => g.edgeOfCandidate, (g) => g.edges); // prettier-ignore
  const candidateOperation = joinIndices(graphs, (g) => g.candidateOperation, none);
  const sizes = {
    edges: from.length,
    nodes: graphs.reduce((sum, graph) => sum + graph.nodes, 0),
    cells: graphs.reduce((sum, graph) => sum + graph.cells, 0),
    architectures,
    candidates: edgeOfCandidate.length,
  };
  const index = (values: Int32Array): Tensor1D => tf.tensor1d(values, 'int32');
  const column = (values: Float32Array): Tensor2D => tf.tensor2d(values, [values.length, 1]);
  return {
    sizes,
    from: index(from),
    to: index(to),
    cellOfEdge: index(cellOfEdge),
    architectureOfEdge: index(architectureOfEdge),
    architectureOfCell: index(architectureOfCell),
    operation: index(operation),
    edgeFeatures: tf.tensor2d(joinRows(graphs, (g) => g.edgeFeatures), [sizes.edges, EDGE_FEATURE_COUNT]), // prettier-ignore
    inScale: column(inverseCounts(to, sizes.nodes)),
    outScale: column(inverseCounts(from, sizes.nodes)),
    cellScale: column(inverseCounts(cellOfEdge, sizes.cells)),
    architectureScale: column(inverseCounts(architectureOfEdge, architectures)),
    edgeOfCandidate: index(edgeOfCandidate),
    candidateOperation: index(candidateOperation),
    candidateFeatures: tf.tensor2d(joinRows(graphs, (g) => g.candidateFeatures), [sizes.candidates, CANDIDATE_FEATURE_COUNT]), // prettier-ignore
  };
}
