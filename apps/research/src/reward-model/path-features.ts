/**
 * An architecture as the multiset of what its paths compute. A path leads from an input of a cell to one of its outputs; skip connections on it
 * leave no trace and a null ends it, so architectures that compute the same function by the same paths have the same features
 * (path encoding: White et al., "BANANAS", AAAI 2021, which counts presence only).
 */
import { outputNodes, primitiveInfo, type Architecture, type Cell, type Operation } from '@nat/cells';
import { DomainError } from '@nat/base/errors';

/** Paths of one cell that are followed at most. */
const MOST_PATHS = 100_000;

/**
 * `paths`: what a network computes, wherever. `paths-and-edges`: also which operation stands on which edge. `operations`: how many operations there are of
 * each name and kind, in each cell and in all: what architectures of different wiring share, so a few dozen say something about any other.
 */
export type FeatureSet = 'paths' | 'paths-and-edges' | 'operations';

/**
 * Counts by feature: live paths by their operations (`path`), by their number of operations (`length`), and of all; operations by edge (`edge`), or by
 * name and kind (`operation`, `kind`).
 */
export function pathFeatures({ cells }: Architecture, features: FeatureSet): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  const add = (name: string): unknown => counts.set(name, (counts.get(name) ?? 0) + 1);
  if (features === 'operations') {
    cells.forEach((cell, i) => {
      for (const { operation } of cell.edges) {
        for (const where of [i, 'any']) {
          add(`${where} operation ${operation.name}`);
          add(`${where} kind ${kindOf(operation)}`);
        }
      }
    });
    return counts;
  }
  cells.forEach((cell, i) => {
    for (const operations of livePaths(cell)) {
      add(`${i} path ${operations.join(' ')}`);
      add(`${i} length ${operations.length}`);
      add(`${i} all`);
    }
    if (features === 'paths-and-edges') cell.edges.forEach(({ operation }, e) => add(`${i} edge ${e} ${operation.name}`));
  });
  return counts;
}

function kindOf(operation: Operation): string {
  return operation.kind === 'primitive' ? primitiveInfo(operation.name).kind : 'fixed';
}

/** Operations along every live path, skip connections left out. @throws DomainError INVALID_ARGUMENT TOO_MANY_PATHS */
function livePaths(cell: Cell): readonly (readonly string[])[] {
  // Paths that arrive at each node; edges lead from lower to higher nodes.
  const arriving: (readonly string[])[][] = Array.from({ length: cell.nodes }, (_, node) => (node < cell.inputs ? [[`in${node}`]] : []));
  for (const { from, to, operation } of [...cell.edges].sort((a, b) => a.from - b.from)) {
    if (operation.name === 'null') continue;
    for (const path of arriving[from]!) arriving[to]!.push(operation.name === 'skip_connect' ? path : [...path, operation.name]);
    if (arriving[to]!.length > MOST_PATHS) throw DomainError.invalid('architecture', `cell ${cell.name} has more than ${MOST_PATHS} paths`, 'TOO_MANY_PATHS');
  }
  return outputNodes(cell).flatMap((node) => arriving[node]!);
}
