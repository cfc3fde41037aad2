/** Channels and sizes through an explicitly written network, shared by validation and placement. */
import type { FieldViolation } from '@nat/base/errors';
import { imageType, isActivationFunction, type TensorType } from '@nat/graph';
import { isEvenPool, keepsChannels } from '../primitives/operations.ts';
import type { Cell, CellOutput, Edge, ImageSize, Skeleton } from './types.ts';

export type ExplicitSkeleton = Extract<Skeleton, { kind: 'explicit' }>;

/** A tensor of one image. */
export interface TensorShape {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** Height and width of an image. */
export function sidesOf(size: ImageSize): { readonly height: number; readonly width: number } {
  return typeof size === 'number' ? { height: size, width: size } : { height: size.height, width: size.width };
}

/** The type of a batch of such tensors. */
export function typeOfShape({ channels, height, width }: TensorShape): TensorType {
  return imageType(channels, height, width);
}

/** The shape after a stride: ceil(size / stride) along both sides. */
export function strided({ height, width }: Pick<TensorShape, 'height' | 'width'>, channels: number, stride: number): TensorShape {
  return { channels, height: Math.ceil(height / stride), width: Math.ceil(width / stride) };
}

/** The nodes whose values make up the cell's output, in order. `loose-ends`: nodes that no edge leaves, null edges included. */
export function outputNodes(cell: {
  readonly inputs: number;
  readonly nodes: number;
  readonly edges: readonly Edge[];
  readonly output: CellOutput;
}): readonly number[] {
  switch (cell.output.kind) {
    case 'concat':
      return cell.output.nodes;
    case 'last':
      return [cell.nodes - 1];
    case 'loose-ends': {
      const left = new Uint8Array(cell.nodes);
      for (const edge of cell.edges) left[edge.from] = 1;
      const nodes: number[] = [];
      for (let node = cell.inputs; node < cell.nodes; node++) if (left[node] === 0) nodes.push(node);
      return nodes;
    }
  }
}

/** Channels that a cell may concatenate. */
const MAX_OUTPUT_CHANNELS = 65_536;

/** Fixed operations with a meaning of their own, so that their shapes can be checked; any other name is opaque. */

export interface PlacedShapes {
  /** One a node. */
  readonly nodes: readonly TensorShape[];
  readonly output: TensorShape;
}

/** Edges of a cell by the node they enter, each list in presented order. */
function edgesByNode(cell: { readonly nodes: number; readonly edges: readonly Edge[] }): readonly (readonly number[])[] {
  const lists: number[][] = Array.from({ length: cell.nodes }, () => []);
  cell.edges.forEach((edge, index) => lists[edge.to]!.push(index));
  return lists;
}

/**
 * Shapes of every placement of an explicit skeleton. Expects structurally valid cells and reads; disagreements of channels
 * and sizes are reported, and the first edge into a node decides its shape.
 */
export function explicitShapes(
  cells: readonly Cell[],
  skeleton: ExplicitSkeleton,
  report: (violation: FieldViolation) => void,
  root = 'architecture',
): readonly PlacedShapes[] {
  const indexOf = new Map(cells.map((cell, index) => [cell.name, index]));
  const entering = cells.map(edgesByNode);
  const stem = strided(sidesOf(skeleton.imageSize), skeleton.stem.channels, skeleton.stem.stride);
  const placed: PlacedShapes[] = [];
  skeleton.placements.forEach(({ cell: name, reads }, placement) => {
    const cellIndex = indexOf.get(name)!;
    const cell = cells[cellIndex]!;
    const nodes: TensorShape[] = reads.map((read) => (read < 0 ? stem : placed[read]!.output));
    for (let node = cell.inputs; node < cell.nodes; node++) {
      let shape: TensorShape | undefined;
      for (const index of entering[cellIndex]![node]!) {
        const edge = cell.edges[index]!;
        const at = (): string => `${root}.cells[${cellIndex}].edges[${index}]`;
        const out = edgeOutput(edge, nodes[edge.from]!, (field, description) => {
          report({ field: `${at()}.${field}`, description: `${description} (placement ${placement})` });
        });
        if (shape === undefined) shape = out;
        else if (shape.channels !== out.channels || !sameSize(shape, out))
          report({ field: at(), description: `gives ${describe(out)}, but node ${node} is ${describe(shape)} (placement ${placement})` });
      }
      nodes.push(shape ?? stem);
    }
    const outputs = outputNodes(cell);
    const first = nodes[outputs[0] ?? cell.nodes - 1]!;
    let channels = 0;
    for (const node of outputs) {
      channels += nodes[node]!.channels;
      if (!sameSize(nodes[node]!, first))
        report({
          field: `${root}.cells[${cellIndex}].output`,
          description: `node ${node} is ${describe(nodes[node]!)}, but node ${outputs[0]} is ${describe(first)}`,
        });
    }
    if (channels > MAX_OUTPUT_CHANNELS)
      report({ field: `${root}.cells[${cellIndex}].output`, description: `${channels} channels, at most ${MAX_OUTPUT_CHANNELS} (placement ${placement})` });
    placed.push({ nodes, output: { ...first, channels } });
  });
  return placed;
}

/** True where a side is odd. */
export function isOdd({ height, width }: Pick<TensorShape, 'height' | 'width'>): boolean {
  return height % 2 === 1 || width % 2 === 1;
}

/** One number for a square, else height x width. */
export function sizeText({ height, width }: Pick<TensorShape, 'height' | 'width'>): string {
  return height === width ? String(height) : `${height} x ${width}`;
}

function sameSize(a: TensorShape, b: TensorShape): boolean {
  return a.height === b.height && a.width === b.width;
}

function describe({ channels, height, width }: TensorShape): string {
  return `${channels} x ${height} x ${width}`;
}

function edgeOutput(edge: Edge, input: TensorShape, report: (field: string, description: string) => void): TensorShape {
  const inChannels = edge.channels?.in ?? input.channels;
  const outChannels = edge.channels?.out ?? input.channels;
  const stride = edge.stride ?? 1;
  if (inChannels !== input.channels) report('channels.in', `${inChannels} given, but node ${edge.from} has ${input.channels}`);
  const { operation } = edge;
  if (operation.kind === 'primitive') {
    if (keepsChannels(operation.name) && outChannels !== inChannels)
      report('channels.out', `${operation.name} keeps its ${inChannels} channels, ${outChannels} given`);
    if (isEvenPool(operation.name) && stride === 2 && isOdd(input)) report('operation', `${operation.name} needs an even size, not ${sizeText(input)}`);
  } else if (isActivationFunction(operation.name)) {
    if (outChannels !== inChannels) report('channels.out', `${operation.name} keeps its ${inChannels} channels, ${outChannels} given`);
    if (stride !== 1) report('stride', `${operation.name} has stride 1`);
  } else if (operation.name === 'zero_pad_shortcut' && outChannels < inChannels) {
    report('channels.out', `zero_pad_shortcut only adds channels: ${inChannels} to ${outChannels}`);
  }
  return strided(input, outChannels, stride);
}
