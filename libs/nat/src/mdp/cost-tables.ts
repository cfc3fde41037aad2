/**
 * Costs of every operation at every place of a network, so that costing an architecture or an edit is a few additions.
 *
 * In the repeated skeletons these depend only on the options, on how many nodes each cell concatenates and on which of its inputs are used, not on its
 * edges, so one table serves all architectures of a search space. `profile` of @nat/graph is the definition; this is the same, precomputed.
 */
import { lower, modulesByFirstNode, operationAt, PRIMITIVE_NAMES, primitiveIndex, type LoweredArchitecture, type OperationShape } from '@nat/cells';
import { activationBytes, imageShape, profile, type Cost, type ModuleProfile, type TensorType } from '@nat/graph';
import type { Architecture, Cell, PlacementOptions } from '@nat/cells';

/** Number of operations: the width of a table row. */
export const OPERATIONS = PRIMITIVE_NAMES.length;

const CONV_1X1 = primitiveIndex('conv_1x1');
const SKIP = primitiveIndex('skip_connect');

/** One row a kind of place; entries at `row * OPERATIONS + primitiveIndex`. */
export interface CostTables {
  /** Summed over the row's placements. */
  readonly params: Float64Array;
  readonly macs: Float64Array;
  /** 1 where the operation writes an output of its own. */
  readonly computes: Uint8Array;
  /** 1 where the operation can stand there at all. */
  readonly fits: Uint8Array;
  /** 1 at `(row * OPERATIONS + s) * OPERATIONS + t`: t may stand where s stood without adding parameters, MACs or an output at any placement. */
  readonly cheaper: Uint8Array;
}

/** Cost tables of places that share one row each. @param places the placements of each row */
function buildCostTables(places: readonly (readonly OperationShape[])[], norm: LoweredArchitecture['norm']): CostTables {
  const entries = places.length * OPERATIONS;
  const tables: CostTables = {
    params: new Float64Array(entries),
    macs: new Float64Array(entries),
    computes: new Uint8Array(entries),
    fits: new Uint8Array(entries),
    cheaper: new Uint8Array(entries * OPERATIONS),
  };
  places.forEach((shapes, row) => {
    fillRow(tables, row, shapes, norm);
  });
  return tables;
}

