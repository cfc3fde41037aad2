/** Applies edits. Architectures are immutable: a result shares every cell that did not change. */
import { DomainError } from '@nat/base/errors';
import { FIXED, isPrimitiveName, primitiveAt, primitiveIndex } from '../primitives/operations.ts';
import { replaceOperation } from './operation.ts';
import type { Architecture, Cell, Edge, EdgeEdit, Operation } from './types.ts';

/**
 * The architecture with these primitive indices on its edges, cell after cell in presented order; fixed operations stay. An
 * unchanged architecture is returned as it is; a changed one has no name.
 */
export function applyOperations(architecture: Architecture, operations: ArrayLike<number>): Architecture {
  let flat = 0;
  const cells = architecture.cells.map((cell): Cell => {
    const start = flat;
    flat += cell.edges.length;
    for (let edge = 0; edge < cell.edges.length; edge++)
      if (differs(cell.edges[edge]!.operation, operations[start + edge]!))
        return { ...cell, edges: cell.edges.map((each, index) => withOperation(each, operations[start + index]!)) };
    return cell;
  });
  return cells.some((cell, index) => cell !== architecture.cells[index]) ? { cells, skeleton: architecture.skeleton } : architecture;
}

function differs(operation: Operation, index: number): boolean {
  return operation.kind === 'primitive' && index !== FIXED && primitiveIndex(operation.name) !== index;
}

function withOperation(edge: Edge, index: number): Edge {
  const { operation } = edge;
  if (operation.kind === 'fixed' || primitiveIndex(operation.name) === index) return edge;
  return { ...edge, operation: replaceOperation(operation, primitiveAt(index)) };
}

/** The edits that lead from an architecture to these operations, in flat order; only edges that change. */
export function editsTo(architecture: Architecture, operations: ArrayLike<number>): readonly EdgeEdit[] {
  const edits: EdgeEdit[] = [];
  let flat = 0;
  architecture.cells.forEach((cell, cellIndex) => {
    cell.edges.forEach(({ operation }, edge) => {
      const index = operations[flat++]!;
      if (operation.kind === 'primitive' && differs(operation, index)) edits.push({ cell: cellIndex, edge, before: operation.name, after: primitiveAt(index) });
    });
  });
  return edits;
}

/**
 * The architecture with edges replaced.
 * @throws DomainError INVALID_ARGUMENT, reason INVALID_EDIT, for an edge that is not there, is fixed, is named twice, or does not carry `before`
 */
export function applyEdits(architecture: Architecture, edits: readonly EdgeEdit[], root = 'edits'): Architecture {
  const perCell = new Map<number, Map<number, Edge>>();
  edits.forEach((edit, index) => {
    const fail = (field: string, description: string): never => {
      throw DomainError.invalid(`${root}[${index}].${field}`, description, 'INVALID_EDIT');
    };
    const cell = architecture.cells[edit.cell] ?? fail('cell', `${String(edit.cell)} is not a cell`);
    const edge = cell.edges[edit.edge] ?? fail('edge', `${String(edit.edge)} is not an edge of ${cell.name}`);
    const { operation } = edge;
    if (operation.kind === 'fixed') return fail('edge', `${operation.name} is fixed`);
    if (operation.name !== edit.before) fail('before', `the edge carries ${operation.name}, not ${edit.before}`);
    if (!isPrimitiveName(edit.after)) fail('after', 'unknown operation');
    let edges = perCell.get(edit.cell);
    if (edges === undefined) perCell.set(edit.cell, (edges = new Map<number, Edge>()));
    if (edges.has(edit.edge)) fail('edge', 'this edge is edited twice');
    edges.set(edit.edge, { ...edge, operation: replaceOperation(operation, edit.after) });
    return undefined;
  });
  if (perCell.size === 0) return architecture;
  const cells = architecture.cells.map((cell, index): Cell => {
    const edges = perCell.get(index);
    return edges === undefined ? cell : { ...cell, edges: cell.edges.map((edge, at) => edges.get(at) ?? edge) };
  });
  return { cells, skeleton: architecture.skeleton };
}
