/** Where to draw the nodes and edges of a cell: layered from left to right, by dagre. */
import { Graph, layout } from '@dagrejs/dagre';
import { operationLabel } from '../cell/operation.ts';
import { outputNodes } from '../cell/shapes.ts';
import type { Cell } from '../cell/types.ts';

export interface Point {
  readonly x: number;
  readonly y: number;
}
export interface DrawnNode extends Point {
  readonly label: string;
  readonly kind: 'input' | 'node' | 'output';
  readonly width: number;
  readonly height: number;
}
export interface DrawnEdge {
  /** Position in the cell's edges; -1 for a line from a node to the output. */
  readonly index: number;
  readonly label: string;
  readonly points: readonly Point[];
  readonly at: Point;
}
export interface CellDrawing {
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly DrawnNode[];
  readonly edges: readonly DrawnEdge[];
}

/** The largest cell that is drawn edge by edge; layouts of larger ones take too long and cannot be read. */
export const MAX_DRAWN_EDGES = 256;
/** Edges drawn of all cells of one image; cells after that are only named. */
export const MAX_DRAWN_IN_ALL = 1024;

/** What dagre leaves on nodes and edges. Its published types do not resolve under `nodenext`. */
interface LaidOut {
  readonly x?: number;
  readonly y?: number;
  readonly width?: number;
  readonly height?: number;
  readonly points?: readonly Point[];
}
interface LayoutGraph {
  setGraph(label: object): void;
  graph(): LaidOut;
  setNode(name: string, label: object): void;
  node(name: string): LaidOut;
  setEdge(from: string, to: string, label: object, name: string): void;
  edge(from: string, to: string, name: string): LaidOut;
}
const GraphType = Graph as unknown as new (options: { readonly multigraph: boolean }) => LayoutGraph;
const layOut = layout as unknown as (graph: LayoutGraph) => void;

const CHARACTER = 6.6; // px of the 11 px monospaced font
const HEIGHT = 26;

/** Names of a cell's nodes: `c_{k-2}`, `c_{k-1}` for two inputs, `in` for one, then the node numbers. */
export function nodeLabel(cell: Cell, node: number): string {
  if (node >= cell.inputs) return String(node);
  if (cell.inputs === 1) return 'in';
  return cell.inputs === 2 ? `c_{k-${2 - node}}` : `in ${node}`;
}

/**
 * Positions in px of everything in a cell.
 * @param label text on an edge, e.g. with what was replaced
 */
export function layOutCell(cell: Cell, label: (index: number) => string = (index) => operationLabel(cell.edges[index]!.operation)): CellDrawing {
  const graph = new GraphType({ multigraph: true });
  graph.setGraph({ rankdir: 'LR', nodesep: 18, edgesep: 8, ranksep: 34, marginx: 8, marginy: 8 });
  const width = (text: string): number => Math.max(30, text.length * CHARACTER + 14);
  const names = [...Array.from({ length: cell.nodes }, (_, node) => nodeLabel(cell, node)), 'out'];
  names.forEach((name, node) => {
    graph.setNode(String(node), { width: width(name), height: HEIGHT });
  });
  const lines = [
    ...cell.edges.map(({ from, to }, index) => ({ from, to, index, label: label(index) })),
    ...outputNodes(cell).map((node) => ({ from: node, to: cell.nodes, index: -1, label: '' })),
  ];
  lines.forEach((line, at) => {
    graph.setEdge(
      String(line.from),
      String(line.to),
      line.label === '' ? {} : { width: line.label.length * CHARACTER + 8, height: 16, labelpos: 'c' },
      String(at),
    );
  });
  layOut(graph);
  const size = graph.graph();
  return {
    width: Math.ceil(size.width ?? 0),
    height: Math.ceil(size.height ?? 0),
    nodes: names.map((name, node) => {
      const placed = graph.node(String(node));
      const kind = node < cell.inputs ? 'input' : node < cell.nodes ? 'node' : 'output';
      return { label: name, kind, x: placed.x ?? 0, y: placed.y ?? 0, width: placed.width ?? 0, height: placed.height ?? 0 };
    }),
    edges: lines.map((line, at) => {
      const placed = graph.edge(String(line.from), String(line.to), String(at));
      return { index: line.index, label: line.label, points: placed.points ?? [], at: { x: placed.x ?? 0, y: placed.y ?? 0 } };
    }),
  };
}
