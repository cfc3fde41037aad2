/** What makes an architecture well formed. Every violation names its field; callers may pass anything a client sent. */
import { DomainError, type FieldViolation } from '@nat/base/errors';
import { ACTIVATIONS } from '../primitives/module-builder.ts';
import { isEvenPool, isPrimitiveName } from '../primitives/operations.ts';
import { explicitShapes, outputNodes } from './shapes.ts';
import type { ExplicitSkeleton } from './shapes.ts';
import type { Architecture, Cell, Edge, Skeleton } from './types.ts';

/** Bounds on what one architecture may hold, so that every later step takes bounded time. */
export const ARCHITECTURE_LIMITS = {
  edgesPerCell: 4096,
  edges: 16_384,
  cells: 1024,
  cellInputs: 64,
  placements: 4096,
  /** Edges of all cells at all their places. */
  placedEdges: 262_144,
  channels: 16_384,
  imageSize: 4096,
  classes: 1_000_000,
  nameLength: 128,
  /** Violations reported before the rest is left out. */
  violations: 64,
} as const;

/** What may really stand where a type promises more: requests are read by code that trusts their senders. */
interface SentEdge {
  readonly operation?: { readonly kind?: unknown; readonly name?: unknown; readonly activation?: unknown; readonly params?: unknown; readonly macs?: unknown };
  readonly channels?: { readonly in?: unknown; readonly out?: unknown };
  readonly stride?: unknown;
}
interface SentSkeleton {
  readonly kind?: unknown;
  readonly stem?: { readonly channels?: unknown; readonly kernel?: unknown; readonly stride?: unknown; readonly activation?: unknown };
  readonly head?: { readonly activation?: unknown; readonly conv?: { readonly channels?: unknown; readonly activation?: unknown } };
  readonly placements?: unknown;
  readonly imageSize?: unknown;
  readonly classes?: unknown;
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

class Report {
  readonly violations: FieldViolation[] = [];
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  get full(): boolean {
    return this.violations.length >= ARCHITECTURE_LIMITS.violations;
  }

  get clean(): boolean {
    return this.violations.length === 0;
  }

