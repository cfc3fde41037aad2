/**
 * The connectivity guard: no edit cuts the last live path from a cell's inputs to its output, so a result never ignores the
 * image where its source did not. A live path has no `null` on it; paths are counted with undecided edges as the source has them.
 *
 * One path from any input is enough where every input carries something. Where the source has dead cells, only inputs that
 * carry something everywhere count; and where no single one does, each input that was connected stays connected.
 */
import { outputNodes } from './shapes.ts';
import type { Architecture, Cell } from './types.ts';

/** What must stay connected in one cell. */
export interface CellGuard {
  /** `any`: the output to at least one anchor. `each`: to every anchor. `none`: nothing was connected. */
  readonly kind: 'any' | 'each' | 'none';
  /** Cell inputs. */
  readonly anchors: readonly number[];
}

/** Edges in an order in which an edge comes after all edges into the node it leaves. */
function byTarget(cell: Cell): readonly number[] | undefined {
  for (let index = 1; index < cell.edges.length; index++)
    if (cell.edges[index]!.to < cell.edges[index - 1]!.to) return cell.edges.map((_, at) => at).sort((a, b) => cell.edges[a]!.to - cell.edges[b]!.to);
  return undefined;
}

/**
 * Live paths of one cell while its edges are decided one by one.
 *
 * Keeps one live path as a witness: cutting any other edge needs no search.
 */
export class LivePaths {
  readonly #cell: Cell;
  readonly #order: readonly number[] | undefined;
  readonly #outputs: readonly number[];
  readonly #guard: CellGuard;
  /** 1 where an edge is not `null`. */
  readonly live: Uint8Array;
  /** Node reached, and by which edge + 1; 0 where not; inputs that are anchors have -1. */
  readonly #reachedBy: Int32Array;
  /** Edges of the witness paths. */
  #witness = new Set<number>();

  constructor(cell: Cell, guard: CellGuard, live: Uint8Array) {
    this.#cell = cell;
    this.#guard = guard;
    this.#order = byTarget(cell);
    this.#outputs = outputNodes(cell);
    this.#reachedBy = new Int32Array(cell.nodes);
    this.live = live;
    if (guard.kind !== 'none') this.#witness = this.#search(-1) ?? new Set();
  }

  /** True where making this edge `null` would break the guard. */
  wouldCut(edge: number): boolean {
    if (this.#guard.kind === 'none' || this.live[edge] === 0 || !this.#witness.has(edge)) return false;
    return this.#search(edge) === undefined;
  }

  /** Records a decision. */
  decide(edge: number, live: boolean): void {
    if (!live && this.live[edge] === 1 && this.#witness.has(edge)) {
      this.live[edge] = 0;
      this.#witness = this.#search(-1) ?? new Set();
    } else this.live[edge] = live ? 1 : 0;
  }

  /** Edges of live paths that satisfy the guard without `excluded`, or undefined. */
  #search(excluded: number): Set<number> | undefined {
    const { anchors, kind } = this.#guard;
    if (kind === 'any') return this.#path(anchors, excluded);
    const all = new Set<number>();
    for (const anchor of anchors) {
      const path = this.#path([anchor], excluded);
      if (path === undefined) return undefined;
      for (const edge of path) all.add(edge);
    }
    return all;
  }

  #path(anchors: readonly number[], excluded: number): Set<number> | undefined {
    const { edges } = this.#cell;
    const reachedBy = this.#reachedBy.fill(0);
    for (const anchor of anchors) reachedBy[anchor] = -1;
    for (let at = 0; at < edges.length; at++) {
      const index = this.#order === undefined ? at : this.#order[at]!;
      if (index === excluded || this.live[index] === 0) continue;
      const { from, to } = edges[index]!;
      if (reachedBy[from] !== 0 && reachedBy[to] === 0) reachedBy[to] = index + 1;
    }
    const end = this.#outputs.find((node) => reachedBy[node] !== 0);
    if (end === undefined) return undefined;
    const path = new Set<number>();
    for (let node = end; reachedBy[node]! > 0; node = edges[reachedBy[node]! - 1]!.from) path.add(reachedBy[node]! - 1);
    return path;
  }
}

/** Bits of a cell's inputs (up to 64, as booleans) that a live path joins to the output. */
function connectedInputs(cell: Cell): readonly boolean[] {
  const reaches = new Uint8Array(cell.nodes);
  for (const node of outputNodes(cell)) reaches[node] = 1;
  const order = byTarget(cell);
  for (let at = cell.edges.length - 1; at >= 0; at--) {
    const { from, to, operation } = cell.edges[order === undefined ? at : order[at]!]!;
    if (reaches[to] === 1 && operation.name !== 'null') reaches[from] = 1;
  }
  return Array.from({ length: cell.inputs }, (_, input) => reaches[input] === 1);
}

/**
 * The guard of every cell of a source.
 * @param placements in order: the cell (-1: a fixed block that passes its input on) and what its inputs read (below 0: the stem); asked for only where a cell is dead
 */
export function cellGuards(
  architecture: Architecture,
  placements: () => readonly { readonly cell: number; readonly reads: readonly number[] }[],
): readonly CellGuard[] {
  const connected = architecture.cells.map(connectedInputs);
  if (connected.every((inputs) => inputs.some(Boolean)))
    return architecture.cells.map((cell) => ({ kind: 'any', anchors: Array.from({ length: cell.inputs }, (_, input) => input) }));
  // Some cell is dead: find what carries the image. By induction a placement stays live while its cell keeps a path from a live read.
  const placed = placements();
  const carries: boolean[] = [];
  for (const { cell, reads } of placed) carries.push(reads.some((read, input) => (cell < 0 || connected[cell]![input]!) && (read < 0 || carries[read]!)));
  return architecture.cells.map((cell, index): CellGuard => {
    const inputs = Array.from({ length: cell.inputs }, (_, input) => input);
    const own = inputs.filter((input) => connected[index]![input]);
    if (own.length === 0) return { kind: 'none', anchors: [] };
    const livePlaces = placed.filter((place, at) => place.cell === index && carries[at]!);
    const common = own.filter((input) => livePlaces.every(({ reads }) => reads[input]! < 0 || carries[reads[input]!]!));
    return common.length > 0 ? { kind: 'any', anchors: common } : { kind: 'each', anchors: own };
  });
}
