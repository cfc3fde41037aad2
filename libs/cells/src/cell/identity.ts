/**
 * The identity of an architecture: a hash that is the same for every numbering of its nodes, order of its edges and name.
 *
 * What counts: operations, `null` and edges that lead nowhere included; which node is which input; which nodes make up the
 * output; channels and strides; the skeleton. Not: names, the order of edges, of concatenated nodes, and of placements.
 */
import { createHash } from 'node:crypto';
import { canonicalForm } from './canonical-graph.ts';
import { operationAt, takesActivation } from '../primitives/operations.ts';
import { explicitShapes, outputNodes, sidesOf, sizeText } from './shapes.ts';
import type { ExplicitSkeleton, TensorShape } from './shapes.ts';
import type { Architecture, Cell, Edge } from './types.ts';

/** 64 hexadecimal digits (SHA-256). Expects a well-formed architecture. */
export function architectureIdentity(architecture: Architecture): string {
  const { cells, skeleton } = architecture;
  if (skeleton.kind !== 'explicit') return digest([skeleton.kind, ...cells.map((cell) => cellForm(cell, undefined))]);
  return digest(['explicit', explicitForm(cells, skeleton)]);
}

function digest(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/** @param shapes of the nodes, where the edges fix their own */
function cellForm(cell: Cell, shapes: readonly TensorShape[] | undefined): string {
  const outputs = new Set(outputNodes(cell));
  return canonicalForm({
    nodes: Array.from({ length: cell.nodes }, (_, node) => (node < cell.inputs ? `input ${node}` : outputs.has(node) ? 'output' : 'node')),
    edges: cell.edges.map((edge) => ({ from: edge.from, to: edge.to, label: edgeLabel(edge, shapes) })),
  });
}

function edgeLabel({ operation, from, to, stride = 1 }: Edge, shapes: readonly TensorShape[] | undefined): string {
  const place =
    shapes === undefined
      ? undefined
      : { inChannels: shapes[from]!.channels, outChannels: shapes[to]!.channels, stride, height: shapes[from]!.height, width: shapes[from]!.width };
  const where = place === undefined ? '' : ` ${place.inChannels}>${place.outChannels}/${stride}`;
  if (operation.kind === 'fixed') return `fixed ${JSON.stringify(operation.name)} ${operation.params} ${operation.macs}${where}`;
  const { name, activation = 'relu' } = operation;
  const activates = takesActivation(name) && (place === undefined || operationAt(name, place).computes);
  return `${name}${activates ? ` ${activation}` : ''}${where}`;
}

/** Placements are a graph of their own: each labelled by its cell's form at that place. */
function explicitForm(cells: readonly Cell[], skeleton: ExplicitSkeleton): string {
  const { stem, head, imageSize, classes, placements } = skeleton;
  const { height, width } = sidesOf(imageSize);
  const indexOf = new Map(cells.map(({ name }, index) => [name, index]));
  const shapes = explicitShapes(cells, skeleton, () => undefined);
  const known = new Map<string, string>();
  const forms = placements.map((placement, position) => {
    const cellIndex = indexOf.get(placement.cell)!;
    const { nodes } = shapes[position]!;
    const key = `${cellIndex} ${nodes
      .slice(0, cells[cellIndex]!.inputs)
      .map((shape) => `${shape.channels}x${sizeText(shape)}`)
      .join(' ')}`;
    let form = known.get(key);
    if (form === undefined) known.set(key, (form = cellForm(cells[cellIndex]!, nodes)));
    return form;
  });
  return canonicalForm({
    nodes: [
      JSON.stringify(['stem', stem.channels, stem.kernel, stem.stride, stem.activation, height === width ? height : [height, width]]),
      ...forms.map((form, index) =>
        index === forms.length - 1 ? JSON.stringify(['head', form, head.activation, head.conv?.channels, head.conv?.activation, classes]) : form,
      ),
    ],
    edges: placements.flatMap(({ reads }, index) => reads.map((read, input) => ({ from: read + 1, to: index + 1, label: String(input) }))),
  });
}
