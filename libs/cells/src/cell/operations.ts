/**
 * The operations an edge may carry: what they are, and what one of them costs.
 *
 * Layouts as in the official code: a convolution is activation-Conv-BN without bias; a separable convolution is that twice
 * (depthwise, pointwise, BN), with the stride in the first depthwise only; a dilated one once. `skip_connect` is the
 * identity at stride 1 with equal channels, activation-Conv1x1-BN at stride 1 with unequal channels, and a factorized
 * reduction (two halves of a 1x1 convolution with stride 2) at stride 2.
 */
import { PRIMITIVES } from './types.ts';
import type { Operation, PrimitiveName, PrimitiveOperation } from './types.ts';

export type OperationFamily = 'null' | 'skip' | 'max_pool' | 'avg_pool' | 'sep_conv' | 'dil_conv' | 'conv' | 'asymmetric_conv' | 'dw_conv';

export interface PrimitiveInfo {
  readonly family: OperationFamily;
  /** Side of the kernel; 1 for `null` and `skip_connect`, the long side for the asymmetric convolutions. */
  readonly kernel: number;
}

/** Family and kernel of each primitive. */
export const PRIMITIVE_INFO: Readonly<Record<PrimitiveName, PrimitiveInfo>> = {
  null: { family: 'null', kernel: 1 },
  skip_connect: { family: 'skip', kernel: 1 },
  max_pool_2x2: { family: 'max_pool', kernel: 2 },
  max_pool_3x3: { family: 'max_pool', kernel: 3 },
  max_pool_5x5: { family: 'max_pool', kernel: 5 },
  avg_pool_2x2: { family: 'avg_pool', kernel: 2 },
  avg_pool_3x3: { family: 'avg_pool', kernel: 3 },
  avg_pool_5x5: { family: 'avg_pool', kernel: 5 },
  sep_conv_1x1: { family: 'sep_conv', kernel: 1 },
  sep_conv_3x3: { family: 'sep_conv', kernel: 3 },
  sep_conv_5x5: { family: 'sep_conv', kernel: 5 },
  sep_conv_7x7: { family: 'sep_conv', kernel: 7 },
  dil_conv_1x1: { family: 'dil_conv', kernel: 1 },
  dil_conv_3x3: { family: 'dil_conv', kernel: 3 },
  dil_conv_5x5: { family: 'dil_conv', kernel: 5 },
  conv_1x1: { family: 'conv', kernel: 1 },
  conv_3x3: { family: 'conv', kernel: 3 },
  conv_5x5: { family: 'conv', kernel: 5 },
  conv_1x3_3x1: { family: 'asymmetric_conv', kernel: 3 },
  conv_1x7_7x1: { family: 'asymmetric_conv', kernel: 7 },
  conv_7x1_1x7: { family: 'asymmetric_conv', kernel: 7 },
  dw_conv_3x3: { family: 'dw_conv', kernel: 3 },
};

const INDEX: ReadonlyMap<string, number> = new Map(PRIMITIVES.map((name, index) => [name, index]));

/** True for the name of a primitive. */
export function isPrimitiveName(name: unknown): name is PrimitiveName {
  return typeof name === 'string' && INDEX.has(name);
}

/** Position of a primitive in `PRIMITIVES`: the index that typed tables use. */
export function primitiveIndex(name: PrimitiveName): number {
  const index = INDEX.get(name);
  if (index === undefined) throw new RangeError(`unknown operation ${name}`);
  return index;
}

/** Stands for a fixed operation in a list of primitive indices. */
export const FIXED = -1;

/** The primitive of a table index. */
export function primitiveAt(index: number): PrimitiveName {
  const name = PRIMITIVES[index];
  if (name === undefined) throw new RangeError(`no operation has index ${index}`);
  return name;
}

/** A primitive operation; `activation` is left out where it is the default. */
export function primitive(name: PrimitiveName, activation?: 'relu' | 'relu6' | 'none'): PrimitiveOperation {
  return activation === undefined || activation === 'relu' ? { kind: 'primitive', name } : { kind: 'primitive', name, activation };
}

/** True where the operation gives as many channels as it takes, whatever it is given: pools and depthwise convolutions. */
export function keepsChannels(name: PrimitiveName): boolean {
  const { family } = PRIMITIVE_INFO[name];
  return family === 'max_pool' || family === 'avg_pool' || family === 'dw_conv';
}

/** True for the 2x2 pools, which would shrink the image by one at stride 1 and are refused there. */
export function isEvenPool(name: PrimitiveName): boolean {
  return name === 'max_pool_2x2' || name === 'avg_pool_2x2';
}

