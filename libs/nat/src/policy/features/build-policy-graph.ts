/** Makes the rows that the `edge` and `lstm` encoders read. */
import { FIXED } from '@nat/cells';
import { costScale, structureFeatures } from './edge-features.ts';
import { CANDIDATE_FEATURE_COUNT, EDGE_FEATURE_COUNT, type PolicyGraph } from './policy-graph.ts';
import { FIXED_ROW, OPERATION_FEATURES, OPERATION_FEATURE_COUNT } from './operation-features.ts';
import type { Environment } from '../../mdp/environment.ts';

const graphs = new WeakMap<Environment, PolicyGraph>();

/** The rows of an environment, made once. Names, activations and absolute sizes do not enter them. */
export function policyGraphOf(environment: Environment): PolicyGraph {
  let graph = graphs.get(environment);
  if (graph === undefined) graphs.set(environment, (graph = buildGraph(environment)));
  return graph;
}

function buildGraph(environment: Environment): PolicyGraph {
  const { architecture, context, space, candidateStart, candidateAction } = environment;
  const { priced } = space;
  const { cells } = architecture;
  const edges = priced.operations.length;
  const share = (part: number, whole: number): number => (whole > 0 ? part / whole : 0);
  const shares = (flat: number, operation: number): readonly [number, number] => {
    const { params, macs } = priced.edgeCost(flat, operation);
    return [share(params, priced.cost.params), share(macs, priced.cost.macs)];
  };

  const from = new Int32Array(edges);
  const to = new Int32Array(edges);
  const cellOfEdge = new Int32Array(edges);
  const operation = Int32Array.from(priced.operations, (index) => (index === FIXED ? FIXED_ROW : index));
  const edgeFeatures = new Float32Array(edges * EDGE_FEATURE_COUNT);
  const around = context.of(architecture);
  let nodes = 0;
  cells.forEach((cell, c) => {
    const first = priced.offsets[c]!;
    const structure = structureFeatures(cell, around[c]!, (e) => {
      const index = priced.operations[first + e]!;
      const [paramsShare, macsShare] = index === FIXED ? [0, 0] : shares(first + e, index);
      return { paramsShare, macsShare, ...around[c]!.edge(e) };
    });
    cell.edges.forEach((edge, e) => {
      const row = first + e;
      from[row] = nodes + edge.from;
      to[row] = nodes + edge.to;
      cellOfEdge[row] = c;
      edgeFeatures.set(OPERATION_FEATURES[operation[row]!]!, row * EDGE_FEATURE_COUNT);
      edgeFeatures.set(structure[e]!, row * EDGE_FEATURE_COUNT + OPERATION_FEATURE_COUNT);
    });
    nodes += cell.nodes;
  });

  const candidates = candidateAction.length;
  const edgeOfCandidate = new Int32Array(candidates);
  const candidateOperation = new Int32Array(candidates);
  const candidateFeatures = new Float32Array(candidates * CANDIDATE_FEATURE_COUNT);
  for (let d = 0; d < environment.decisions; d++) {
    const flat = space.edges[d]!;
    const row = space.row(d);
    for (let i = candidateStart[d]!; i < candidateStart[d + 1]!; i++) {
      const target = row[candidateAction[i]!]!;
      const [paramsShare, macsShare] = shares(flat, target);
      edgeOfCandidate[i] = flat;
      candidateOperation[i] = target;
      candidateFeatures.set(OPERATION_FEATURES[target]!, i * CANDIDATE_FEATURE_COUNT);
      candidateFeatures.set(
        [target === operation[flat] ? 1 : 0, costScale(paramsShare), costScale(macsShare)],
        i * CANDIDATE_FEATURE_COUNT + OPERATION_FEATURE_COUNT,
      );
    }
  }
  return { edges, nodes, cells: cells.length, from, to, cellOfEdge, operation, edgeFeatures, edgeOfCandidate, candidateOperation, candidateFeatures };
}
