/** What differs between two architectures, edge by edge. */
import { sameOperation } from './operation.ts';
import { outputNodes } from './shapes.ts';
import type { Architecture, Cell, Edge, Operation } from './types.ts';

export interface ReplacedEdge {
  /** Position in the first architecture's cell. */
  readonly edge: number;
  readonly from: number;
  readonly to: number;
  readonly before: Operation;
  readonly after: Operation;
}

export interface LooseEdge {
  /** Position in the cell it belongs to: the first's for removed ones, the second's for added ones. */
  readonly edge: number;
  readonly from: number;
  readonly to: number;
  readonly operation: Operation;
}

export interface CellDiff {
  readonly name: string;
  readonly status: 'same' | 'changed' | 'added' | 'removed';
  readonly replaced: readonly ReplacedEdge[];
  readonly added: readonly LooseEdge[];
  readonly removed: readonly LooseEdge[];
  readonly outputChanged: boolean;
}

export interface ArchitectureDiff {
  /** The same cells, nodes, edges and outputs in the same skeleton: only operations may differ. */
  readonly sameStructure: boolean;
  readonly skeletonChanged: boolean;
  /** By name: the first's cells in order, then cells only the second has. */
  readonly cells: readonly CellDiff[];
}

/** The difference from `before` to `after`. Edges between the same two nodes are compared in presented order. */
export function diffArchitectures(before: Architecture, after: Architecture): ArchitectureDiff {
  const others = new Map(after.cells.map((cell) => [cell.name, cell]));
  const cells = before.cells.map((cell): CellDiff => {
    const other = others.get(cell.name);
    others.delete(cell.name);
    return other === undefined ? { ...NONE, name: cell.name, status: 'removed', removed: cell.edges.map(loose) } : diffCells(cell, other);
  });
  for (const cell of others.values()) cells.push({ ...NONE, name: cell.name, status: 'added', added: cell.edges.map(loose) });
  const skeletonChanged = JSON.stringify(sorted(before.skeleton)) !== JSON.stringify(sorted(after.skeleton));
  const sameStructure =
    !skeletonChanged &&
    cells.every((cell) => (cell.status === 'same' || cell.status === 'changed') && cell.added.length === 0 && cell.removed.length === 0 && !cell.outputChanged);
  return { sameStructure, skeletonChanged, cells };
}

const NONE = { replaced: [], added: [], removed: [], outputChanged: false } as const;

function loose({ from, to, operation }: Edge, edge: number): LooseEdge {
  return { edge, from, to, operation };
}

function diffCells(before: Cell, after: Cell): CellDiff {
  const waiting = new Map<string, number[]>();
  after.edges.forEach((edge, index) => {
    const list = waiting.get(placeOf(edge));
    if (list === undefined) waiting.set(placeOf(edge), [index]);
    else list.push(index);
  });
  const replaced: ReplacedEdge[] = [];
  const removed: LooseEdge[] = [];
  before.edges.forEach((edge, index) => {
    const match = waiting.get(placeOf(edge))?.shift();
    if (match === undefined) {
      removed.push(loose(edge, index));
      return;
    }
    const { operation } = after.edges[match]!;
    if (!sameOperation(edge.operation, operation)) replaced.push({ edge: index, from: edge.from, to: edge.to, before: edge.operation, after: operation });
  });
  const added = [...waiting.values()]
    .flat()
    .sort((a, b) => a - b)
    .map((index) => loose(after.edges[index]!, index));
  const outputChanged = before.inputs !== after.inputs || outputNodes(before).join() !== outputNodes(after).join();
  const changed = replaced.length > 0 || added.length > 0 || removed.length > 0 || outputChanged;
  return { name: before.name, status: changed ? 'changed' : 'same', replaced, added, removed, outputChanged };
}

/** Edges are comparable where ends, channels and stride agree. */
function placeOf({ from, to, channels, stride }: Edge): string {
  return `${from}>${to} ${channels === undefined ? '' : `${channels.in}>${channels.out}`} ${stride ?? 1}`;
}

/** The same value with keys in order, for comparison. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, each]) => [key, sorted(each)]),
  );
}
