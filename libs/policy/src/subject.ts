/** An architecture prepared for a policy: what may be decided on each edge, what that costs, and what the encoders read. */
import { outputNodes, type Architecture, type Cell, type PlacementOptions, type PrimitiveName, type SchemeName } from '@nat/architecture';
import { buildGraph } from './build-graph.ts';
import type { PolicyGraph } from './graph.ts';
import { placeEdges, type EdgeSites } from './sites.ts';
import { transitionTargets } from './transitions.ts';

/**
 * `cost-masked`: no edge may get an operation that adds parameters, MACs or an output tensor anywhere, and a cell that lets
 * its input through keeps doing so. `parity`: exactly the official tables.
 */
export type MaskMode = 'cost-masked' | 'parity';

export interface SubjectOptions {
  readonly scheme: SchemeName;
  readonly mode: MaskMode;
  /** Which network the costs are those of. */
  readonly placement?: PlacementOptions;
}

/** One edge that carries a primitive. */
export interface Decision {
  /** Positions in the submitted form. */
  readonly cell: number;
  readonly edge: number;
  /** Position among the edges of all cells. */
  readonly row: number;
  readonly before: PrimitiveName;
  /** What it may become, the present operation included; in `parity` mode in the official order, repeats included. */
  readonly targets: readonly PrimitiveName[];
}

/** A cell whose input reaches its output, as the connectivity guard walks it. */
export interface CellGuard {
  readonly inputs: number;
  readonly nodes: number;
  readonly outputs: readonly number[];
  /** Edges in the order of their `from`: row among all edges, and nodes. */
  readonly rows: Int32Array;
  readonly from: Int32Array;
  readonly to: Int32Array;
}

/** Costs of the whole placed network. */
export interface SubjectCosts {
  /** Of all that no decision changes. */
  readonly base: { readonly params: number; readonly macs: number };
  /** Of each candidate, over all placements of its cell. [candidates] */
  readonly params: Float64Array;
  readonly macs: Float64Array;
}

/** Immutable; make it once an architecture and draw from it as often as needed. */
export class Subject {
  readonly architecture: Architecture;
  readonly scheme: SchemeName;
  readonly mode: MaskMode;
  readonly decisions: readonly Decision[];
  /** First candidate of each decision, and the number of candidates. [decisions + 1] */
  readonly candidateStart: Int32Array;
  /** 1 where a candidate is `null`. [candidates] */
  readonly isNull: Uint8Array;
  readonly costs: SubjectCosts;
  /** By edge row. */
  readonly cellOfEdge: Int32Array;
  /** By edge row; -1 for a fixed operation. */
  readonly decisionOfEdge: Int32Array;
  /** By edge row: 1 where some candidate (or the fixed operation) is not null. */
  readonly mayBeLive: Uint8Array;
  /** By cell; undefined where the guard does not apply. */
  readonly guards: readonly (CellGuard | undefined)[];
  /** Nodes of the largest cell, targets of the widest decision. */
  readonly largestCell: number;
  readonly widest: number;
  readonly #sites: EdgeSites;
  #graph: PolicyGraph | undefined;

  constructor(architecture: Architecture, { scheme, mode, placement = {} }: SubjectOptions) {
    this.architecture = architecture;
    this.scheme = scheme;
    this.mode = mode;
    const sites = placeEdges(architecture, placement);
    this.#sites = sites;
    const { cells } = architecture;
    const edges = cells.reduce((sum, cell) => sum + cell.edges.length, 0);
    this.cellOfEdge = new Int32Array(edges);
    this.decisionOfEdge = new Int32Array(edges).fill(-1);
    this.mayBeLive = new Uint8Array(edges).fill(1);
    const decisions: Decision[] = [];
    const starts: number[] = [0];
    const nulls: number[] = [];
    const params: number[] = [];
    const macs: number[] = [];
    let row = 0;
    let largestCell = 0;
    let widest = 1;
    cells.forEach((cell, c) => {
      largestCell = Math.max(largestCell, cell.nodes);
      cell.edges.forEach(({ operation }, e) => {
        this.cellOfEdge[row] = c;
        if (operation.kind === 'primitive') {
          const before = operation.name;
          const site = sites.site(c, e);
          let targets = transitionTargets(scheme, before);
          if (mode === 'cost-masked') targets = targets.filter((target, k) => targets.indexOf(target) === k && site.addsNothing(before, target));
          this.decisionOfEdge[row] = decisions.length;
          decisions.push({ cell: c, edge: e, row, before, targets });
          let live = 0;
          for (const target of targets) {
            nulls.push(target === 'null' ? 1 : 0);
            params.push(site.params(target));
            macs.push(site.macs(target));
            if (target !== 'null') live = 1;
          }
          this.mayBeLive[row] = live;
          starts.push(nulls.length);
          widest = Math.max(widest, targets.length);
        }
        row++;
      });
    });
    this.decisions = decisions;
    this.candidateStart = Int32Array.from(starts);
    this.isNull = Uint8Array.from(nulls);
    this.costs = { base: sites.base, params: Float64Array.from(params), macs: Float64Array.from(macs) };
    this.largestCell = largestCell;
    this.widest = widest;
    this.guards = mode === 'parity' ? cells.map(() => undefined) : guardsOf(cells);
  }

  /** What the `edge` encoder reads. */
  get graph(): PolicyGraph {
    this.#graph ??= buildGraph(this, this.#sites);
    return this.#graph;
  }
}

/**
 * Prepares a well-formed architecture (`validateArchitecture`) for drawing and learning.
 * @throws DomainError INVALID_ARGUMENT for placement options out of range
 */
export function prepareSubject(architecture: Architecture, options: SubjectOptions): Subject {
  return new Subject(architecture, options);
}

function guardsOf(cells: readonly Cell[]): readonly (CellGuard | undefined)[] {
  let first = 0;
  return cells.map((cell) => {
    const offset = first;
    first += cell.edges.length;
    const order = cell.edges.map((_, e) => e).sort((a, b) => cell.edges[a]!.from - cell.edges[b]!.from);
    const outputs = outputNodes(cell);
    const reached = new Uint8Array(cell.nodes).fill(1, 0, cell.inputs);
    for (const e of order) {
      const { from, to, operation } = cell.edges[e]!;
      if (reached[from] === 1 && !(operation.kind === 'primitive' && operation.name === 'null')) reached[to] = 1;
    }
    if (!outputs.some((node) => reached[node] === 1)) return undefined;
    return {
      inputs: cell.inputs,
      nodes: cell.nodes,
      outputs,
      rows: Int32Array.from(order, (e) => offset + e),
      from: Int32Array.from(order, (e) => cell.edges[e]!.from),
      to: Int32Array.from(order, (e) => cell.edges[e]!.to),
    };
  });
}
