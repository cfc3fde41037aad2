/** Prices architectures and edits fast: microseconds for a cell pair of a search space. */
import { DomainError } from '@nat/base/errors';
import { FIXED, outputNodes, primitiveIndex, type Architecture, type Cell, type OperationCost, type PlacementOptions, type PrimitiveName } from '@nat/cells';
import { checkCountable, type Cost } from '@nat/graph';
import { runningOrder } from './running-order.ts';
import { countOutputs, explicitPlan, OPERATIONS, uniformPlan, usedInputs, type CostTables, type ExplicitPlan, type UniformPlan } from './cost-tables.ts';

const MAX_PLANS = 256;

/**
 * Prices architectures placed with the same options. Keeps the tables it has built, so callers hold one a set of options
 * for as long as they price. Architectures must be well formed (see `validateArchitecture`).
 */
export class CostModel {
  readonly options: PlacementOptions;
  readonly #plans = new Map<string, UniformPlan>();

  constructor(options: PlacementOptions = {}) {
    this.options = options;
  }

  /** @throws DomainError INVALID_ARGUMENT as `lower` */
  price(architecture: Architecture): CostedArchitecture {
    const { cells, skeleton } = architecture;
    const offsets = new Int32Array(cells.length + 1);
    for (let cell = 0; cell < cells.length; cell++) offsets[cell + 1] = offsets[cell]! + cells[cell]!.edges.length;
    if (skeleton.kind === 'explicit') {
      const plan = explicitPlan(architecture, this.options, offsets);
      return new CostedArchitecture(architecture, this.options, offsets, plan.tables, plan, false, plan.rows, plan.idle, plan.busy);
    }
    const plan = this.#uniformPlan(architecture);
    // Plain arrays: small typed ones live outside the heap and cost more to make than to fill.
    const count = offsets[cells.length]!;
    const rows = new Array<number>(count).fill(0);
    const idle = new Array<number>(count).fill(0);
    const busy = new Array<number>(count).fill(0);
    for (let cell = 0; cell < cells.length; cell++) profileUniform(cells[cell]!, cell, offsets[cell]!, plan, rows, idle, busy);
    return new CostedArchitecture(architecture, this.options, offsets, plan.tables, plan, plan.shared, rows, idle, busy);
  }

  #uniformPlan(architecture: Architecture): UniformPlan {
    // The supernet concatenates all nodes, an evaluation network those of the output rule.
    const supernet = this.options.network === 'supernet';
    let key: string = architecture.skeleton.kind;
    for (const cell of architecture.cells) key += `:${supernet ? cell.nodes : countOutputs(cell)}/${usedInputs(cell).join()}`;
    let plan = this.#plans.get(key);
    if (plan === undefined) {
      plan = uniformPlan(architecture, this.options);
      if (this.#plans.size >= MAX_PLANS) this.#plans.clear();
      this.#plans.set(key, plan);
    }
    return plan;
  }
}

const UNUSED = -1;
const OUTPUT = 0x7fffffff;

/** Rows and memory of a cell's edges: with a inputs and b own nodes held, the largest outer + a * input + b * node over its places. */
function profileUniform(cell: Cell, cellIndex: number, offset: number, plan: UniformPlan, rows: number[], idle: number[], busy: number[]): void {
  const { edges, inputs, nodes } = cell;
  const memory = plan.memory[cellIndex]!;
  const order = isInOrder(cell) ? undefined : runningOrder(cell);
  const lastUse = new Int32Array(nodes).fill(UNUSED);
  for (let step = 0; step < edges.length; step++) lastUse[edges[order === undefined ? step : order[step]!]!.from] = step;
  if (cell.output.kind === 'concat') for (const node of cell.output.nodes) lastUse[node] = OUTPUT;
  else for (const node of outputNodes(cell)) lastUse[node] = OUTPUT;
  if (plan.shared) lastUse.fill(OUTPUT, inputs); // the supernet concatenates every node
  let heldInputs = 0;
  let heldNodes = 0;
  for (let input = 0; input < inputs; input++) if (lastUse[input] !== UNUSED) heldInputs++;
  for (let step = 0; step < edges.length; step++) {
    const index = order === undefined ? step : order[step]!;
    const { from, to } = edges[index]!;
    const flat = offset + index;
    rows[flat] = from < inputs ? 2 * cellIndex : 2 * cellIndex + 1;
    if (step === 0 || edges[order === undefined ? step - 1 : order[step - 1]!]!.to !== to) heldNodes++;
    idle[flat] = held(memory, heldInputs, heldNodes);
    busy[flat] = held(memory, heldInputs, heldNodes + 1);
    if (lastUse[from] === step) {
      if (from < inputs) heldInputs--;
      else heldNodes--;
    }
    const closes = step === edges.length - 1 || edges[order === undefined ? step + 1 : order[step + 1]!]!.to !== to;
    if (closes && lastUse[to] === UNUSED) heldNodes--;
  }
}

function isInOrder(cell: Cell): boolean {
  for (let index = 1; index < cell.edges.length; index++) if (cell.edges[index]!.to < cell.edges[index - 1]!.to) return false;
  return true;
}

function held(memory: Float64Array, inputs: number, nodes: number): number {
  let largest = 0;
  for (let at = 0; at < memory.length; at += 3) {
    const total = memory[at]! + inputs * memory[at + 1]! + nodes * memory[at + 2]!;
    if (total > largest) largest = total;
  }
  return largest;
}

/**
 * An architecture with the price of every operation at every edge. Edges are numbered flat: cell after cell, in presented
 * order; operations by `primitiveIndex`.
 */
