/**
 * Costs of every primitive at every place of a network, so that pricing an architecture or an edit is a few additions.
 *
 * In the repeated skeletons these depend only on the options and on how many nodes each cell concatenates, not on its edges,
 * so one table serves all architectures of a search space. `cost.ts` is the definition; this is the same, precomputed.
 */
import {
  computesTensor,
  type Cost,
  isEvenPool,
  keepsChannels,
  type Network,
  operationCost,
  type OperationShape,
  type PlacedCell,
  type PlacedEdge,
  primitiveIndex,
  PRIMITIVES,
  profileNetwork,
} from '@nat/cells';

/** Number of primitives: the width of a table row. */
export const OPERATIONS = PRIMITIVES.length;

const CONV_1X1 = primitiveIndex('conv_1x1');
const SKIP = primitiveIndex('skip_connect');

/** One row a kind of place; entries at `row * OPERATIONS + primitiveIndex`. */
export interface CostTables {
  /** Summed over the row's placements. */
  readonly params: Float64Array;
  readonly macs: Float64Array;
  /** 1 where the operation writes an output of its own. */
  readonly computes: Uint8Array;
  /** Bit t of entry (row, s): operation t may stand where s stood without adding parameters, MACs or an output at any placement. */
  readonly cheaper: Int32Array;
  /** Bit t of entry `row`: operation t can stand there at all. */
  readonly legal: Int32Array;
}

/** Cost tables of places that share one row each. @param places the placements of each row */
function buildCostTables(places: readonly (readonly OperationShape[])[], norm: Network['norm']): CostTables {
  const tables: CostTables = {
    params: new Float64Array(places.length * OPERATIONS),
    macs: new Float64Array(places.length * OPERATIONS),
    computes: new Uint8Array(places.length * OPERATIONS),
    cheaper: new Int32Array(places.length * OPERATIONS),
    legal: new Int32Array(places.length),
  };
  places.forEach((shapes, row) => {
    fillRow(tables, row, shapes, norm);
  });
  return tables;
}

function fillRow(tables: CostTables, row: number, shapes: readonly OperationShape[], norm: Network['norm']): void {
  const costs = PRIMITIVES.map((name) => shapes.map((shape) => operationCost(name, shape, norm)));
  const computes = PRIMITIVES.map((name) => shapes.map((shape) => computesTensor(name, shape)));
  PRIMITIVES.forEach((name, operation) => {
    const at = row * OPERATIONS + operation;
    for (const { params, macs } of costs[operation]!) {
      tables.params[at]! += params;
      tables.macs[at]! += macs;
    }
    tables.computes[at] = computes[operation]!.some(Boolean) ? 1 : 0;
    if (shapes.every((shape) => isLegal(name, shape))) tables.legal[row]! |= 1 << operation;
  });
  const sameAsSkip = shapes.length > 0 && shapes.every(({ stride, inChannels, outChannels }) => stride === 1 && inChannels !== outChannels);
  for (let source = 0; source < OPERATIONS; source++) {
    let mask = 0;
    for (let target = 0; target < OPERATIONS; target++) {
      // At stride 1 with unequal channels a skip IS the 1x1 convolution: nothing would change.
      if (source === CONV_1X1 && target === SKIP && sameAsSkip) continue;
      const adds = shapes.some((_, place) => {
        const before = costs[source]![place]!;
        const after = costs[target]![place]!;
        return after.params > before.params || after.macs > before.macs || (computes[target]![place]! && !computes[source]![place]!);
      });
      if (!adds) mask |= 1 << target;
    }
    tables.cheaper[row * OPERATIONS + source] = mask & (tables.legal[row]! | (1 << source));
  }
}

function isLegal(name: (typeof PRIMITIVES)[number], shape: OperationShape): boolean {
  if (keepsChannels(name) && shape.inChannels !== shape.outChannels) return false;
  return !isEvenPool(name) || (shape.stride === 2 && shape.inSize % 2 === 0);
}

/** Where the cells of a skeleton stand, without their edges' operations. */
export interface UniformPlan {
  readonly kind: 'uniform';
  readonly tables: CostTables;
  /** Cost of everything but the edges. */
  readonly fixed: Cost;
  readonly shared: boolean;
  /** Places each cell stands at. */
  readonly placements: readonly number[];
  /** For each cell, triples: bytes held beside its nodes, of an input node, of another node. Dominated places are left out. */
  readonly memory: readonly Float64Array[];
}

