import type { Architecture, EdgeEdit, PrimitiveName } from '@nat/cells';
import type { architecture as wire } from '@nat/contracts';

/** What was decided for an edge. */
export interface DecidedEdge {
  /** Positions in the submitted form. */
  readonly cell: number;
  readonly edge: number;
  readonly before: string;
  readonly after: string;
  /** Of the action, given the edges decided before it. Absent where nobody drew it. */
  readonly probability?: number;
  /** Over all the places of the edge. */
  readonly saved: { readonly params: number; readonly macs: number };
}

/** A decision of an edge of `source`, with the names that a reader looks for. */
export function edgeEditToWire({ cells }: Architecture, { cell, edge, before, after, probability = 0, saved }: DecidedEdge): wire.EdgeEdit {
  const { name, edges } = cells[cell]!;
  const { from, to } = edges[edge]!;
  return { cellIndex: cell, edgeIndex: edge, cell: name, from, to, before, after, probability, savedParams: saved.params, savedMacs: saved.macs };
}

/** The replaced edges among those that were decided, for drawings and `applyEdits`. */
export function editsFromWire(edges: readonly wire.EdgeEdit[]): readonly EdgeEdit[] {
  return edges
    .filter(({ before, after }) => before !== after)
    .map(({ cellIndex, edgeIndex, before, after }) => ({ cell: cellIndex, edge: edgeIndex, before: before as PrimitiveName, after: after as PrimitiveName }));
}
