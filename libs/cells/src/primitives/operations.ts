/** Operations as edges carry them: by name, in order, and what one of them costs at a place. */
import { isDomainError } from '@nat/base/errors';
import { GraphBuilder, imageType, profile, sameType, type Value } from '@nat/graph';
import { ModuleBuilder } from './module-builder.ts';
import { PRIMITIVE_NAMES, PRIMITIVES, type Primitive, type PrimitiveName } from './primitives.ts';

const INDEX: ReadonlyMap<string, number> = new Map(PRIMITIVE_NAMES.map((name, index) => [name, index]));

/** True for the name of a primitive. */
export function isPrimitiveName(name: unknown): name is PrimitiveName {
  return typeof name === 'string' && INDEX.has(name);
}

/** What a primitive is. */
export function primitiveInfo(name: PrimitiveName): Pick<Primitive, 'kind' | 'kernel'> {
  return PRIMITIVES[name];
}

/** Position of a primitive in `PRIMITIVE_NAMES`: the index that typed tables use. */
export function primitiveIndex(name: PrimitiveName): number {
  const index = INDEX.get(name);
  if (index === undefined) throw new RangeError(`unknown operation ${name}`);
  return index;
}

/** Stands for a fixed operation in a list of primitive indices. */
export const FIXED = -1;

/** The primitive of a table index. */
export function primitiveAt(index: number): PrimitiveName {
  const name = PRIMITIVE_NAMES[index];
  if (name === undefined) throw new RangeError(`no operation has index ${index}`);
  return name;
}

/** True where the operation gives as many channels as it takes, whatever it is given: pools and depthwise convolutions. */
export function keepsChannels(name: PrimitiveName): boolean {
  const { kind } = PRIMITIVES[name];
  return kind === 'max-pool' || kind === 'avg-pool' || kind === 'depthwise';
}

/** True for pools over windows of an even side, which would shrink the image by one at stride 1 and are refused there. */
export function isEvenPool(name: PrimitiveName): boolean {
  const { kind, kernel } = PRIMITIVES[name];
  return (kind === 'max-pool' || kind === 'avg-pool') && kernel % 2 === 0;
}

/** True where a convolution (or a skip that computes) applies an activation before itself. */
export function takesActivation(name: PrimitiveName): boolean {
  const { kind } = PRIMITIVES[name];
  return kind !== 'null' && kind !== 'max-pool' && kind !== 'avg-pool';
}

/** Where an operation stands: its channels, stride, and the sides of its input image. */
export interface OperationShape {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly stride: 1 | 2;
  readonly height: number;
  readonly width: number;
}

/** Batch normalisation with (2 numbers a channel) or without weight and bias. */
export type BatchNormalization = 'affine' | 'plain';

export interface OperationCost {
  /** Numbers, with the batch normalisation's weight and bias where it is affine. */
  readonly params: number;
  /** Multiply-accumulates of convolutions for one image. */
  readonly macs: number;
}

/** What an operation is at one place. */
export interface OperationAt extends OperationCost {
  /** It writes an output tensor of its own: everything but `null` and the identity. */
  readonly computes: boolean;
  /** It gives what the edge has to give: ceil(size / stride) along both sides, in the edge's channels. */
  readonly fits: boolean;
}

const known = new Map<string, OperationAt>();
const MAX_KNOWN = 100_000;

/** What an operation is at a place, counted on the nodes that it is made of. */
export function operationAt(name: PrimitiveName, shape: OperationShape, norm: BatchNormalization = 'affine'): OperationAt {
  const { inChannels, outChannels, stride, height, width } = shape;
  const key = `${name} ${inChannels} ${outChannels} ${stride} ${height} ${width} ${norm}`;
  let result = known.get(key);
  if (result === undefined) {
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(key, (result = countOperation(name, shape, norm)));
  }
  return result;
}

function countOperation(name: PrimitiveName, { inChannels, outChannels, stride, height, width }: OperationShape, norm: BatchNormalization): OperationAt {
  const builder = new GraphBuilder();
  const from = builder.input('x', imageType(inChannels, height, width));
  const type = imageType(outChannels, Math.ceil(height / stride), Math.ceil(width / stride));
  let to: Value;
  try {
    to = PRIMITIVES[name].emit(new ModuleBuilder(builder, { module: 'operation' }), {
      from,
      type,
      stride,
      activation: 'relu',
      affine: norm === 'affine',
      poolNorm: false,
    });
  } catch (error) {
    if (!isDomainError(error)) throw error;
    return { params: 0, macs: 0, computes: true, fits: false }; // a window that is larger than the image
  }
  const graph = builder.finish([{ name: 'y', value: to }]);
  const { params, macs } = profile(graph, builder.types);
  const last = graph.nodes[to - 1]!.op;
  return { params, macs, computes: last !== 'zero' && last !== 'identity', fits: sameType(builder.typeOf(to), type) };
}

/** Parameters and MACs of one operation at one place. */
export function operationCost(name: PrimitiveName, shape: OperationShape, norm: BatchNormalization = 'affine'): OperationCost {
  const { params, macs } = operationAt(name, shape, norm);
  return { params, macs };
}
