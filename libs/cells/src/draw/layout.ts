/** Where to draw the nodes and edges of a cell: layered from left to right. */
import { operationLabel } from '../cell/operation.ts';
import { outputNodes } from '../cell/shapes.ts';
import type { Cell } from '../cell/types.ts';
import { layOutLayers, type Point } from './layered.ts';

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
  const names = [...Array.from({ length: cell.nodes }, (_, node) => nodeLabel(cell, node)), 'out'];
  const sizes = names.map((text) => ({ width: Math.max(30, text.length * CHARACTER + 14), height: HEIGHT }));
  const lines = [
    ...cell.edges.map(({ from, to }, index) => ({ from, to, index, text: label(index) })),
    ...outputNodes(cell).map((node) => ({ from: node, to: cell.nodes, index: -1, text: '' })),
  ];
  const {
    width,
    height,
    boxes,
    lines: drawn,
  } = layOutLayers(
    sizes,
    lines.map(({ from, to, text }) => ({ from, to, ...(text === '' ? {} : { label: { width: text.length * CHARACTER + 8, height: 16 } }) })),
    { rankdir: 'LR', nodesep: 18, edgesep: 8, ranksep: 34 },
  );
  return {
    width,
    height,
    nodes: names.map((name, node) => ({
      label: name,
      kind: node < cell.inputs ? 'input' : node < cell.nodes ? 'node' : 'output',
      ...boxes[node]!,
      ...sizes[node]!,
    })),
    edges: lines.map(({ index, text }, at) => ({ index, label: text, ...drawn[at]! })),
  };
}