export class CostedArchitecture {
  readonly architecture: Architecture;
  /** The options it was priced with. */
  readonly placement: PlacementOptions;
  /** Start of each cell's edges in the flat order, then the number of edges. */
  readonly offsets: Int32Array;
  /** The operation on each edge, FIXED for fixed ones. */
  readonly operations: Int16Array;
  /** The cost of the architecture as it is. */
  readonly cost: Cost;
  readonly tables: CostTables;
  /** Row of each edge in the tables. */
  readonly rows: ArrayLike<number>;
  readonly #idle: ArrayLike<number>;
  readonly #busy: ArrayLike<number>;
  /** What everything but the editable edges costs, and holds while it runs. */
  readonly fixedCost: Cost;
  /** Supernet: groups of two or more edges between the same two nodes, whose equal operations share their weights. */
  readonly sharing: readonly (readonly number[])[];

  /** Built by a `Pricer`. */
  constructor(
    architecture: Architecture,
    placement: PlacementOptions,
    offsets: Int32Array,
    tables: CostTables,
    plan: Pick<UniformPlan | ExplicitPlan, 'fixed' | 'placements'>,
    shared: boolean,
    rows: ArrayLike<number>,
    idle: ArrayLike<number>,
    busy: ArrayLike<number>,
  ) {
    this.architecture = architecture;
    this.placement = placement;
    this.offsets = offsets;
    this.tables = tables;
    this.rows = rows;
    this.#idle = idle;
    this.#busy = busy;
    this.operations = new Int16Array(rows.length);
    let { params, macs, peakActivationBytes } = plan.fixed;
    for (let cell = 0, flat = 0; cell < architecture.cells.length; cell++) {
      for (const { operation } of architecture.cells[cell]!.edges) {
        if (operation.kind === 'fixed') {
          this.operations[flat] = FIXED;
          params += operation.params * plan.placements[cell]!;
          macs += operation.macs * plan.placements[cell]!;
          if (plan.placements[cell]! > 0 && busy[flat]! > peakActivationBytes) peakActivationBytes = busy[flat]!;
        } else {
          const index = primitiveIndex(operation.name);
          this.operations[flat] = index;
          if (tables.fits[rows[flat]! * OPERATIONS + index] === 0) throw illegal(cell, flat - offsets[cell]!, operation.name);
        }
        flat++;
      }
    }
    this.fixedCost = { params, macs, peakActivationBytes };
    this.sharing = shared ? sharingGroups(architecture, offsets) : [];
    this.cost = checkCountable(this.costOf(this.operations));
  }

  /** Parameters and MACs of an operation on an edge, over all the edge's places. */
  edgeCost(flat: number, operation: number): OperationCost {
    const at = this.rows[flat]! * OPERATIONS + operation;
    return { params: this.tables.params[at]!, macs: this.tables.macs[at]! };
  }

  /** The most bytes that are held while an edge runs, at any of its places. */
  peakBytes(flat: number, operation: number): number {
    return this.tables.computes[this.rows[flat]! * OPERATIONS + operation] === 1 ? this.#busy[flat]! : this.#idle[flat]!;
  }

  /** The source's cost as the sum of its parts, so that weights which edges share count once for each of them. */
  get addedCost(): Cost {
    return { ...this.cost, params: this.cost.params + (this.sharing.length > 0 ? this.#sharedTwice(this.operations) : 0) };
  }

  /** The cost with these operations on the edges; FIXED entries keep their fixed operation. Linear in the edges. */
  costOf(operations: ArrayLike<number>): Cost {
    const { tables, rows, fixedCost } = this;
    let { params, macs, peakActivationBytes } = fixedCost;
    for (let flat = 0; flat < rows.length; flat++) {
      const operation = operations[flat]!;
      if (operation < 0) continue;
      const at = rows[flat]! * OPERATIONS + operation;
      params += tables.params[at]!;
      macs += tables.macs[at]!;
      const bytes = this.peakBytes(flat, operation);
      if (bytes > peakActivationBytes) peakActivationBytes = bytes;
    }
    if (this.sharing.length > 0) params -= this.#sharedTwice(operations);
    return { params, macs, peakActivationBytes };
  }

  /** Parameters of equal operations between the same two nodes, counted once too often each. */
  #sharedTwice(operations: ArrayLike<number>): number {
    let twice = 0;
    for (const group of this.sharing) {
      group.forEach((flat, at) => {
        const operation = operations[flat]!;
        if (operation < 0) return;
        for (let before = 0; before < at; before++) {
          if (operations[group[before]!] !== operation) continue;
          twice += this.tables.params[this.rows[flat]! * OPERATIONS + operation]!;
          return;
        }
      });
    }
    return twice;
  }
}

function sharingGroups(architecture: Architecture, offsets: Int32Array): number[][] {
  const groups: number[][] = [];
  architecture.cells.forEach((cell, index) => {
    const byEnds = new Map<number, number[]>();
    cell.edges.forEach(({ from, to }, edge) => {
      const key = from * cell.nodes + to;
      const group = byEnds.get(key);
      if (group === undefined) byEnds.set(key, [offsets[index]! + edge]);
      else group.push(offsets[index]! + edge);
    });
    for (const group of byEnds.values()) if (group.length > 1) groups.push(group);
  });
  return groups;
}

function illegal(cell: number, edge: number, name: PrimitiveName): DomainError {
  return DomainError.invalid(
    `architecture.cells[${cell}].edges[${edge}].operation`,
    `${name} cannot stand here: a 2x2 pool needs stride 2 and an even size`,
    'INVALID_PLACEMENT',
  );
}
