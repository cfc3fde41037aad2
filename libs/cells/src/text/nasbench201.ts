/**
 * NAS-Bench-201 cell strings: `|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|none~1|nor_conv_1x1~2|`, one group a node,
 * one operation from every earlier node. `none` is `null` here, `nor_conv_kxk` is `conv_kxk`.
 */
import { DomainError } from '@nat/base/errors';
import { primitive } from '../cell/operation.ts';
import type { Architecture, Edge } from '../cell/types.ts';
import type { PrimitiveName } from '../primitives/primitives.ts';

/** The five operations, in the benchmark's own order, with the benchmark's names. */
export const NASBENCH201_OPERATIONS: readonly { readonly benchmark: string; readonly primitive: PrimitiveName }[] = [
  { benchmark: 'none', primitive: 'null' },
  { benchmark: 'skip_connect', primitive: 'skip_connect' },
  { benchmark: 'nor_conv_1x1', primitive: 'conv_1x1' },
  { benchmark: 'nor_conv_3x3', primitive: 'conv_3x3' },
  { benchmark: 'avg_pool_3x3', primitive: 'avg_pool_3x3' },
];
const NODES = 4;
const FROM_BENCHMARK: ReadonlyMap<string, PrimitiveName> = new Map(NASBENCH201_OPERATIONS.map(({ benchmark, primitive: name }) => [benchmark, name]));
const TO_BENCHMARK: ReadonlyMap<string, string> = new Map(NASBENCH201_OPERATIONS.map(({ benchmark, primitive: name }) => [name, benchmark]));

/**
 * The architecture of a cell string; its edges are in the string's order.
 * @throws DomainError INVALID_ARGUMENT, reason INVALID_CELL_STRING or UNKNOWN_OPERATION
 */
export function readNasBench201(text: string, root = 'cell'): Architecture {
  // As the benchmark's programs print it: in Structure(4 nodes with ...), and before lines of what is known of it.
  const [, cell = text.trim()] = /^\s*(?:Structure\(\s*\d+ nodes with\s+)?(\|\S*\|)\)?[ \t]*(?:\r?\n|$)/.exec(text.slice(0, 4_096)) ?? [];
  const groups = cell.slice(0, 1024).split('+');
  if (groups.length !== NODES - 1) throw invalid(root, `${groups.length} groups joined by '+', ${NODES - 1} needed`);
  const edges: Edge[] = [];
  groups.forEach((group, index) => {
    const to = index + 1;
    const parts = group.split('|');
    if (parts.length !== to + 2 || parts[0] !== '' || parts.at(-1) !== '')
      throw invalid(root, `group ${to} must hold ${to} operation(s) between bars, e.g. |none~0|`);
    parts.slice(1, -1).forEach((part, from) => {
      const [name = '', node = '', ...rest] = part.split('~');
      const operation = FROM_BENCHMARK.get(name);
      if (operation === undefined)
        throw DomainError.invalid(
          root,
          `group ${to}: unknown operation ${JSON.stringify(name.slice(0, 40))}; known: ${[...FROM_BENCHMARK.keys()].join(', ')}`,
          'UNKNOWN_OPERATION',
        );
      if (rest.length > 0 || node !== String(from)) throw invalid(root, `group ${to}: operation ${from + 1} must end with ~${from}`);
      edges.push({ from, to, operation: primitive(operation) });
    });
  });
  return { cells: [{ name: 'cell', inputs: 1, nodes: NODES, edges, output: { kind: 'last' } }], skeleton: { kind: 'nasbench201' } };
}

/**
 * The cell string of an architecture.
 * @throws DomainError FAILED_PRECONDITION, reason NOT_A_CELL_STRING, where it has another skeleton, other edges or other operations
 */
export function writeNasBench201(architecture: Architecture): string {
  const [cell] = architecture.cells;
  if (architecture.skeleton.kind !== 'nasbench201' || cell?.nodes !== NODES || cell.edges.length !== (NODES * (NODES - 1)) / 2)
    throw notACell('it has another skeleton or other edges');
  const names: string[][] = Array.from({ length: NODES }, () => []);
  for (const { from, to, operation } of cell.edges) {
    const name = operation.kind === 'primitive' && (operation.activation ?? 'relu') === 'relu' ? TO_BENCHMARK.get(operation.name) : undefined;
    if (name === undefined) throw notACell(`${operation.name} is not one of its operations`);
    if (names[to]![from] !== undefined) throw notACell(`two edges go from node ${from} to node ${to}`);
    names[to]![from] = `${name}~${from}`;
  }
  return names
    .slice(1)
    .map((group) => `|${group.join('|')}|`)
    .join('+');
}

function invalid(root: string, description: string): DomainError {
  return DomainError.invalid(root, description, 'INVALID_CELL_STRING');
}

function notACell(why: string): DomainError {
  return new DomainError('FAILED_PRECONDITION', `not a NAS-Bench-201 cell: ${why}`, { reason: 'NOT_A_CELL_STRING' });
}
