import { officialSpace, outputNodes, primitive, writeGenotype, type Architecture, type Cell, type Edge, type OfficialSpace, type SchemeName } from '@nat/cells';
import type { RandomStream } from '@nat/base/random';
import type { SearchSpace } from './space.ts';

/** `darts`: cells of 4 steps, every node concatenated. `enas`: cells of 5 steps, loose ends concatenated. */
export type OfficialSpaceName = 'darts' | 'enas';

const INPUTS = 2;
const EDGES_A_NODE = 2;

/** The operations that the official code draws them from. */
export function officialOperations(name: OfficialSpaceName, scheme: SchemeName): OfficialSpace {
  return officialSpace(scheme === 'nat' ? 'NAT' : 'NATv2', name === 'darts' ? 'FULLY_CONCAT_PRIMITIVES' : 'LOOSE_END_PRIMITIVES');
}

/** Whether every cell has the nodes and operations of an official list, and where that is fully concatenated its outputs. */
export function isOfOfficialCells({ cells, skeleton }: Architecture, { primitives, steps, operationType }: OfficialSpace): boolean {
  const known: ReadonlySet<string> = new Set(primitives);
  const isOfSpace = (cell: Cell): boolean =>
    cell.nodes === cell.inputs + steps &&
    cell.edges.every(({ operation }) => operation.kind === 'primitive' && known.has(operation.name)) &&
    (operationType === 'LOOSE_END_PRIMITIVES' || outputNodes(cell).length === steps);
  return skeleton.kind === 'repeated' && cells.every(isOfSpace);
}

/**
 * The random cells that the official code learns from (its ArchMaster): every node draws its two inputs independently and
 * uniformly from the earlier nodes, duplicates included, and each operation uniformly from all but `null`.
 */
export function officialCellsSpace(name: OfficialSpaceName, scheme: SchemeName): SearchSpace {
  const { primitives, steps } = officialOperations(name, scheme);
  const operations = primitives.filter((operation) => operation !== 'null');
  const drawCell = (cellName: string, stream: RandomStream): Cell => {
    const edges: Edge[] = [];
    for (let node = INPUTS; node < INPUTS + steps; node++) {
      for (let edge = 0; edge < EDGES_A_NODE; edge++) {
        const from = stream.integer(node);
        edges.push({ from, to: node, operation: primitive(operations[stream.integer(operations.length)]!) });
      }
    }
    return { name: cellName, inputs: INPUTS, nodes: INPUTS + steps, edges, output: outputOf(name, steps, edges) };
  };
  return {
    name,
    recurring: false,
    sampleSource: (stream) => {
      const architecture: Architecture = { cells: [drawCell('normal', stream), drawCell('reduce', stream)], skeleton: { kind: 'repeated' } };
      return { text: writeGenotype(architecture), architecture };
    },
  };
}

/** Loose ends are frozen at the source's, as a genotype states them: a transform never changes what a cell puts out. */
function outputOf(name: OfficialSpaceName, steps: number, edges: readonly Edge[]): Cell['output'] {
  const nodes = Array.from({ length: steps }, (_, i) => INPUTS + i);
  if (name === 'darts') return { kind: 'concat', nodes };
  const read = new Set(edges.map(({ from }) => from));
  return { kind: 'concat', nodes: nodes.filter((node) => !read.has(node)) };
}