function fillRow(tables: CostTables, row: number, shapes: readonly OperationShape[], norm: LoweredArchitecture['norm']): void {
  const at = PRIMITIVE_NAMES.map((name) => shapes.map((shape) => operationAt(name, shape, norm)));
  at.forEach((places, operation) => {
    const entry = row * OPERATIONS + operation;
    for (const { params, macs } of places) {
      tables.params[entry]! += params;
      tables.macs[entry]! += macs;
    }
    tables.computes[entry] = places.some(({ computes }) => computes) ? 1 : 0;
    tables.fits[entry] = places.every(({ fits }) => fits) ? 1 : 0;
  });
  // At stride 1 with unequal channels a skip is the 1x1 convolution: nothing would change.
  const sameAsSkip = shapes.length > 0 && shapes.every(({ stride, inChannels, outChannels }) => stride === 1 && inChannels !== outChannels);
  for (let source = 0; source < OPERATIONS; source++) {
    for (let target = 0; target < OPERATIONS; target++) {
      if (source === CONV_1X1 && target === SKIP && sameAsSkip) continue;
      if (target !== source && tables.fits[row * OPERATIONS + target] === 0) continue;
      const adds = shapes.some((_, place) => {
        const [before, after] = [at[source]![place]!, at[target]![place]!];
        return after.params > before.params || after.macs > before.macs || (after.computes && !before.computes);
      });
      if (!adds) tables.cheaper[(row * OPERATIONS + source) * OPERATIONS + target] = 1;
    }
  }
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
 * The plan of a skeleton whose cells have equal channels in all nodes: row 2c of its tables is an edge of cell c from a cell input, row 2c + 1 any
 * other.
 */
export function uniformPlan(architecture: Architecture, options: PlacementOptions): UniformPlan {
  const template = { ...architecture, cells: architecture.cells.map((cell) => templateOf(cell, options)) };
  const lowered = lower(template, options);
  const { types, blocks, graph, edges, norm } = lowered;
  const { modules, params, macs } = profile(graph, types);
  const byNode = modulesByFirstNode(modules);
  const count = architecture.cells.length;
  const rows: OperationShape[][] = Array.from({ length: 2 * count }, () => []);
  const memory: (readonly [number, number, number])[][] = Array.from({ length: count }, () => []);
  const placements = new Array<number>(count).fill(0);
  blocks.forEach(({ cell, inputs, reduction }, block) => {
    if (cell === undefined) return;
    const input = types[inputs[0]!]!;
    const first = edges.find((edge) => edge.block === block)!;
    const inner = types[first.region.to]!;
    rows[2 * cell]!.push(shapeOf(input, inner, reduction ? 2 : 1));
    rows[2 * cell + 1]!.push(shapeOf(inner, inner, 1));
    // While the template's first edge runs, its used inputs and one node are held.
    const [inputBytes, nodeBytes] = [activationBytes(input), activationBytes(inner)];
    const outer = byNode.get(first.region.nodes[0])!.heldBytes - usedInputs(template.cells[cell]!).length * inputBytes - nodeBytes;
    memory[cell]!.push([outer, inputBytes, nodeBytes]);
    placements[cell]!++;
  });
  return {
    kind: 'uniform',
    tables: buildCostTables(rows, norm),
    fixed: { params, macs, peakActivationBytes: peakOutsideEdges(lowered, modules) },
    shared: lowered.placement.network === 'supernet',
    placements,
    memory: memory.map((places) => Float64Array.from(undominated(places).flat())),
  };
}

/** A cell with nothing on its edges, of as many outputs and with the same inputs in use: what its plan depends on. */
function templateOf(cell: Cell, { network }: PlacementOptions): Cell {
  const { inputs, nodes, output } = cell;
  const outputs = network === 'supernet' ? nodes - inputs : countOutputs(cell);
  const own = Array.from({ length: outputs }, (_, node) => inputs + node);
  const edges = own.flatMap((to) => usedInputs(cell).map((from) => ({ from, to, operation: { kind: 'primitive', name: 'null' } as const })));
  return { ...cell, nodes: inputs + outputs, edges, output: output.kind === 'loose-ends' || outputs > 1 ? { kind: 'concat', nodes: own } : { kind: 'last' } };
}

/** Inputs that some edge names. */
export function usedInputs({ inputs, edges }: Cell): readonly number[] {
  const used = new Uint8Array(inputs);
  for (const { from } of edges) if (from < inputs) used[from] = 1;
  const list: number[] = [];
  for (let input = 0; input < inputs; input++) if (used[input] === 1) list.push(input);
  return list;
}

/** Nodes that make up a cell's value. */
export function countOutputs(cell: Cell): number {
  const { output, nodes, inputs, edges } = cell;
  if (output.kind === 'concat') return output.nodes.length;
  if (output.kind === 'last') return 1;
  const left = new Uint8Array(nodes);
  for (const { from } of edges) left[from] = 1;
  let count = 0;
  for (let node = inputs; node < nodes; node++) if (left[node] === 0) count++;
  return count;
}

function shapeOf(input: TensorType, output: TensorType, stride: 1 | 2): OperationShape {
  const [inChannels, height, width] = imageShape(input);
  return { inChannels, outChannels: imageShape(output)[0], stride, height, width };
}

/** The most that is held while anything but an edge runs. */
function peakOutsideEdges({ edges, graph }: LoweredArchitecture, modules: readonly ModuleProfile[]): number {
  const onEdge = new Set(edges.map(({ region }) => region.nodes[0]));
  return modules.reduce(
    (peak, { nodes, heldBytes, outputBytes }) => (onEdge.has(nodes[0]) || graph.nodes[nodes[0]]!.op === 'sum' ? peak : Math.max(peak, heldBytes + outputBytes)),
    0,
  );
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
export function explicitPlan(architecture: Architecture, options: PlacementOptions, offsets: ArrayLike<number>): ExplicitPlan {
  const lowered = lower(architecture, options);
  const { graph, types, edges, blocks, norm } = lowered;
  const { modules, ...cost } = profile(graph, types);
  const byNode = modulesByFirstNode(modules);
  const count = offsets[offsets.length - 1]!;
  const places: OperationShape[][] = Array.from({ length: count }, () => []);
  const idle = new Float64Array(count);
  const busy = new Float64Array(count);
  let { params, macs } = cost;
  for (const { cell, edge, stride, region } of edges) {
    const flat = offsets[cell]! + edge;
    const module = byNode.get(region.nodes[0])!;
    places[flat]!.push(shapeOf(types[region.from]!, types[region.to]!, stride));
    params -= module.params;
    macs -= module.macs;
    idle[flat] = Math.max(idle[flat]!, module.heldBytes);
    busy[flat] = Math.max(busy[flat]!, module.heldBytes + activationBytes(types[region.to]!));
  }
  const rowOf = new Map<string, number>();
  const rowShapes: (readonly OperationShape[])[] = [];
  const rows = new Int32Array(count);
  places.forEach((shapes, flat) => {
    const key = shapes.map(({ inChannels, outChannels, stride, height, width }) => `${inChannels},${outChannels},${stride},${height},${width}`).join(';');
    let row = rowOf.get(key);
    if (row === undefined) {
      row = rowShapes.push(shapes) - 1;
      rowOf.set(key, row);
    }
    rows[flat] = row;
  });
  const placements = new Array<number>(offsets.length - 1).fill(0);
  for (const { cell } of blocks) if (cell !== undefined) placements[cell]!++;
  const fixed = { params, macs, peakActivationBytes: peakOutsideEdges(lowered, modules) };
  return { kind: 'explicit', tables: buildCostTables(rowShapes, norm), fixed, placements, rows, idle, busy };
}