/** True where a convolution (or a skip that computes) applies an activation before itself. */
export function takesActivation(name: PrimitiveName): boolean {
  const { family } = PRIMITIVE_INFO[name];
  return family !== 'null' && family !== 'max_pool' && family !== 'avg_pool';
}

/** `operation` replaced by `name`, keeping its activation where the new operation applies one. */
export function replaceOperation(operation: PrimitiveOperation, name: PrimitiveName): PrimitiveOperation {
  if (operation.name === name) return operation;
  return takesActivation(name) ? primitive(name, operation.activation) : primitive(name);
}

/** Where an operation stands: its channels, stride, and the side of its input image. */
export interface OperationShape {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly stride: 1 | 2;
  readonly inSize: number;
}

export interface OperationCost {
  /** Numbers, with the batch normalisation's weight and bias where it is affine. */
  readonly params: number;
  /** Multiply-accumulates of convolutions for one image. */
  readonly macs: number;
}

/** Batch normalisation with (2 numbers a channel) or without weight and bias. */
export type BatchNormalization = 'affine' | 'plain';

/** True where the operation writes an output tensor of its own: everything but `null` and the identity. */
export function computesTensor(name: PrimitiveName, shape: OperationShape): boolean {
  if (name === 'null') return false;
  return name !== 'skip_connect' || shape.stride !== 1 || shape.inChannels !== shape.outChannels;
}

/** Side of the output image: ceil(in / stride), and for the unpadded 2x2 pools floor((in - 2) / stride) + 1. */
export function outputSize(name: PrimitiveName, stride: 1 | 2, inSize: number): number {
  return isEvenPool(name) ? Math.floor((inSize - 2) / stride) + 1 : Math.ceil(inSize / stride);
}

/** Parameters and MACs of one operation at one place, as the official code builds it. */
export function operationCost(name: PrimitiveName, shape: OperationShape, norm: BatchNormalization = 'affine'): OperationCost {
  const { family, kernel } = PRIMITIVE_INFO[name];
  const { inChannels, outChannels, stride, inSize } = shape;
  const outSize = outputSize(name, stride, inSize);
  const area = outSize * outSize;
  const bn = norm === 'affine' ? 2 : 0; // numbers a channel
  switch (family) {
    case 'null':
    case 'max_pool':
    case 'avg_pool':
      return FREE;
    case 'skip': {
      if (!computesTensor(name, shape)) return FREE;
      const weights = inChannels * outChannels;
      return { params: weights + bn * outChannels, macs: weights * area };
    }
    case 'sep_conv': {
      const weights = 2 * kernel * kernel * inChannels + inChannels * inChannels + inChannels * outChannels;
      return { params: weights + bn * (inChannels + outChannels), macs: weights * area };
    }
    case 'dil_conv': {
      const weights = kernel * kernel * inChannels + inChannels * outChannels;
      return { params: weights + bn * outChannels, macs: weights * area };
    }
    case 'conv': {
      const weights = kernel * kernel * inChannels * outChannels;
      return { params: weights + bn * outChannels, macs: weights * area };
    }
    case 'asymmetric_conv': {
      // 1xk with stride (1, s), then kx1 with stride (s, 1): the first one keeps the height.
      const first = kernel * inChannels * outChannels;
      const second = kernel * outChannels * outChannels;
      return { params: first + second + bn * outChannels, macs: first * inSize * outSize + second * area };
    }
    case 'dw_conv': {
      const weights = kernel * kernel * inChannels;
      return { params: weights + bn * outChannels, macs: weights * area };
    }
  }
}
const FREE: OperationCost = { params: 0, macs: 0 };

/**
 * MAdds as NATv2's transition figure counts them: convolutions as MACs, a k x k pool as k*k additions and a skip as one
 * addition per output number. Batch normalisation does not appear in its parameters.
 */
export function figureCost(name: PrimitiveName, shape: OperationShape): OperationCost {
  const { family, kernel } = PRIMITIVE_INFO[name];
  const numbers = shape.outChannels * outputSize(name, shape.stride, shape.inSize) ** 2;
  if (family === 'max_pool' || family === 'avg_pool') return { params: 0, macs: kernel * kernel * numbers };
  if (family === 'skip' && !computesTensor(name, shape)) return { params: 0, macs: numbers };
  return operationCost(name, shape, 'plain');
}

/** The name an operation shows: the primitive's, or the fixed operation's own. */
export function operationLabel(operation: Operation): string {
  return operation.name;
}

/** True where two operations compute the same function with the same declared cost. */
export function sameOperation(a: Operation, b: Operation): boolean {
  if (a.kind === 'primitive') return b.kind === 'primitive' && a.name === b.name && (a.activation ?? 'relu') === (b.activation ?? 'relu');
  return b.kind === 'fixed' && a.name === b.name && a.params === b.params && a.macs === b.macs;
}
