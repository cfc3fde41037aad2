/** Cells as compact text for a terminal: one line a node, what was replaced marked. */
import { nodeLabel } from './layout.ts';
import { operationLabel } from '../cell/operation.ts';
import { outputNodes } from '../cell/shapes.ts';
import type { Architecture, Cell, EdgeEdit } from '../cell/types.ts';

export interface TerminalOptions {
  /** Edges shown as replaced (`before>after` behind a `*`); indices as in the drawn architecture, which is the result. */
  readonly replaced?: readonly EdgeEdit[];
  /** ANSI colours. @default false */
  readonly color?: boolean;
  /** Cells shown; the rest is counted. @default all */
  readonly maxCells?: number;
  /** Edges shown of a cell; the rest is counted. @default 64 */
  readonly maxEdges?: number;
}

const PAINT = { replaced: '33', removed: '31', faint: '2', name: '1' } as const;
const ESCAPE = '\u001b[';

/** Lines of text, without a line break at the end. Cells that hold no replaced edge come shortened where `replaced` is given. */
export function drawTerminal(architecture: Architecture, options: TerminalOptions = {}): string {
  const paint = (text: string, how: keyof typeof PAINT): string => (options.color === true ? `${ESCAPE}${PAINT[how]}m${text}${ESCAPE}0m` : text);
  const replaced = new Map((options.replaced ?? []).map((edit) => [`${edit.cell}:${edit.edge}`, edit]));
  const shown = architecture.cells.slice(0, options.maxCells ?? architecture.cells.length);
  const lines = shown.flatMap((cell, index) => drawCell(cell, (edge) => replaced.get(`${index}:${edge}`), paint, options.maxEdges ?? 64));
  if (shown.length < architecture.cells.length) lines.push(paint(`... and ${architecture.cells.length - shown.length} more cells`, 'faint'));
  return lines.join('\n');
}

function drawCell(
  cell: Cell,
  editOf: (edge: number) => EdgeEdit | undefined,
  paint: (text: string, how: keyof typeof PAINT) => string,
  maxEdges: number,
): string[] {
  const lines = [`${paint(cell.name, 'name')} -> ${outputNodes(cell).map(String).join(' + ')}`];
  let left = maxEdges;
  const width = Math.max(...Array.from({ length: cell.nodes - cell.inputs }, (_, index) => nodeLabel(cell, cell.inputs + index).length));
  for (let node = cell.inputs; node < cell.nodes && left > 0; node++) {
    const parts: string[] = [];
    cell.edges.forEach((edge, index) => {
      if (edge.to !== node || left-- <= 0) return;
      const source = nodeLabel(cell, edge.from);
      const edit = editOf(index);
      const label = operationLabel(edge.operation);
      if (edit !== undefined) parts.push(`${paint(`*${edit.before}>`, 'removed')}${paint(edit.after, 'replaced')}(${source})`);
      else parts.push(label === 'null' ? paint(`${label}(${source})`, 'faint') : `${label}(${source})`);
    });
    if (parts.length > 0) lines.push(`  ${nodeLabel(cell, node).padStart(width)} = ${parts.join(' + ')}`);
  }
  if (cell.edges.length > maxEdges) lines.push(paint(`  ... and ${cell.edges.length - maxEdges} more edges`, 'faint'));
  return lines;
}
