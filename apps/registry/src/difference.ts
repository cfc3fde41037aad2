import {
  architectureIdentity,
  diffArchitectures,
  edgeCosts,
  operationLabel,
  type Architecture,
  type ArchitectureDiff,
  type PlacementOptions,
} from '@nat/cells';
import type { DecidedEdge } from '@nat/convert';

export interface Difference {
  readonly sameStructure: boolean;
  readonly sameIdentity: boolean;
  /** The edges with another operation, by the first one's indices. Nothing is saved where structures differ, since places then do not correspond. */
  readonly edges: readonly DecidedEdge[];
  /** In words. */
  readonly structural: readonly string[];
}

/** What changes from one architecture to the other. */
export function compareArchitectures(before: Architecture, after: Architecture, placement: PlacementOptions): Difference {
  const diff = diffArchitectures(before, after);
  const indices = new Map(before.cells.map((cell, index) => [cell.name, index]));
  // The second's operations in the first's order of edges: presented orders may differ between equal structures.
  const aligned = diff.sameStructure ? withReplacements(before, diff) : undefined;
  const costs = aligned === undefined ? undefined : { before: edgeCosts(before, placement), after: edgeCosts(aligned, placement) };
  const saved = (cell: number, edge: number, count: 'params' | 'macs'): number =>
    costs === undefined ? 0 : (costs.before[cell]?.[edge]?.[count] ?? 0) - (costs.after[cell]?.[edge]?.[count] ?? 0);

  const edges = diff.cells.flatMap(({ name, replaced }) => {
    const cell = indices.get(name) ?? 0;
    return replaced.map(({ edge, before: old, after: now }) => ({
      cell,
      edge,
      before: operationLabel(old),
      after: operationLabel(now),
      saved: { params: saved(cell, edge, 'params'), macs: saved(cell, edge, 'macs') },
    }));
  });
  const sameIdentity = architectureIdentity(before) === architectureIdentity(after);
  return { sameStructure: diff.sameStructure, sameIdentity, edges, structural: inWords(diff) };
}

function withReplacements(architecture: Architecture, diff: ArchitectureDiff): Architecture {
  const byCell = new Map(diff.cells.map(({ name, replaced }) => [name, new Map(replaced.map(({ edge, after }) => [edge, after]))]));
  const cells = architecture.cells.map((cell) => ({
    ...cell,
    edges: cell.edges.map((edge, index) => ({ ...edge, operation: byCell.get(cell.name)?.get(index) ?? edge.operation })),
  }));
  return { ...architecture, cells };
}

function inWords({ skeletonChanged, cells }: ArchitectureDiff): readonly string[] {
  const words = skeletonChanged ? ['the skeletons differ'] : [];
  for (const { name, status, added, removed, outputChanged } of cells) {
    if (status === 'added') words.push(`cell ${name} is only in the second`);
    else if (status === 'removed') words.push(`cell ${name} is only in the first`);
    else {
      for (const { from, to, operation } of removed) words.push(`cell ${name}: ${from} -> ${to} (${operationLabel(operation)}) is only in the first`);
      for (const { from, to, operation } of added) words.push(`cell ${name}: ${from} -> ${to} (${operationLabel(operation)}) is only in the second`);
      if (outputChanged) words.push(`cell ${name}: inputs or outputs differ`);
    }
  }
  return words;
}
