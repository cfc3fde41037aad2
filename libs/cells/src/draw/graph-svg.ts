/** Networks as one self-contained SVG image: no scripts, no fonts or styles from elsewhere, every text escaped. */
import { DomainError } from '@nat/base/errors';
import type { Graph } from '@nat/graph';
import { outlineOf, type OutlineBox } from './graph-outline.ts';
import { layOutLayers, type Layered, type Point, type Size } from './layered.ts';
import { escapeXml, round } from './svg.ts';

export interface GraphSvgOptions {
  /** @default none */
  readonly title?: string;
}

/** Modules drawn at most: 1,443 of them take about 6 s to lay out, and nobody can read more. */
export const MAX_DRAWN_MODULES = 1500;

const CHARACTER = 6.6; // px of the 11 px monospaced font
const LINE = 15;
const TITLE = 34;

/**
 * SVG text of a network, a box a module with what it is made of and what it costs.
 * @throws DomainError INVALID_ARGUMENT, reason TOO_LARGE, for a network of too many modules to lay out
 */
export function writeGraphSvg(graph: Graph, { title }: GraphSvgOptions = {}): string {
  const { boxes, lines } = outlineOf(graph);
  const modules = boxes.filter(({ kind }) => kind === 'module').length;
  if (modules > MAX_DRAWN_MODULES) {
    throw DomainError.invalid('graph', `${modules} modules, and more than ${MAX_DRAWN_MODULES} are not laid out: DOT can hold them`, 'TOO_LARGE');
  }
  const sizes = boxes.map(sizeOf);
  const layout = layOutLayers(
    sizes,
    lines.map(({ from, to, label }) => ({ from, to, label: { width: label.length * CHARACTER + 8, height: 14 } })),
    { rankdir: 'TB', nodesep: 20, edgesep: 8, ranksep: 18 },
  );
  const top = title === undefined ? 0 : TITLE;
  const [width, height] = [Math.max(320, layout.width), layout.height + top];
  const heading = title === undefined ? '' : `<text class="title" x="12" y="24">${escapeXml(title)}</text>`;
  const drawn = [...lines.map(({ label }, at) => drawLine(layout.lines[at]!, label)), ...boxes.map((box, at) => drawBox(box, layout.boxes[at]!, sizes[at]!))];
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img"` +
    `${title === undefined ? '' : ` aria-label="${escapeXml(title)}"`}><style>${STYLE}</style>` +
    `<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z"/></marker></defs>` +
    `<rect class="paper" width="${width}" height="${height}"/>${heading}<g transform="translate(0 ${top})">${drawn.join('')}</g></svg>`
  );
}

const STYLE = [
  '.paper{fill:#fff}',
  'text{font-family:ui-monospace,Menlo,Consolas,monospace;font-size:11px;fill:#1f2430;text-anchor:middle;dominant-baseline:central}',
  '.title{font-size:16px;font-weight:600;text-anchor:start}.name{font-weight:600}.shape{font-size:10px;fill:#5b6475}',
  '.edge{fill:none;stroke:#5b6475;stroke-width:1.2;marker-end:url(#arrow)}.plate{fill:#fff;fill-opacity:.9}',
  '.input{fill:#dbe7f6;stroke:#5b7fae}.module{fill:#f3f4f7;stroke:#8a93a5}.output{fill:#fdeccd;stroke:#c29441}',
].join('');

function linesOf({ title, details }: OutlineBox): readonly string[] {
  return [title, ...details.filter((line) => line !== '')];
}

function sizeOf(box: OutlineBox): Size {
  const texts = linesOf(box);
  return { width: Math.max(...texts.map((text) => text.length)) * CHARACTER + 16, height: texts.length * LINE + 10 };
}

function drawLine({ points: [start, ...rest], at }: Layered['lines'][number], label: string): string {
  if (start === undefined) return '';
  const width = label.length * 6 + 4;
  return (
    `<path class="edge" d="M${round(start.x)} ${round(start.y)}${rest.map(({ x, y }) => `L${round(x)} ${round(y)}`).join('')}"/>` +
    `<rect class="plate" x="${round(at.x - width / 2)}" y="${round(at.y - 6)}" width="${round(width)}" height="12"/>` +
    `<text class="shape" x="${round(at.x)}" y="${round(at.y)}">${escapeXml(label)}</text>`
  );
}

function drawBox(box: OutlineBox, { x, y }: Point, { width, height }: Size): string {
  const texts = linesOf(box);
  const first = y - ((texts.length - 1) * LINE) / 2;
  return (
    `<rect class="${box.kind}" x="${round(x - width / 2)}" y="${round(y - height / 2)}" width="${round(width)}" height="${round(height)}" rx="6"/>` +
    texts.map((text, at) => `<text${at === 0 ? ' class="name"' : ''} x="${round(x)}" y="${round(first + at * LINE)}">${escapeXml(text)}</text>`).join('')
  );
}
