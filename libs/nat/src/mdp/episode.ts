/** An episode of the decision process: one architecture, decided edge by edge. */
import { DomainError } from '@nat/base/errors';
import { primitiveIndex } from '@nat/cells';
import type { ActionSpace } from './action-space.ts';
import { LivePaths } from './connectivity.ts';

const NULL = primitiveIndex('null');

/**
 * Decisions on the editable edges, one after the other. Masks take earlier decisions into account, so that results stay connected; keeping an operation
 * is always allowed.
 */
export class Episode {
  readonly space: ActionSpace;
  /** The result so far: a primitive index on every edge, FIXED on fixed ones. */
  readonly operations: Int16Array;
  #at = 0;
  #cell = 0;
  #paths: LivePaths | undefined;
  /** The legal actions of the next edge, once they were asked for. */
  #legal: readonly number[] | undefined;

  constructor(space: ActionSpace) {
    this.space = space;
    this.operations = space.priced.operations.slice();
  }

  /** Position of the edge to decide next in `space.edges`. */
  get at(): number {
    return this.#at;
  }

  get done(): boolean {
    return this.#at === this.space.edges.length;
  }

  /** A_t: 1 at each position of the next edge's row that may be chosen; at least one is. */
  legalActions(): readonly number[] {
    this.#legal ??= this.#findLegal();
    return this.#legal;
  }

  #findLegal(): readonly number[] {
    const { space } = this;
    const legal = space.legal[this.#at]!;
    if (space.mode === 'official') return legal;
    const row = space.row(this.#at);
    const flat = this.#enter();
    const edge = flat - space.priced.offsets[this.#cell]!;
    return legal.map((isLegal, position) => {
      if (isLegal === 0) return 0;
      const target = row[position]!;
      return target === NULL && this.#paths?.wouldCut(edge) === true ? 0 : 1;
    });
  }

  /** Decides the next edge. @throws RangeError for a position that `legalActions` does not give */
  step(position: number): void {
    const { space } = this;
    if (this.done) throw new RangeError('every edge is decided');
    const row = space.row(this.#at);
    if (this.legalActions()[position] !== 1) throw new RangeError(`position ${position} is not allowed`);
    const flat = this.#enter();
    const target = row[position]!;
    if (space.mode !== 'official') this.#paths!.decide(flat - space.priced.offsets[this.#cell]!, target !== NULL);
    this.operations[flat] = target;
    this.#at++;
    this.#legal = undefined;
  }

  /** Moves to the cell of the next edge and gives its flat index. */
  #enter(): number {
    const { space } = this;
    const flat = space.edges[this.#at]!;
    const { offsets } = space.priced;
    while (flat >= offsets[this.#cell + 1]!) {
      this.#cell++;
      this.#paths = undefined;
    }
    if (space.mode !== 'official') {
      this.#paths ??= this.#startCell();
    }
    return flat;
  }

  #startCell(): LivePaths {
    const { offsets, architecture, operations } = this.space.priced;
    const start = offsets[this.#cell]!;
    const live = new Uint8Array(offsets[this.#cell + 1]! - start);
    for (let edge = 0; edge < live.length; edge++) live[edge] = operations[start + edge] === NULL ? 0 : 1;
    return new LivePaths(architecture.cells[this.#cell]!, this.space.guards[this.#cell]!, live);
  }
}

/** The edit space's result when every edge keeps its operation is the source; this decides all edges at once and checks each. */
export function playEpisode(space: ActionSpace, positions: ArrayLike<number>): Int16Array {
  if (positions.length !== space.edges.length)
    throw DomainError.invalid('actions', `${positions.length} given, one an editable edge needed: ${space.edges.length}`, 'INVALID_ACTIONS');
  const sequence = new Episode(space);
  for (let at = 0; at < positions.length; at++) {
    const position = positions[at]!;
    if (sequence.legalActions()[position] !== 1) throw DomainError.invalid(`actions[${at}]`, `${String(position)} is not allowed here`, 'INVALID_ACTIONS');
    sequence.step(position);
  }
  return sequence.operations;
}
