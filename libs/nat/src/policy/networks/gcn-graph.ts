/** Cells as the `pair` encoder sees them: two inputs, and nodes of exactly two edges. */
import { PRIMITIVE_NAMES, primitiveAt, primitiveIndex, type PrimitiveName } from '@nat/cells';
import { DomainError } from '@nat/base/errors';
import type { Tensor1D, Tensorflow } from '@nat/tensor';
import type { GcnBatch, GcnConfig } from './gcn.ts';
import type { Environment } from '../../mdp/environment.ts';

/** One architecture. Node rows: two inputs a cell, then every cell's own nodes, cells in order. */
export interface GcnRows {
  readonly cells: number;
  readonly nodes: number;
  /** Embedding rows of each own node's first and second operation, in presented order. [nodes] */
  readonly first: Int32Array;
  readonly second: Int32Array;
  /** Node rows of every edge. [2 nodes] */
  readonly from: Int32Array;
  readonly to: Int32Array;
  /** Row of an edge's scores in the logits [2 nodes, columns]. [2 nodes] */
  readonly logitRow: Int32Array;
}

function notApplicable(message: string): DomainError {
  return new DomainError('FAILED_PRECONDITION', `this policy reads cells of two inputs and two edges a node: ${message}`, { reason: 'POLICY_NOT_APPLICABLE' });
}

/** Column of the logits that scores each candidate. NAT: the action itself (null, same, skip); NAT++: the target operation. [candidates] */
export function gcnColumnOfCandidate({ decisions, candidateStart, candidateAction, space }: Environment, { scheme, primitives }: GcnConfig): ArrayLike<number> {
  if (scheme === 'nat') return candidateAction;
  const columns = columnsOf(primitives);
  const result = new Int32Array(candidateAction.length);
  for (let d = 0; d < decisions; d++) {
    const row = space.row(d);
    for (let i = candidateStart[d]!; i < candidateStart[d + 1]!; i++) {
      const target = row[candidateAction[i]!]!;
      result[i] = columns[target]!;
      if (result[i]! < 0) throw notApplicable(`it does not know ${primitiveAt(target)}`);
    }
  }
  return result;
}

/** Embedding row (and NAT++ column) by primitive index, -1 where the policy does not know the operation. */
function columnsOf(primitives: readonly PrimitiveName[]): Int16Array {
  const result = new Int16Array(PRIMITIVE_NAMES.length).fill(-1);
  primitives.forEach((name, row) => (result[primitiveIndex(name)] = row));
  return result;
}

/**
 * @throws DomainError FAILED_PRECONDITION, reason POLICY_NOT_APPLICABLE: another scheme, another in-degree, or an operation
 * that the policy has no embedding for
 */
export function gcnRows({ architecture, scheme, space }: Environment, config: GcnConfig): GcnRows {
  if (scheme !== config.scheme) throw notApplicable(`it decides by the scheme ${config.scheme}, not ${scheme}`);
  const { operations, offsets } = space.priced;
  const rowOf = columnsOf(config.primitives);
  const cells = architecture.cells.length;
  const nodes = operations.length / 2;
  if (space.edges.length !== operations.length) throw notApplicable('a fixed operation stands in it');
  if (architecture.cells.some((cell, c) => cell.inputs !== 2 || offsets[c + 1]! - offsets[c]! !== 2 * (cell.nodes - 2)))
    throw notApplicable('this one has others');
  const first = new Int32Array(nodes).fill(-1);
  const second = new Int32Array(nodes).fill(-1);
  const from = new Int32Array(2 * nodes);
  const to = new Int32Array(2 * nodes);
  const logitRow = new Int32Array(2 * nodes);
  for (let c = 0; c < cells; c++) {
    const { edges } = architecture.cells[c]!;
    const own = offsets[c]! / 2; // own nodes of the cells before
    for (let e = 0; e < edges.length; e++) {
      const { from: source, to: target } = edges[e]!;
      const flat = offsets[c]! + e;
      const node = own + target - 2;
      const row = rowOf[operations[flat]!]!;
      if (row < 0) throw notApplicable(`it does not know ${primitiveAt(operations[flat]!)}`);
      const slot = first[node]! < 0 ? 0 : 1;
      if (slot === 0) first[node] = row;
      else if (second[node]! < 0) second[node] = row;
      else throw notApplicable(`more than two edges enter node ${target} of cell ${architecture.cells[c]!.name}`);
      from[flat] = source < 2 ? 2 * c + source : 2 * cells + own + source - 2;
      to[flat] = 2 * cells + node;
      logitRow[flat] = 2 * node + slot;
    }
  }
  return { cells, nodes, first, second, from, to, logitRow };
}

/** Lays the rows of many architectures out as one graph; the caller disposes its tensors. */
export function gcnBatch(tf: Tensorflow, rows: readonly GcnRows[]): GcnBatch {
  const cells = rows.reduce((sum, { cells: count }) => sum + count, 0);
  const nodes = rows.reduce((sum, { nodes: count }) => sum + count, 0);
  const first = new Int32Array(nodes);
  const second = new Int32Array(nodes);
  const from = new Int32Array(2 * nodes);
  const to = new Int32Array(2 * nodes);
  let cellOffset = 0;
  let nodeOffset = 0;
  for (const part of rows) {
    first.set(part.first, nodeOffset);
    second.set(part.second, nodeOffset);
    // Inputs of all cells come first, then own nodes: an index below 2 cells is an input of this part.
    const shift = (row: number): number => (row < 2 * part.cells ? row + 2 * cellOffset : row - 2 * part.cells + 2 * cells + nodeOffset);
    for (let e = 0; e < 2 * part.nodes; e++) {
      from[2 * nodeOffset + e] = shift(part.from[e]!);
      to[2 * nodeOffset + e] = shift(part.to[e]!);
    }
    cellOffset += part.cells;
    nodeOffset += part.nodes;
  }
  const index = (values: Int32Array): Tensor1D => tf.tensor1d(values, 'int32');
  return { cells, nodes, first: index(first), second: index(second), from: index(from), to: index(to) };
}