  /** `path` is relative to the architecture: '' is the architecture itself. */
  add(path: string, description: string): void {
    if (!this.full) this.violations.push({ field: path === '' ? this.root : `${this.root}.${path}`, description });
  }
}

/** All violations found, at most 64; none for a well-formed architecture. `root` prefixes the field paths. */
export function findViolations(architecture: Architecture, root = 'architecture'): readonly FieldViolation[] {
  const report = new Report(root);
  if (architecture.name !== undefined) checkName(architecture.name, 'name', report);
  const { cells, skeleton } = architecture;
  if (!isList(cells) || cells.length === 0) {
    report.add('cells', 'an architecture needs at least one cell');
    return report.violations;
  }
  if (cells.length > ARCHITECTURE_LIMITS.cells) {
    report.add('cells', `${cells.length} cells, at most ${ARCHITECTURE_LIMITS.cells}`);
    return report.violations;
  }
  if (!checkCounts(cells, report)) return report.violations;
  checkCellNames(cells, report);
  for (let index = 0; index < cells.length && !report.full; index++) checkCell(cells[index]!, index, report);
  checkSkeleton(cells, skeleton, report);
  return report.violations;
}

/** @throws DomainError INVALID_ARGUMENT, reason INVALID_ARCHITECTURE, with one violation a bad field */
export function validateArchitecture(architecture: Architecture, root = 'architecture'): void {
  const violations = findViolations(architecture, root);
  if (violations.length > 0) throw DomainError.invalidFields(violations, 'INVALID_ARCHITECTURE');
}

function checkName(name: unknown, path: string, report: Report): void {
  // Control characters would break terminals and text formats.
  if (typeof name !== 'string' || name.length === 0 || name.length > ARCHITECTURE_LIMITS.nameLength || /[\u0000-\u001f\u007f]/.test(name))
    report.add(path, `a name is 1 to ${ARCHITECTURE_LIMITS.nameLength} characters without control characters`);
}

/** Sizes first: nothing else is looked at in an architecture that is too large. */
function checkCounts(cells: readonly Cell[], report: Report): boolean {
  let total = 0;
  cells.forEach((cell, index) => {
    const count = isList(cell.edges) ? cell.edges.length : 0;
    total += count;
    if (count === 0) report.add(`cells[${index}].edges`, 'an empty cell: at least one edge is needed');
    if (count > ARCHITECTURE_LIMITS.edgesPerCell) report.add(`cells[${index}].edges`, `${count} edges, at most ${ARCHITECTURE_LIMITS.edgesPerCell} a cell`);
  });
  if (total > ARCHITECTURE_LIMITS.edges) report.add('cells', `${total} edges in all, at most ${ARCHITECTURE_LIMITS.edges}`);
  return report.clean;
}

function checkCellNames(cells: readonly Cell[], report: Report): void {
  const first = new Map<string, number>();
  cells.forEach((cell, index) => {
    checkName(cell.name, `cells[${index}].name`, report);
    const earlier = first.get(cell.name);
    if (earlier !== undefined) report.add(`cells[${index}].name`, `duplicate cell name, also that of cells[${earlier}]`);
    else first.set(cell.name, index);
  });
}

function checkCell(cell: Cell, cellIndex: number, report: Report): void {
  const { inputs, nodes, edges } = cell;
  if (!Number.isInteger(inputs) || inputs < 1 || inputs > ARCHITECTURE_LIMITS.cellInputs) {
    report.add(`cells[${cellIndex}].inputs`, `${inputs} is not an integer from 1 to ${ARCHITECTURE_LIMITS.cellInputs}`);
    return;
  }
  if (!Number.isInteger(nodes) || nodes <= inputs || nodes > inputs + edges.length) {
    report.add(
      `cells[${cellIndex}].nodes`,
      Number.isInteger(nodes) && nodes > inputs
        ? `${nodes} nodes: with ${inputs} inputs and ${edges.length} edges some node has no edge into it`
        : `${nodes} is not an integer above the ${inputs} inputs`,
    );
    return;
  }
  const entered = new Uint8Array(nodes);
  for (let index = 0; index < edges.length && !report.full; index++) {
    const edge = edges[index]!;
    // Field paths are made only where something is wrong.
    if (soundEndpoints(cell, edge) || checkEndpoints(cell, edge, `cells[${cellIndex}].edges[${index}]`, report)) entered[edge.to] = 1;
    if (!plainOperation(edge)) checkOperation(edge, `cells[${cellIndex}].edges[${index}]`, report);
  }
  for (let node = inputs; node < nodes && !report.full; node++)
    if (entered[node] === 0) report.add(`cells[${cellIndex}].nodes`, `node ${node} is dangling: no edge enters it`);
  checkOutput(cell, cellIndex, report);
}

function soundEndpoints({ inputs, nodes }: Cell, { from, to }: Edge): boolean {
  return Number.isInteger(from) && Number.isInteger(to) && from >= 0 && from < to && to >= inputs && to < nodes;
}

function plainOperation(edge: SentEdge): boolean {
  const { operation } = edge;
  return (
    edge.channels === undefined &&
    edge.stride === undefined &&
    operation?.kind === 'primitive' &&
    operation.activation === undefined &&
    isPrimitiveName(operation.name)
  );
}

function checkEndpoints(cell: Cell, edge: Edge, path: string, report: Report): boolean {
  const { from, to } = edge;
  let sound = true;
  for (const [field, value] of [
    ['from', from],
    ['to', to],
  ] as const) {
    if (!Number.isInteger(value) || value < 0 || value >= cell.nodes) {
      report.add(`${path}.${field}`, `${String(value)} is not a node: they are 0 to ${cell.nodes - 1}`);
      sound = false;
    }
  }
  if (!sound) return false;
  if (to < cell.inputs) {
    report.add(`${path}.to`, `node ${to} is an input of the cell: no edge may enter it`);
    return false;
  }
  if (from >= to) {
    report.add(`${path}.from`, `a cycle: an edge goes from a lower to a higher node, not from ${from} to ${to}`);
    return false;
  }
  return true;
}

function checkOperation({ operation, channels, stride }: SentEdge, path: string, report: Report): void {
  if (operation?.kind === 'primitive') {
    if (!isPrimitiveName(operation.name)) report.add(`${path}.operation.name`, `unknown operation ${JSON.stringify(String(operation.name).slice(0, 64))}`);
    if (operation.activation !== undefined) checkActivation(operation.activation, `${path}.operation.activation`, report);
  } else if (operation?.kind === 'fixed') {
    checkName(operation.name, `${path}.operation.name`, report);
    if (isPrimitiveName(operation.name)) report.add(`${path}.operation.name`, `${operation.name} is a primitive, not a fixed operation`);
    checkRange(operation.params, 0, Number.MAX_SAFE_INTEGER, `${path}.operation.params`, report);
    checkRange(operation.macs, 0, Number.MAX_SAFE_INTEGER, `${path}.operation.macs`, report);
  } else report.add(`${path}.operation.kind`, 'primitive or fixed');
  if (channels !== undefined) {
    checkRange(channels.in, 1, ARCHITECTURE_LIMITS.channels, `${path}.channels.in`, report);
    checkRange(channels.out, 1, ARCHITECTURE_LIMITS.channels, `${path}.channels.out`, report);
  }
  if (stride !== undefined && stride !== 1 && stride !== 2) report.add(`${path}.stride`, '1 or 2');
}

function checkRange(value: unknown, low: number, high: number, path: string, report: Report): void {
  if (!Number.isInteger(value) || (value as number) < low || (value as number) > high)
    report.add(path, `${String(value)} is not an integer from ${low} to ${high}`);
}

function checkOutput(cell: Cell, cellIndex: number, report: Report): void {
  const path = `cells[${cellIndex}].output`;
  const output = cell.output as { readonly kind?: unknown; readonly nodes?: unknown } | undefined;
  if (output?.kind === 'last' || output?.kind === 'loose-ends') return; // no edge leaves the last node, so there is always a loose end
  if (output?.kind !== 'concat') {
    report.add(`${path}.kind`, 'concat, loose-ends or last');
    return;
  }
  if (!isList(output.nodes) || output.nodes.length === 0) {
    report.add(`${path}.nodes`, 'names no node');
    return;
  }
  const seen = new Set<unknown>();
  output.nodes.forEach((node, index) => {
    if (!isIndex(node, cell.nodes)) report.add(`${path}.nodes[${index}]`, `${String(node)} is not a node: they are 0 to ${cell.nodes - 1}`);
    else if (node < cell.inputs) report.add(`${path}.nodes[${index}]`, `node ${node} is an input of the cell: only its own nodes make up the output`);
    else if (seen.has(node)) report.add(`${path}.nodes[${index}]`, `node ${node} is named twice`);
    seen.add(node);
  });
}

function isIndex(value: unknown, count: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < count;
}

function checkSkeleton(cells: readonly Cell[], skeleton: Skeleton, report: Report): void {
  switch ((skeleton as SentSkeleton | undefined)?.kind) {
    case 'repeated':
      checkFixedSkeleton(cells, ['normal', 'reduce'], 2, report);
      return;
    case 'nasbench201':
      checkFixedSkeleton(cells, ['cell'], 1, report);
      return;
    case 'explicit':
      checkExplicit(cells, skeleton as ExplicitSkeleton, report);
      return;
    default:
      report.add('skeleton.kind', 'repeated, nasbench201 or explicit');
  }
}

/** Skeletons that give every edge its channels and stride: the edges themselves must not. */
function checkFixedSkeleton(cells: readonly Cell[], names: readonly string[], inputs: number, report: Report): void {
  if (cells.length !== names.length || names.some((name, index) => cells[index]!.name !== name))
    report.add('cells', `this skeleton places the cells ${names.join(', ')}, in that order`);
  cells.forEach((cell, cellIndex) => {
    if (Number.isInteger(cell.inputs) && cell.inputs !== inputs)
      report.add(`cells[${cellIndex}].inputs`, `${cell.inputs} inputs, this skeleton gives ${inputs}`);
    if (inputs === 1 && report.clean && outputNodes(cell).length !== 1)
      report.add(`cells[${cellIndex}].output`, 'this skeleton keeps the channels of a cell: its output is one node');
    for (let index = 0; index < cell.edges.length && !report.full; index++) {
      const edge = cell.edges[index]!;
      if (edge.channels !== undefined) report.add(`cells[${cellIndex}].edges[${index}].channels`, 'this skeleton decides the channels');
      if (edge.stride !== undefined) report.add(`cells[${cellIndex}].edges[${index}].stride`, 'this skeleton decides the stride');
      const strided = cell.name === 'reduce' && edge.from < cell.inputs;
      if (!strided) checkEvenPool(edge, cellIndex, index, report);
      if (!strided && isZeroPad(edge))
        report.add(`cells[${cellIndex}].edges[${index}].operation`, 'zero_pad_shortcut stands where the size shrinks or channels grow');
    }
  });
}

function isZeroPad({ operation }: SentEdge): boolean {
  return operation?.kind === 'fixed' && operation.name === 'zero_pad_shortcut';
}

function checkEvenPool(edge: SentEdge, cellIndex: number, index: number, report: Report): void {
  const name = edge.operation?.name;
  if (edge.operation?.kind === 'primitive' && isPrimitiveName(name) && isEvenPool(name))
    report.add(`cells[${cellIndex}].edges[${index}].operation`, `${name} at stride 1 would shrink the image: it is allowed at stride 2 only`);
}

function checkImageSize(size: unknown, report: Report): void {
  if (typeof size !== 'object' || size === null) {
    checkRange(size, 1, ARCHITECTURE_LIMITS.imageSize, 'skeleton.imageSize', report);
    return;
  }
  const { height, width } = size as { readonly height?: unknown; readonly width?: unknown };
  checkRange(height, 1, ARCHITECTURE_LIMITS.imageSize, 'skeleton.imageSize.height', report);
  checkRange(width, 1, ARCHITECTURE_LIMITS.imageSize, 'skeleton.imageSize.width', report);
}

function checkExplicit(cells: readonly Cell[], skeleton: ExplicitSkeleton, report: Report): void {
  const { stem, head, placements, imageSize, classes } = skeleton as SentSkeleton;
  checkRange(stem?.channels, 1, ARCHITECTURE_LIMITS.channels, 'skeleton.stem.channels', report);
  if (stem?.kernel !== 1 && stem?.kernel !== 3 && stem?.kernel !== 7) report.add('skeleton.stem.kernel', '1, 3 or 7');
  if (stem?.stride !== 1 && stem?.stride !== 2) report.add('skeleton.stem.stride', '1 or 2');
  checkActivation(stem?.activation, 'skeleton.stem.activation', report);
  checkActivation(head?.activation, 'skeleton.head.activation', report);
  if (head?.conv !== undefined) {
    checkRange(head.conv.channels, 1, ARCHITECTURE_LIMITS.channels, 'skeleton.head.conv.channels', report);
    checkActivation(head.conv.activation, 'skeleton.head.conv.activation', report);
  }
  checkImageSize(imageSize, report);
  checkRange(classes, 1, ARCHITECTURE_LIMITS.classes, 'skeleton.classes', report);
  if (!isList(placements) || placements.length === 0 || placements.length > ARCHITECTURE_LIMITS.placements) {
    report.add('skeleton.placements', `1 to ${ARCHITECTURE_LIMITS.placements} placements`);
    return;
  }
  checkReads(cells, placements as readonly SentPlacement[], report);
  cells.forEach((cell, cellIndex) => {
    for (let index = 0; index < cell.edges.length && !report.full; index++) {
      const edge = cell.edges[index]!;
      if ((edge.stride ?? 1) === 1) checkEvenPool(edge, cellIndex, index, report);
    }
  });
  if (report.clean) explicitShapes(cells, skeleton, deduplicated(report), report.root);
}

interface SentPlacement {
  readonly cell?: unknown;
  readonly reads?: unknown;
}

function checkActivation(value: unknown, path: string, report: Report): void {
  if (!ACTIVATIONS.some((known) => known === value)) report.add(path, `one of ${ACTIVATIONS.join(', ')}`);
}

/** Reads point backwards, every placement but the last is read, and every cell is placed. */
function checkReads(cells: readonly Cell[], placements: readonly SentPlacement[], report: Report): void {
  const byName = new Map<unknown, Cell>(cells.map((cell) => [cell.name, cell]));
  const placedCells = new Set<unknown>();
  const read = new Uint8Array(placements.length);
  let edges = 0;
  placements.forEach(({ cell: name, reads }, index) => {
    const cell = byName.get(name);
    placedCells.add(name);
    edges += cell?.edges.length ?? 0;
    if (cell === undefined) report.add(`skeleton.placements[${index}].cell`, 'names no cell of this architecture');
    if (!isList(reads) || (cell !== undefined && reads.length !== cell.inputs))
      report.add(`skeleton.placements[${index}].reads`, `one entry a cell input${cell === undefined ? '' : `: ${cell.inputs} needed`}`);
    if (!isList(reads)) return;
    reads.forEach((value, position) => {
      if (value === -1) return;
      if (isIndex(value, index)) read[value] = 1;
      else report.add(`skeleton.placements[${index}].reads[${position}]`, `${String(value)} is neither the stem (-1) nor an earlier placement`);
    });
  });
  if (edges > ARCHITECTURE_LIMITS.placedEdges) report.add('skeleton.placements', `${edges} placed edges, at most ${ARCHITECTURE_LIMITS.placedEdges}`);
  for (let index = 0; index < read.length - 1; index++)
    if (read[index] === 0) report.add(`skeleton.placements[${index}]`, 'dangling: no later placement reads it');
  cells.forEach((cell, index) => {
    if (!placedCells.has(cell.name)) report.add(`cells[${index}].name`, 'this cell is never placed');
  });
}

/** One report a field: a cell placed many times would repeat itself. */
function deduplicated(report: Report): (violation: FieldViolation) => void {
  const seen = new Set<string>();
  const prefix = report.root.length + 1;
  return ({ field, description }) => {
    if (seen.has(field)) return;
    seen.add(field);
    report.add(field.slice(prefix), description);
  };
}
