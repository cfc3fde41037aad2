/** The actions of the decision process: for each editable edge the operations that it may become. */
import { cellGuards } from './connectivity.ts';
import type { CellGuard } from './connectivity.ts';
import { OPERATIONS } from './cost-tables.ts';
import { FIXED, primitiveAt } from '@nat/cells';
import { type PlacementOptions, lower, primitiveIndex, type PrimitiveName } from '@nat/cells';
import type { CostedArchitecture } from './cost-model.ts';
import type { MaskMode } from './mask-mode.ts';
import type { SchemeTable } from './transition-schemes.ts';

export interface ActionSpaceOptions {
  /**
   * `cost-masked`: an operation may only become one that adds no parameters, MACs or output at any place, each target once, and
   * no edit cuts the last live path. `total-cost`: each target once that can stand there. `official`: the official rows as they are.
   * @default 'cost-masked'
   */
  readonly mode?: MaskMode;
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
  readonly mode: MaskMode;
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
    const official = this.mode === 'official';
    const source = priced.operations[flat]!;
    const entry = priced.rows[flat]! * OPERATIONS;
    const row = scheme.rows[source]!;
    const legal = new Array<number>(row.length).fill(0);
    for (let position = 0; position < row.length; position++) {
      const target = row[position]!;
      if ((this.mode === 'cost-masked' ? tables.cheaper[(entry + source) * OPERATIONS + target] : tables.fits[entry + target]) !== 1) continue;
      if (target !== source && this.#operations?.has(target) === false) continue;
      if (!official && scheme.repeats[source]![position] === 1) continue;
      // Weights another edge still uses are not saved: only a target without weights is surely no dearer.
      if (shares && !official && target !== source && tables.params[entry + target]! > 0) continue;
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
