/** Networks as Graphviz DOT. */
import { infer, nodeLabel, profile, type Graph, type Value } from '@nat/graph';
import { quoteDot } from './dot.ts';
import { costText, outlineOf, shapeLabel } from './graph-outline.ts';

export interface GraphDotOptions {
  /** A box a module with its cost, or one a node in a cluster a module. @default 'module' */
  readonly collapse?: 'module' | 'none';
  /** @default 'network' */
  readonly title?: string;
}

/** DOT text of a network, from top to bottom. */
export function writeGraphDot(graph: Graph, { collapse = 'module', title = 'network' }: GraphDotOptions = {}): string {
  const lines = [`digraph ${quoteDot(title)} {`, '  node [shape=box, style=rounded];', ...(collapse === 'module' ? moduleLines(graph) : nodeLines(graph))];
  return `${[...lines, '}'].join('\n')}\n`;
}

function moduleLines(graph: Graph): string[] {
  const { boxes, lines } = outlineOf(graph);
  return [
    ...boxes.map(({ kind, title, details }, at) => `  b${at} [label=${labelOf([title, ...details])}${kind === 'module' ? '' : ', shape=ellipse'}];`),
    ...lines.map(({ from, to, label }) => `  b${from} -> b${to} [label=${quoteDot(label)}];`),
  ];
}

function nodeLines(graph: Graph): string[] {
  const { inputs, nodes, outputs } = graph;
  const types = infer(graph);
  const lines = inputs.map(({ name }, value) => `  v${value} [label=${quoteDot(name)}, shape=ellipse];`);
  profile(graph, types).modules.forEach((module, at) => {
    const [first, end] = module.nodes;
    lines.push(`  subgraph cluster_${at} {`, `    label=${labelOf([module.module, costText(module)])};`);
    for (let index = first; index < end; index++) {
      lines.push(`    v${inputs.length + index} [label=${labelOf([nodes[index]!.name, nodeLabel(nodes[index]!)])}];`);
    }
    lines.push('  }');
  });
  const connect = (value: Value, to: string): string => `  v${value} -> ${to} [label=${quoteDot(shapeLabel(types[value]!))}];`;
  nodes.forEach((node, index) => {
    for (const value of node.inputs) lines.push(connect(value, `v${inputs.length + index}`));
  });
  outputs.forEach(({ name, value }, at) => {
    lines.push(`  y${at} [label=${quoteDot(name)}, shape=ellipse];`, connect(value, `y${at}`));
  });
  return lines;
}

/** A quoted label of several lines; empty ones are left out. */
function labelOf(lines: readonly string[]): string {
  const quoted = lines.filter((line) => line !== '').map((line) => quoteDot(line).slice(1, -1));
  return `"${quoted.join('\\n')}"`;
}
