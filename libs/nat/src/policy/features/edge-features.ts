/**
 * Where an edge stands, in numbers that mean the same in every network: its ends in the cell, the cell in the network, and
 * the edge's share of the network's cost. All lie about within [0, 1].
 */
import { outputNodes, type Cell } from '@nat/cells';
import type { CellPlacement, EdgeContext } from '../../mdp/placement-context.ts';
import { STRUCTURE_FEATURE_COUNT } from './policy-graph.ts';

/** An edge's place in the network, and the share of the network's cost that its operation has now. */
export interface EdgePlacement extends EdgeContext {
  /** Share of the network's parameters and MACs the edge's operation has now, 0..1. */
  readonly paramsShare: number;
  readonly macsShare: number;
}

/** A share of cost on a scale that tells small shares apart: 0 -> 0, 0.001 -> 0.1, 1 -> 1. */
export function costScale(share: number): number {
  return Math.log1p(1000 * Math.max(0, share)) / Math.log(1001);
}

/** Longest path from the inputs to each node, over its edges. [nodes] */
function depths(cell: Cell): Int32Array {
  const depth = new Int32Array(cell.nodes);
  const sorted = [...cell.edges].sort((a, b) => a.from - b.from);
  for (const { from, to } of sorted) depth[to] = Math.max(depth[to]!, depth[from]! + 1);
  return depth;
}

function isLive(edge: Cell['edges'][number]): boolean {
  return edge.operation.kind === 'fixed' || edge.operation.name !== 'null';
}

/** Whether a path without nulls leads from a cell input to each node. [nodes] */
function reachableFromInput(cell: Cell): Uint8Array {
  const result = new Uint8Array(cell.nodes).fill(1, 0, cell.inputs);
  for (const edge of [...cell.edges].sort((a, b) => a.from - b.from)) if (isLive(edge) && result[edge.from]) result[edge.to] = 1;
  return result;
}

/** Whether a path without nulls leads from each node to the cell's output. [nodes] */
function reachesOutput(cell: Cell, outputs: readonly number[]): Uint8Array {
  const result = new Uint8Array(cell.nodes);
  for (const node of outputs) result[node] = 1;
  for (const edge of [...cell.edges].sort((a, b) => b.to - a.to)) if (isLive(edge) && result[edge.to]) result[edge.from] = 1;
  return result;
}

/** Writes STRUCTURE_FEATURE_COUNT numbers for every edge of a cell. -> [edges][STRUCTURE_FEATURE_COUNT] */
export function structureFeatures(cell: Cell, placement: CellPlacement, edgePlacement: (edge: number) => EdgePlacement): readonly (readonly number[])[] {
  const depth = depths(cell);
  const deepest = Math.max(1, ...depth);
  const last = Math.max(1, cell.nodes - 1);
  const outputs = outputNodes(cell);
  const isOutput = new Set(outputs);
  const source = reachableFromInput(cell);
  const sink = reachesOutput(cell, outputs);
  const into = new Float32Array(cell.nodes);
  const outOf = new Float32Array(cell.nodes);
  for (const { from, to } of cell.edges) {
    outOf[from]!++;
    into[to]!++;
  }
  const count = (n: number): number => Math.log2(1 + n) / 3;
  return cell.edges.map(({ from, to }, e) => {
    const { paramsShare, macsShare, strided, channelRatio } = edgePlacement(e);
    const row = [
      from < cell.inputs ? 1 : 0,
      from < cell.inputs && cell.inputs > 1 ? from / (cell.inputs - 1) : 0,
      isOutput.has(to) ? 1 : 0,
      isOutput.has(from) ? 1 : 0,
      depth[from]! / deepest,
      depth[to]! / deepest,
      from / last,
      to / last,
      count(into[from]!),
      count(outOf[from]!),
      count(into[to]!),
      count(outOf[to]!),
      source[from]!,
      sink[to]!,
      count(cell.nodes - cell.inputs),
      count(outputs.length),
      costScale(paramsShare),
      costScale(macsShare),
      strided,
      channelRatio,
      placement.position,
      placement.frequency,
    ];
    if (row.length !== STRUCTURE_FEATURE_COUNT) throw new Error('STRUCTURE_FEATURE_COUNT disagrees with the features');
    return row;
  });
}
