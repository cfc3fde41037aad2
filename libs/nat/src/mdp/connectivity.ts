/**
 * The connectivity guard: no edit cuts the last live path from a cell's inputs to its output, so a result never ignores the
 * image where its source did not. A live path has no `null` on it; paths are counted with undecided edges as the source has them.
 *
 * One path from any input is enough where every input carries something. Where the source has dead cells, only inputs that
 * carry something everywhere count; and where no single one does, each input that was connected stays connected.
 */
import { type Architecture, type Cell, outputNodes } from '@nat/cells';
import { runningOrder } from './running-order.ts';

/** What must stay connected in one cell. */
export interface CellGuard {
  /** `any`: the output to at least one anchor. `each`: to every anchor. `none`: nothing was connected. */
  readonly kind: 'any' | 'each' | 'none';
  /** Cell inputs. */
  readonly anchors: readonly number[];
}

/** Edges in an order in which an edge comes after all edges into the node it leaves. */
function byTarget(cell: Cell): readonly number[] | undefined {
  for (let index = 1; index < cell.edges.length; index++) if (cell.edges[index]!.to < cell.edges[index - 1]!.to) return runningOrder(cell);
  return undefined;
}

/**
 * Live paths of one cell while its edges are decided one by one.
 *
 * Keeps one live path (in `each` mode one an anchor) as a witness: cutting any other edge needs no search.
 */
export class LivePaths {
  readonly #cell: Cell;
  readonly #order: readonly number[] | undefined;
  readonly #outputs: readonly number[];
  readonly #guard: CellGuard;
  /** 1 where an edge is not `null`. */
  readonly #live: Uint8Array;
  /** By which edge + 1 a search reached a node; 0 where not, -1 for anchors. */
  readonly #reachedBy: Int32Array;
  /** 1 on the edges of the witness. */
  readonly #witness: Uint8Array;

  /** @param live 1 for each edge of the cell that is not `null`; taken over and changed by `decide` */
  constructor(cell: Cell, guard: CellGuard, live: Uint8Array) {
    this.#cell = cell;
    this.#guard = guard;
    this.#order = byTarget(cell);
    this.#outputs = outputNodes(cell);
    this.#reachedBy = new Int32Array(cell.nodes);
    this.#live = live;
    this.#witness = new Uint8Array(cell.edges.length);
    this.#findWitness(-1);
  }

  /** True where making this edge `null` would break the guard. Otherwise the witness avoids the edge from now on. */
  wouldCut(edge: number): boolean {
    return this.#live[edge] === 1 && this.#witness[edge] === 1 && !this.#findWitness(edge);
  }

  /** Records a decision. */
  decide(edge: number, live: boolean): void {
    this.#live[edge] = live ? 1 : 0;
    if (!live && this.#witness[edge] === 1) this.#findWitness(-1);
  }

  /** Finds live paths without `excluded` that satisfy the guard, and makes them the witness; leaves it alone where there are none. */
  #findWitness(excluded: number): boolean {
    const { anchors, kind } = this.#guard;
    if (kind === 'none') return true;
    if (kind === 'any') {
      const end = this.#reach(anchors, excluded);
      if (end === -1) return false;
      this.#witness.fill(0);
      this.#mark(end);
      return true;
    }
    for (const anchor of anchors) if (this.#reach([anchor], excluded) === -1) return false;
    this.#witness.fill(0);
    for (const anchor of anchors) this.#mark(this.#reach([anchor], excluded));
    return true;
  }

  /** The first output node that live edges lead to, or -1. */
  #reach(anchors: readonly number[], excluded: number): number {
    const { edges } = this.#cell;
    const reachedBy = this.#reachedBy.fill(0);
    for (const anchor of anchors) reachedBy[anchor] = -1;
    for (let at = 0; at < edges.length; at++) {
      const index = this.#order === undefined ? at : this.#order[at]!;
      if (index === excluded || this.#live[index] === 0) continue;
      const { from, to } = edges[index]!;
      if (reachedBy[from] !== 0 && reachedBy[to] === 0) reachedBy[to] = index + 1;
    }
    for (const node of this.#outputs) if (reachedBy[node] !== 0) return node;
    return -1;
  }

  #mark(end: number): void {
    const { edges } = this.#cell;
    for (let node = end; this.#reachedBy[node]! > 0; node = edges[this.#reachedBy[node]! - 1]!.from) this.#witness[this.#reachedBy[node]! - 1] = 1;
  }
}

/** For each node of a cell, 1 where a live path joins it to the output. */
function connectedNodes(cell: Cell): Uint8Array {
  const reaches = new Uint8Array(cell.nodes);
  for (const node of outputNodes(cell)) reaches[node] = 1;
  const order = byTarget(cell);
  for (let at = cell.edges.length - 1; at >= 0; at--) {
    const { from, to, operation } = cell.edges[order === undefined ? at : order[at]!]!;
    if (reaches[to] === 1 && operation.name !== 'null') reaches[from] = 1;
  }
  return reaches;
}

function allInputs(cell: Cell): number[] {
  const inputs: number[] = [];
  for (let input = 0; input < cell.inputs; input++) inputs.push(input);
  return inputs;
}

/**
 * The guard of every cell of a source.
 * @param placements in order: the cell (-1: a fixed block that passes its input on) and what its inputs read (below 0: the stem); asked for only where a cell is dead
 */
export function cellGuards(
  architecture: Architecture,
  placements: () => readonly { readonly cell: number; readonly reads: readonly number[] }[],
): readonly CellGuard[] {
  const connected = architecture.cells.map(connectedNodes);
  if (architecture.cells.every((cell, index) => connected[index]!.indexOf(1) < cell.inputs))
    return architecture.cells.map((cell) => ({ kind: 'any', anchors: allInputs(cell) }));
  // Some cell is dead: find what carries the image. By induction a placement stays live while its cell keeps a path from a live read.
  const placed = placements();
  const carries: boolean[] = [];
  for (const { cell, reads } of placed) carries.push(reads.some((read, input) => (cell < 0 || connected[cell]![input] === 1) && (read < 0 || carries[read]!)));
  return architecture.cells.map((cell, index): CellGuard => {
    const own = allInputs(cell).filter((input) => connected[index]![input] === 1);
    if (own.length === 0) return { kind: 'none', anchors: [] };
    const livePlaces = placed.filter((place, at) => place.cell === index && carries[at]!);
    const common = own.filter((input) => livePlaces.every(({ reads }) => reads[input]! < 0 || carries[reads[input]!]!));
    return common.length > 0 ? { kind: 'any', anchors: common } : { kind: 'each', anchors: own };
  });
}
