/** Cells as Graphviz DOT: one cluster a cell. */
import { nodeLabel } from './layout.ts';
import { operationLabel } from '../cell/operation.ts';
import { outputNodes } from '../cell/shapes.ts';
import type { Architecture, EdgeEdit } from '../cell/types.ts';

export interface DotOptions {
  /** Edges shown as replaced; indices as in the drawn architecture, which is the result. */
  readonly replaced?: readonly EdgeEdit[];
}

/** DOT text of all cells. */
export function writeDot(architecture: Architecture, options: DotOptions = {}): string {
  const replaced = new Map((options.replaced ?? []).map((edit) => [`${edit.cell}:${edit.edge}`, edit]));
  const lines = [`digraph ${quoteDot(architecture.name ?? 'architecture')} {`, '  rankdir=LR;', '  node [shape=box, style=rounded];'];
  architecture.cells.forEach((cell, index) => {
    const id = (node: number | 'out'): string => `c${index}_${node}`;
    lines.push(`  subgraph cluster_${index} {`, `    label=${quoteDot(cell.name)};`);
    for (let node = 0; node < cell.nodes; node++)
      lines.push(`    ${id(node)} [label=${quoteDot(nodeLabel(cell, node))}${node < cell.inputs ? ', shape=ellipse' : ''}];`);
    lines.push(`    ${id('out')} [label="out", shape=ellipse];`);
    cell.edges.forEach(({ from, to, operation }, edge) => {
      const edit = replaced.get(`${index}:${edge}`);
      const label = edit === undefined ? operationLabel(operation) : `${edit.before} -> ${edit.after}`;
      const look = edit !== undefined ? ', color="#c2410c", fontcolor="#c2410c"' : operationLabel(operation) === 'null' ? ', style=dashed' : '';
      lines.push(`    ${id(from)} -> ${id(to)} [label=${quoteDot(label)}${look}];`);
    });
    for (const node of outputNodes(cell)) lines.push(`    ${id(node)} -> ${id('out')} [color=gray];`);
    lines.push('  }');
  });
  return `${[...lines, '}'].join('\n')}\n`;
}

/** A quoted DOT string. */
export function quoteDot(text: string): string {
  return `"${text
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll(/[\r\n]+/g, ' ')}"`;
}
