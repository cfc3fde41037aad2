/** What a policy may do to an architecture, decided edge by edge. */
import { DomainError } from '@nat/base/errors';
import type { Budget } from './budget.ts';
import { BudgetMasks } from './budget-masks.ts';
import { cellGuards, LivePaths } from './connectivity.ts';
import type { CellGuard } from './connectivity.ts';
import { OPERATIONS } from './cost-tables.ts';
import { FIXED, primitiveAt } from '@nat/cells';
import { type PlacementOptions, lower, primitiveIndex, type PrimitiveName } from '@nat/cells';
import type { CostedArchitecture } from './cost-model.ts';
import type { SchemeTable } from './transition-schemes.ts';

const NULL = primitiveIndex('null');

export interface ActionSpaceOptions {
  /**
   * `cost-masked`: an operation may only become one that adds no parameters, MACs or output at any place, each target once, and
   * no edit cuts the last live path. `official`: the official rows as they are.
   * @default 'cost-masked'
   */
  readonly mode?: 'cost-masked' | 'official';
  /** Where to place the architecture to see which of its cells are dead. @default as it was priced */
  readonly placement?: PlacementOptions;
  /** The operations that an edge may become, beside its own. @default all that the scheme has */
  readonly operations?: readonly PrimitiveName[];
}

/**
 * The edges of one priced architecture that may be edited, in presented order, each with its row of targets and which of them
 * are allowed whatever the other edges do.
 */
export class ActionSpace {
  readonly priced: CostedArchitecture;
  readonly scheme: SchemeTable;
  readonly mode: 'cost-masked' | 'official';
  /** Flat indices of the editable edges: all but fixed operations. */
  readonly edges: Int32Array;
  /** For each editable edge: 1 at its row's allowed positions, whatever the other edges do. */
  readonly legal: readonly (readonly number[])[];
  readonly #placement: PlacementOptions;
  /** The operations that an edge may become; undefined: all. */
  readonly #operations: ReadonlySet<number> | undefined;
  #guards: readonly CellGuard[] | undefined;

  constructor(priced: CostedArchitecture, scheme: SchemeTable, options: ActionSpaceOptions = {}) {
    this.priced = priced;
    this.scheme = scheme;
    this.mode = options.mode ?? 'cost-masked';
    this.#placement = options.placement ?? priced.placement;
    this.#operations = options.operations === undefined ? undefined : new Set(options.operations.map(primitiveIndex));
    const { operations } = priced;
    const edges: number[] = [];
    const legal: (readonly number[])[] = [];
    const shared = priced.sharing.length === 0 ? undefined : sharedEdges(priced);
    for (let flat = 0; flat < operations.length; flat++) {
      if (operations[flat] === FIXED) continue;
      edges.push(flat);
      legal.push(this.#legalPositions(flat, shared?.has(flat) ?? false));
    }
    this.edges = Int32Array.from(edges);
    this.legal = legal;
  }

  /** The row of an editable edge: targets as primitive indices, in the scheme's order. */
  row(at: number): Uint16Array {
    return this.scheme.rows[this.priced.operations[this.edges[at]!]!]!;
  }

  /** The allowed targets of an editable edge, by name, whatever the other edges do. */
  targets(at: number): readonly PrimitiveName[] {
    return [...this.row(at)].filter((_, position) => this.legal[at]![position] === 1).map(primitiveAt);
  }

  /** What must stay connected in each cell; nothing in official mode. */
  get guards(): readonly CellGuard[] {
    const { architecture } = this.priced;
    this.#guards ??=
      this.mode === 'official'
        ? architecture.cells.map((): CellGuard => ({ kind: 'none', anchors: [] }))
        : cellGuards(architecture, () => lower(architecture, this.#placement).blocks.map(({ cell = -1, reads }) => ({ cell, reads })));
    return this.#guards;
  }

  #legalPositions(flat: number, shares: boolean): readonly number[] {
    const { priced, scheme } = this;
    const { tables } = priced;
    const masked = this.mode === 'cost-masked';
    const source = priced.operations[flat]!;
    const entry = priced.rows[flat]! * OPERATIONS;
    const row = scheme.rows[source]!;
    const legal = new Array<number>(row.length).fill(0);
    for (let position = 0; position < row.length; position++) {
      const target = row[position]!;
      if ((masked ? tables.cheaper[(entry + source) * OPERATIONS + target] : tables.fits[entry + target]) !== 1) continue;
      if (target !== source && this.#operations?.has(target) === false) continue;
      if (masked && scheme.repeats[source]![position] === 1) continue;
      // Weights another edge still uses are not saved: only a target without weights is surely no dearer.
      if (shares && masked && target !== source && tables.params[entry + target]! > 0) continue;
      legal[position] = 1;
    }
    return legal;
  }
}

/** Edges whose operation has weights that an equal operation between the same nodes shares. */
function sharedEdges({ sharing, operations }: CostedArchitecture): Set<number> {
  const shared = new Set<number>();
  for (const group of sharing) for (const flat of group) if (group.some((other) => other !== flat && operations[other] === operations[flat])) shared.add(flat);
  return shared;
}

/**
 * Decisions on the editable edges, one after the other. Masks take earlier decisions into account: connectivity and budgets.
 * In `cost-masked` mode without a budget, keeping an operation is always allowed.
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
  readonly #budget: BudgetMasks | undefined;

  /** @throws DomainError FAILED_PRECONDITION, reason BUDGET_UNREACHABLE; INVALID_ARGUMENT for a bad budget */
  constructor(space: ActionSpace, budget?: Budget) {
    this.space = space;
    this.operations = space.priced.operations.slice();
    if (budget !== undefined && (budget.maxParams !== undefined || budget.maxMacs !== undefined)) this.#budget = new BudgetMasks(space, budget);
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
    if (space.mode === 'official' && this.#budget === undefined) return legal;
    const row = space.row(this.#at);
    const flat = this.#enter();
    const edge = flat - space.priced.offsets[this.#cell]!;
    return legal.map((isLegal, position) => {
      if (isLegal === 0) return 0;
      const target = row[position]!;
      const cuts = target === NULL && this.#paths?.wouldCut(edge) === true;
      return cuts || this.#budget?.allows(this.#at, target, this.#cell, this.operations) === false ? 0 : 1;
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
    this.#budget?.spend(this.#at, target);
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
export function playEpisode(space: ActionSpace, positions: ArrayLike<number>, budget?: Budget): Int16Array {
  if (positions.length !== space.edges.length)
    throw DomainError.invalid('actions', `${positions.length} given, one an editable edge needed: ${space.edges.length}`, 'INVALID_ACTIONS');
  const sequence = new Episode(space, budget);
  for (let at = 0; at < positions.length; at++) {
    const position = positions[at]!;
    if (sequence.legalActions()[position] !== 1) throw DomainError.invalid(`actions[${at}]`, `${String(position)} is not allowed here`, 'INVALID_ACTIONS');
    sequence.step(position);
  }
  return sequence.operations;
}
