/** What of a graph is run, reading what: activations, shifts and zeros that a reader can do without need no tensor of their own. */
import { readersOf, type Graph, type Node, type TensorType, type Value } from '@nat/graph';
import type { Size2D } from '@nat/tensor';

/** How a node is run. */
export interface Step {
  /** Index of the node. */
  readonly index: number;
  readonly node: Node;
  /** The values that it reads. */
  readonly reads: readonly Value[];
  /** A convolution reads max(x, 0) in place of x. */
  readonly rectified: boolean;
  /** A 1x1 convolution reads from this row and column on. */
  readonly offset: Size2D | undefined;
}

/**
 * The steps of a graph, in order. Nodes that lead nowhere are run as well: their normalisations have statistics. Nodes that all their readers read
 * around are not.
 */
export function planSteps(graph: Graph, types: readonly TensorType[]): readonly Step[] {
  const { inputs, nodes, outputs } = graph;
  const readers = readersOf(graph);
  const needed = new Uint8Array(inputs.length + nodes.length);
  for (const { value } of outputs) needed[value] = 1;
  const steps: Step[] = [];
  for (let index = nodes.length - 1; index >= 0; index--) {
    const value = inputs.length + index;
    // What a zero names is run as if it were read, as the official x * 0 does.
    if (nodes[index]!.op === 'zero') for (const named of nodes[index]!.inputs) needed[named] = 1;
    if (needed[value] === 0 && readers[value]!.length > 0) continue;
    const step = stepOf(graph, types, index);
    for (const read of step.reads) needed[read] = 1;
    steps.push(step);
  }
  return steps.reverse();
}

function stepOf(graph: Graph, types: readonly TensorType[], index: number): Step {
  const node = graph.nodes[index]!;
  const plain = { index, node, rectified: false, offset: undefined };
  switch (node.op) {
    case 'conv':
      return foldReads(graph, types, index);
    case 'zero':
      return { ...plain, reads: [] };
    case 'sum': {
      const terms = node.inputs.filter((value) => !isZero(graph, value));
      return { ...plain, reads: terms.length === 0 ? node.inputs : terms };
    }
    default:
      return { ...plain, reads: node.inputs };
  }
}

function isZero({ inputs, nodes }: Graph, value: Value): boolean {
  return nodes[value - inputs.length]?.op === 'zero';
}

/** A convolution reads through a ReLU, and a 1x1 one through zeros at the top left and through rows and columns left out there. */
function foldReads({ inputs, nodes }: Graph, types: readonly TensorType[], index: number): Step {
  const node = nodes[index] as Extract<Node, { op: 'conv' }>;
  const { kernel, padding, groups } = node.attributes;
  const shifts = groups === 1 && kernel[0] === 1 && kernel[1] === 1 && padding.every((zeros) => zeros === 0);
  let [value] = node.inputs;
  let rectified = false;
  let padded = false;
  let offset: readonly [number, number] | undefined;
  for (;;) {
    const source = nodes[value! - inputs.length];
    const shift = source === undefined || !shifts ? undefined : shiftOf(source, types[source.inputs[0]!]!);
    // Zeros that stand for what a slice left out below them are not what was left out.
    if (shift !== undefined && !(padded && source!.op === 'slice')) {
      offset = [(offset?.[0] ?? 0) + shift[0], (offset?.[1] ?? 0) + shift[1]];
      padded ||= source!.op === 'pad';
    } else if (source?.op === 'activation' && source.attributes.function === 'relu' && !rectified) rectified = true;
    else break;
    [value] = source!.inputs;
  }
  return { index, node, reads: [value!], rectified, offset };
}

/** By how many rows and columns a node moves where reading begins: below 0 for zeros before, above for what is left out. */
function shiftOf(node: Node, type: TensorType): readonly [number, number] | undefined {
  if (node.op === 'pad') {
    const { before, after } = node.attributes;
    const aside = before.length !== 4 || before[0] !== 0 || before[1] !== 0 || after.some((zeros) => zeros !== 0);
    return aside ? undefined : [-before[2]!, -before[3]!];
  }
  if (node.op !== 'slice') return undefined;
  const { axes, starts, ends, steps } = node.attributes;
  const [, , height, width] = type.shape;
  const toTheEnd = axes.length === 2 && axes[0] === 2 && axes[1] === 3 && steps.every((step) => step === 1) && ends[0] === height && ends[1] === width;
  return toTheEnd ? [starts[0]!, starts[1]!] : undefined;
}
