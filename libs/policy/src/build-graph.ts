/** Makes the rows that the `edge` encoder reads. */
import { costScale, structureFeatures } from './edge-features.ts';
import { CANDIDATE_FEATURE_COUNT, EDGE_FEATURE_COUNT, type PolicyGraph } from './graph.ts';
import { OPERATION_FEATURES, OPERATION_FEATURE_COUNT, operationRow, primitiveRow } from './operation-features.ts';
import type { EdgeSites } from './sites.ts';
import type { Subject } from './subject.ts';

/** The graph of a subject, without the architecture's names, activations or output channels. */
export function buildGraph(subject: Subject, sites: EdgeSites): PolicyGraph {
  const { architecture, decisions, candidateStart, decisionOfEdge, costs, cellOfEdge } = subject;
  const { cells } = architecture;
  const edges = cellOfEdge.length;
  const candidates = candidateStart[decisions.length]!;
  const total = sourceCost(subject);
  const share = (part: number, whole: number): number => (whole > 0 ? part / whole : 0);

  const from = new Int32Array(edges);
  const to = new Int32Array(edges);
  const operation = new Int32Array(edges);
  const edgeFeatures = new Float32Array(edges * EDGE_FEATURE_COUNT);
  let row = 0;
  let nodes = 0;
  cells.forEach((cell, c) => {
    const placements = cell.edges.map(({ operation: current }, e) => {
      const site = sites.site(c, e);
      const decision = decisionOfEdge[row + e]!;
      const params = current.kind === 'fixed' ? current.params * site.placements : costs.params[candidateStart[decision]! + keepIndex(subject, decision)]!;
      const macs = current.kind === 'fixed' ? current.macs * site.placements : costs.macs[candidateStart[decision]! + keepIndex(subject, decision)]!;
      return { paramsShare: share(params, total.params), macsShare: share(macs, total.macs), strided: site.strided, channelRatio: site.channelRatio };
    });
    const structure = structureFeatures(cell, sites.cells[c]!, placements);
    cell.edges.forEach((edge, e) => {
      from[row] = nodes + edge.from;
      to[row] = nodes + edge.to;
      operation[row] = operationRow(edge.operation);
      edgeFeatures.set(OPERATION_FEATURES[operation[row]!]!, row * EDGE_FEATURE_COUNT);
      edgeFeatures.set(structure[e]!, row * EDGE_FEATURE_COUNT + OPERATION_FEATURE_COUNT);
      row++;
    });
    nodes += cell.nodes;
  });

  const edgeOfCandidate = new Int32Array(candidates);
  const candidateOperation = new Int32Array(candidates);
  const candidateFeatures = new Float32Array(candidates * CANDIDATE_FEATURE_COUNT);
  decisions.forEach(({ row: edge, before, targets }, d) => {
    targets.forEach((target, k) => {
      const i = candidateStart[d]! + k;
      edgeOfCandidate[i] = edge;
      candidateOperation[i] = primitiveRow(target);
      candidateFeatures.set(OPERATION_FEATURES[candidateOperation[i]]!, i * CANDIDATE_FEATURE_COUNT);
      const rest = i * CANDIDATE_FEATURE_COUNT + OPERATION_FEATURE_COUNT;
      candidateFeatures[rest] = target === before ? 1 : 0;
      candidateFeatures[rest + 1] = costScale(share(costs.params[i]!, total.params));
      candidateFeatures[rest + 2] = costScale(share(costs.macs[i]!, total.macs));
    });
  });
  return { edges, nodes, cells: cells.length, from, to, cellOfEdge, operation, edgeFeatures, edgeOfCandidate, candidateOperation, candidateFeatures };
}

/** Which target keeps the operation. */
function keepIndex({ decisions }: Subject, d: number): number {
  return decisions[d]!.targets.indexOf(decisions[d]!.before);
}

function sourceCost(subject: Subject): { params: number; macs: number } {
  const { costs, decisions, candidateStart } = subject;
  let { params, macs } = costs.base;
  for (let d = 0; d < decisions.length; d++) {
    const keep = candidateStart[d]! + keepIndex(subject, d);
    params += costs.params[keep]!;
    macs += costs.macs[keep]!;
  }
  return { params, macs };
}
