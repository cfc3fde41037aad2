/** What of a network is drawn: a box for each module with what it costs, inputs and outputs, and the values that boxes pass on. */
import { infer, nodeLabel, profile, type Graph, type ModuleProfile, type TensorType, type Value } from '@nat/graph';

export interface OutlineBox {
  readonly kind: 'input' | 'module' | 'output';
  readonly title: string;
  /** What it is made of, and what that costs; none for inputs and outputs. */
  readonly details: readonly string[];
  /** Indices of its nodes: first, and the one after the last. */
  readonly nodes: readonly [first: number, end: number];
}

export interface OutlineLine {
  /** Positions in `boxes`. */
  readonly from: number;
  readonly to: number;
  /** The value's shape without the batch, such as `16x32x32`. */
  readonly label: string;
}

export interface Outline {
  readonly boxes: readonly OutlineBox[];
  readonly lines: readonly OutlineLine[];
}

/** A network by its modules. A value that a module reads more than once is one line. */
export function outlineOf(graph: Graph): Outline {
  const { inputs, nodes, outputs } = graph;
  const types = infer(graph);
  const { modules } = profile(graph, types);
  const boxes: OutlineBox[] = [
    ...inputs.map(({ name }) => ({ kind: 'input', title: name, details: [], nodes: [0, 0] }) as const),
    ...modules.map(
      (module) => ({ kind: 'module', title: module.module, details: [operatorsOf(graph, module), costText(module)], nodes: module.nodes }) as const,
    ),
    ...outputs.map(({ name }) => ({ kind: 'output', title: name, details: [], nodes: [0, 0] }) as const),
  ];
  const boxOf = inputs.map((_, input) => input); // of each value
  modules.forEach(({ nodes: [first, end] }, at) => {
    for (let index = first; index < end; index++) boxOf.push(inputs.length + at);
  });
  const lines = new Map<string, OutlineLine>();
  const connect = (value: Value, to: number): void => {
    const from = boxOf[value]!;
    if (from !== to) lines.set(`${value} ${to}`, { from, to, label: shapeLabel(types[value]!) });
  };
  nodes.forEach((node, index) => {
    for (const value of node.inputs) connect(value, boxOf[inputs.length + index]!);
  });
  outputs.forEach(({ value }, at) => {
    connect(value, inputs.length + modules.length + at);
  });
  return { boxes, lines: [...lines.values()] };
}

/** `relu, conv 3x3 /2, batch norm`, shortened where it is long. */
function operatorsOf({ nodes }: Graph, { nodes: [first, end] }: ModuleProfile): string {
  const labels = nodes.slice(first, end).map((node) => nodeLabel(node));
  return labels.length > 4 ? `${labels.slice(0, 3).join(', ')}, ... (${labels.length})` : labels.join(', ');
}

/** `1,234 params, 56,789 MACs`; what is 0 is left out. */
export function costText({ params, macs }: Pick<ModuleProfile, 'params' | 'macs'>): string {
  return [params === 0 ? [] : `${params.toLocaleString('en')} params`, macs === 0 ? [] : `${macs.toLocaleString('en')} MACs`].flat().join(', ');
}

export function shapeLabel({ shape }: TensorType): string {
  return shape.slice(1).join('x');
}
