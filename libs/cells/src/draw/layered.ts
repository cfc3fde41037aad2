/** Positions of boxes and of the lines between them: layered, by dagre. */
import { Graph, layout } from '@dagrejs/dagre';

export interface Point {
  readonly x: number;
  readonly y: number;
}
export interface Size {
  readonly width: number;
  readonly height: number;
}
/** From box to box, by position; with the size of its label where it has one. */
export interface Line {
  readonly from: number;
  readonly to: number;
  readonly label?: Size;
}
export interface Spacing {
  /** Layers follow each other from left to right, or from top to bottom. */
  readonly rankdir: 'LR' | 'TB';
  readonly nodesep: number;
  readonly edgesep: number;
  readonly ranksep: number;
}
export interface Layered extends Size {
  /** Centres. */
  readonly boxes: readonly Point[];
  readonly lines: readonly { readonly points: readonly Point[]; readonly at: Point }[];
}

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

const MARGIN = 8;

/** Places boxes of the given sizes, in px. */
export function layOutLayers(boxes: readonly Size[], lines: readonly Line[], spacing: Spacing): Layered {
  const graph = new GraphType({ multigraph: true });
  graph.setGraph({ ...spacing, marginx: MARGIN, marginy: MARGIN });
  boxes.forEach((size, box) => {
    graph.setNode(String(box), { ...size });
  });
  lines.forEach(({ from, to, label }, at) => {
    graph.setEdge(String(from), String(to), label === undefined ? {} : { ...label, labelpos: 'c' }, String(at));
  });
  layOut(graph);
  const { width = 0, height = 0 } = graph.graph();
  const pointOf = ({ x = 0, y = 0 }: LaidOut): Point => ({ x, y });
  return {
    width: Math.ceil(width),
    height: Math.ceil(height),
    boxes: boxes.map((_, box) => pointOf(graph.node(String(box)))),
    lines: lines.map(({ from, to }, at) => {
      const line = graph.edge(String(from), String(to), String(at));
      return { points: line.points ?? [], at: pointOf(line) };
    }),
  };
}