/**
 * The plan of a network whose cells have equal channels in all nodes: row 2c of its tables is an edge of cell c from a cell
 * input, row 2c + 1 any other.
 */
export function uniformPlan(network: Network, cells: number): UniformPlan {
  const { fixed, cells: profiled } = profileNetwork(network);
  const rows: OperationShape[][] = Array.from({ length: 2 * cells }, () => []);
  const memory: (readonly [number, number, number])[][] = Array.from({ length: cells }, () => []);
  const placements = new Array<number>(cells).fill(0);
  for (const { placed, outerBytes } of profiled) {
    const [input, inner] = uniformShapes(placed);
    rows[2 * placed.cellIndex]!.push(input);
    rows[2 * placed.cellIndex + 1]!.push(inner);
    memory[placed.cellIndex]!.push([outerBytes, 4 * input.inChannels * input.inSize ** 2, 4 * inner.inChannels * inner.inSize ** 2]);
    placements[placed.cellIndex]!++;
  }
  return {
    kind: 'uniform',
    tables: buildCostTables(rows, network.norm),
    fixed,
    shared: network.shared,
    placements,
    memory: memory.map((places) => Float64Array.from(undominated(places).flat())),
  };
}

function uniformShapes(placed: PlacedCell): readonly [OperationShape, OperationShape] {
  const input = placed.nodes[0]!;
  const inner = placed.nodes.at(-1)!;
  return [
    { inChannels: input.channels, outChannels: input.channels, stride: placed.reduction ? 2 : 1, inSize: input.size },
    { inChannels: inner.channels, outChannels: inner.channels, stride: 1, inSize: inner.size },
  ];
}

function undominated(places: readonly (readonly [number, number, number])[]): readonly (readonly [number, number, number])[] {
  const kept: (readonly [number, number, number])[] = [];
  for (const place of places) {
    if (kept.some((other) => other.every((value, at) => value >= place[at]!))) continue;
    for (let at = kept.length - 1; at >= 0; at--) if (kept[at]!.every((value, field) => value <= place[field]!)) kept.splice(at, 1);
    kept.push(place);
  }
  return kept;
}

/** Memory and rows of each edge of an architecture with an explicit skeleton. */
export interface ExplicitPlan {
  readonly kind: 'explicit';
  readonly tables: CostTables;
  readonly fixed: Cost;
  readonly placements: readonly number[];
  /** Table row of each edge, cell after cell. */
  readonly rows: Int32Array;
  /** Largest memory while the edge runs: without an output of its own, and with one. */
  readonly idle: Float64Array;
  readonly busy: Float64Array;
}

/** @param offsets start of each cell's edges in the flat order, then the number of edges */
export function explicitPlan(network: Network, offsets: ArrayLike<number>): ExplicitPlan {
  const { fixed, edges } = profileNetwork(network);
  const count = offsets[offsets.length - 1]!;
  const places: PlacedEdge[][] = Array.from({ length: count }, () => []);
  const idle = new Float64Array(count);
  const busy = new Float64Array(count);
  for (const { placed, baseBytes, outBytes } of edges) {
    const flat = offsets[placed.cellIndex]! + placed.edgeIndex;
    places[flat]!.push(placed);
    idle[flat] = Math.max(idle[flat]!, baseBytes);
    busy[flat] = Math.max(busy[flat]!, baseBytes + outBytes);
  }
  const rowOf = new Map<string, number>();
  const rowShapes: (readonly OperationShape[])[] = [];
  const rows = new Int32Array(count);
  places.forEach((shapes, flat) => {
    const key = shapes.map(({ inChannels, outChannels, stride, inSize }) => `${inChannels},${outChannels},${stride},${inSize}`).join(';');
    let row = rowOf.get(key);
    if (row === undefined) {
      row = rowShapes.push(shapes) - 1;
      rowOf.set(key, row);
    }
    rows[flat] = row;
  });
  const placements = new Array<number>(offsets.length - 1).fill(0);
  for (const block of network.blocks) if (block.kind === 'cell') placements[block.cellIndex]!++;
  return { kind: 'explicit', tables: buildCostTables(rowShapes, network.norm), fixed, placements, rows, idle, busy };
}
