/** Cells as one self-contained SVG image: no scripts, no fonts or styles from elsewhere, every text escaped. */
import { layOutCell, MAX_DRAWN_EDGES, MAX_DRAWN_IN_ALL } from './layout.ts';
import type { CellDrawing, DrawnEdge, DrawnNode } from './layout.ts';
import { operationLabel } from '../cell/operation.ts';
import { primitiveInfo } from '../primitives/operations.ts';
import type { Architecture, Cell, EdgeEdit, Operation } from '../cell/types.ts';

export interface SvgOptions {
  /** Edges shown as replaced, `before` struck out by `after`; indices as in the drawn architecture, which is the result. */
  readonly replaced?: readonly EdgeEdit[];
  /** @default the architecture's name */
  readonly title?: string;
}

const TITLE = 30; // px above each cell
const GAP = 18;

/** SVG text of all cells, one below the other. */
export function writeSvg(architecture: Architecture, options: SvgOptions = {}): string {
  const replaced = new Map((options.replaced ?? []).map((edit) => [`${edit.cell}:${edit.edge}`, edit]));
  const title = options.title ?? architecture.name;
  let top = title === undefined ? 0 : 34;
  let width = 320;
  let drawn = 0;
  const parts: string[] = [];
  architecture.cells.forEach((cell, index) => {
    const editOf = (edge: number): EdgeEdit | undefined => replaced.get(`${index}:${edge}`);
    parts.push(`<g transform="translate(0 ${top})"><text class="cell" x="12" y="20">${escapeXml(cellTitle(cell))}</text>`);
    if (cell.edges.length > MAX_DRAWN_EDGES || drawn + cell.edges.length > MAX_DRAWN_IN_ALL) {
      const limit = cell.edges.length > MAX_DRAWN_EDGES ? `more than ${MAX_DRAWN_EDGES} are not drawn` : `more than ${MAX_DRAWN_IN_ALL} in all are not drawn`;
      parts.push(`<text class="label" x="12" y="40">${cell.edges.length} edges: ${limit}</text></g>`);
      top += 52;
      return;
    }
    drawn += cell.edges.length;
    const drawing = layOutCell(cell, (edge) => edgeLabel(cell.edges[edge]!.operation, editOf(edge)));
    parts.push(`<g transform="translate(4 ${TITLE})">${drawCell(cell, drawing, editOf)}</g></g>`);
    top += drawing.height + TITLE + GAP;
    width = Math.max(width, drawing.width + 8);
  });
  const heading = title === undefined ? '' : `<text class="title" x="12" y="24">${escapeXml(title)}</text>`;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${top}" width="${width}" height="${top}" role="img"` +
    `${title === undefined ? '' : ` aria-label="${escapeXml(title)}"`}><style>${STYLE}</style>` +
    `<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z"/></marker></defs>` +
    `<rect class="paper" width="${width}" height="${top}"/>${heading}${parts.join('')}</svg>`
  );
}

const STYLE = [
  '.paper{fill:#fff}',
  'text{font-family:ui-monospace,Menlo,Consolas,monospace;font-size:11px;fill:#1f2430}',
  '.title{font-size:16px;font-weight:600}.cell{font-size:13px;font-weight:600}',
  '.label{text-anchor:middle;dominant-baseline:central}text.label[x="12"]{text-anchor:start}',
  '.edge{fill:none;stroke:#5b6475;stroke-width:1.3;marker-end:url(#arrow)}.out{stroke:#b5bcc9;stroke-width:1}',
  '.null{stroke-dasharray:2 4}.skip{stroke:#2f7d5b}.pool{stroke:#6a5acd}.fixed{stroke:#a0a7b5}',
  '.replaced{stroke:#c2410c;stroke-width:2.2}text.replaced{stroke:none;fill:#c2410c;font-weight:600}',
  '.plate{fill:#fff;fill-opacity:.92}.input{fill:#dbe7f6;stroke:#5b7fae}.node{fill:#f3f4f7;stroke:#8a93a5}.output{fill:#fdeccd;stroke:#c29441}',
].join('');

function cellTitle(cell: Cell): string {
  return `${cell.name} · ${cell.edges.length} edges`;
}

function edgeLabel(operation: Operation, edit: EdgeEdit | undefined): string {
  return edit === undefined ? operationLabel(operation) : `${edit.before} → ${edit.after}`;
}

function drawCell(cell: Cell, drawing: CellDrawing, editOf: (edge: number) => EdgeEdit | undefined): string {
  const lines = drawing.edges.map((edge) => drawLine(edge, lineClass(edge, cell, editOf)));
  const labels = drawing.edges.filter(({ label }) => label !== '').map((edge) => drawLabel(edge, editOf(edge.index) !== undefined));
  return [...lines, ...labels, ...drawing.nodes.map(drawNode)].join('');
}

function lineClass(edge: DrawnEdge, cell: Cell, editOf: (edge: number) => EdgeEdit | undefined): string {
  if (edge.index < 0) return 'edge out';
  const { operation } = cell.edges[edge.index]!;
  const look = operation.kind === 'fixed' ? ' fixed' : LOOKS[primitiveInfo(operation.name).kind];
  return `edge${look ?? ''}${editOf(edge.index) === undefined ? '' : ' replaced'}`;
}
const LOOKS: Readonly<Record<string, string>> = { null: ' null', skip: ' skip', 'max-pool': ' pool', 'avg-pool': ' pool' };

function drawLine(edge: DrawnEdge, className: string): string {
  const [start, ...rest] = edge.points;
  if (start === undefined) return '';
  return `<path class="${className}" d="M${round(start.x)} ${round(start.y)}${rest.map(({ x, y }) => `L${round(x)} ${round(y)}`).join('')}"/>`;
}

function drawLabel(edge: DrawnEdge, replaced: boolean): string {
  const width = edge.label.length * 6.6 + 6;
  const { x, y } = edge.at;
  return (
    `<rect class="plate" x="${round(x - width / 2)}" y="${round(y - 8)}" width="${round(width)}" height="16" rx="3"/>` +
    `<text class="label${replaced ? ' replaced' : ''}" x="${round(x)}" y="${round(y)}">${escapeXml(edge.label)}</text>`
  );
}

function drawNode(node: DrawnNode): string {
  return (
    `<rect class="${node.kind}" x="${round(node.x - node.width / 2)}" y="${round(node.y - node.height / 2)}" width="${round(node.width)}" height="${round(node.height)}" rx="6"/>` +
    `<text class="label" x="${round(node.x)}" y="${round(node.y)}">${escapeXml(node.label)}</text>`
  );
}

/** Tenths of a px are enough. */
export function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Text safe inside XML, attributes included. Characters that XML 1.0 cannot hold are left out. */
export function escapeXml(text: string): string {
  const allowed = text.replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '');
  return allowed.replace(/[&<>"']/g, (character) => XML[character]!);
}
const XML: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
