/**
 * The operations that a cell's edge may carry, one entry each: what they are, and the nodes that they are made of.
 *
 * Layouts as in the official code: a convolution is activation-Conv-BN without bias; a separable convolution is that twice (depthwise, pointwise, BN),
 * with the stride in the first depthwise only; a dilated one once. `skip_connect` is the identity at stride 1 with equal channels,
 * activation-Conv1x1-BN at stride 1 with unequal channels, and a factorized reduction at stride 2. `null` gives zeros.
 */
import { imageShape, type TensorType, type Value } from '@nat/graph';
import type { Activation, ModuleBuilder } from './module-builder.ts';

/** Where an operation stands, and how it is built there. */
export interface OperationPlace {
  readonly from: Value;
  /** What the edge has to give. */
  readonly type: TensorType;
  readonly stride: 1 | 2;
  /** What a convolution applies before itself. */
  readonly activation: Activation;
  /** Batch normalisations have weight and bias. */
  readonly affine: boolean;
  /** Pools are followed by a batch normalisation, as in the supernet. */
  readonly poolNorm: boolean;
}

/** What an operation is, in terms that mean the same for any operation. */
export type PrimitiveKind = 'null' | 'skip' | 'max-pool' | 'avg-pool' | 'full' | 'separable' | 'dilated' | 'factorized' | 'depthwise';

export interface Primitive {
  readonly kind: PrimitiveKind;
  /** Side of the kernel, the long one of a factorized convolution; 0 where there is none. */
  readonly kernel: number;
  /** Adds the operation's nodes and gives its value. The value's type says whether the operation can stand there: see `operationAt`. */
  readonly emit: (module: ModuleBuilder, place: OperationPlace) => Value;
}

const nothing: Primitive = { kind: 'null', kernel: 0, emit: (module, { from, type }) => module.node('zero', '', { type }, [from]) };

const skip: Primitive = {
  kind: 'skip',
  kernel: 0,
  emit: (module, place) => {
    const { from, type, stride, activation, affine } = place;
    const [outChannels] = imageShape(type);
    if (stride === 2) return module.factorizedReduce(from, outChannels, affine, activation);
    return module.channelsOf(from) === outChannels ? module.node('identity', '', {}, [from]) : full(1).emit(module, place);
  },
};

/** Activation, convolution, BN. */
function full(kernel: number): Primitive {
  return {
    kind: 'full',
    kernel,
    emit: (module, { from, type, stride, activation, affine }) =>
      module.batchNorm('op.2', module.convolution('op.1', module.activation('op.0', from, activation), imageShape(type)[0], kernel, { stride }), affine),
  };
}

/** Twice activation, depthwise, pointwise, BN; the stride is in the first depthwise. */
function separable(kernel: number): Primitive {
  return {
    kind: 'separable',
    kernel,
    emit: (module, { from, type, stride, activation, affine }) => {
      const first = module.depthwise('op.1', module.activation('op.0', from, activation), kernel, { stride });
      const middle = module.batchNorm('op.3', module.convolution('op.2', first, module.channelsOf(from), 1), affine);
      const second = module.depthwise('op.5', module.activation('op.4', middle, activation), kernel);
      return module.batchNorm('op.7', module.convolution('op.6', second, imageShape(type)[0], 1), affine);
    },
  };
}

/** Activation, depthwise with dilation 2, pointwise, BN. */
function dilated(kernel: number): Primitive {
  return {
    kind: 'dilated',
    kernel,
    emit: (module, { from, type, stride, activation, affine }) => {
      const filtered = module.depthwise('op.1', module.activation('op.0', from, activation), kernel, { stride, dilation: kernel === 1 ? 1 : 2 });
      return module.batchNorm('op.3', module.convolution('op.2', filtered, imageShape(type)[0], 1), affine);
    },
  };
}

/** Activation, a 1 x k convolution (stride along the width), a k x 1 one (stride along the height), BN. */
function factorized(kernel: number): Primitive {
  return {
    kind: 'factorized',
    kernel,
    emit: (module, { from, type, stride, activation, affine }) => {
      const [outChannels] = imageShape(type);
      const wide = module.convolution('1', module.activation('0', from, activation), outChannels, [1, kernel], { stride: [1, stride] });
      return module.batchNorm('3', module.convolution('2', wide, outChannels, [kernel, 1], { stride: [stride, 1] }), affine);
    },
  };
}

/** Activation, depthwise, BN: the filter of an inverted residual block. */
function depthwise(kernel: number): Primitive {
  return {
    kind: 'depthwise',
    kernel,
    emit: (module, { from, stride, activation, affine }) =>
      module.batchNorm('op.2', module.depthwise('op.1', module.activation('op.0', from, activation), kernel, { stride }), affine),
  };
}

/** "Same" padding for odd windows, none for even ones. */
function pool(kind: 'max-pool' | 'avg-pool', kernel: number): Primitive {
  const op = kind === 'max-pool' ? 'max_pool' : 'avg_pool';
  return {
    kind,
    kernel,
    emit: (module, { from, stride, affine, poolNorm }) => {
      const pooled = module.pool(poolNorm ? '0' : '', op, from, kernel, stride, Math.floor((kernel - 1) / 2));
      return poolNorm ? module.batchNorm('1', pooled, affine) : pooled;
    },
  };
}

/** Operations of both official repositories, of NAONet and of NAS-Bench-201 (whose `none`, `nor_conv_kxk` are `null`, `conv_kxk`), and MobileNetV2's depthwise convolution. */
export const PRIMITIVES = {
  null: nothing,
  skip_connect: skip,
  max_pool_2x2: pool('max-pool', 2),
  max_pool_3x3: pool('max-pool', 3),
  max_pool_5x5: pool('max-pool', 5),
  avg_pool_2x2: pool('avg-pool', 2),
  avg_pool_3x3: pool('avg-pool', 3),
  avg_pool_5x5: pool('avg-pool', 5),
  sep_conv_1x1: separable(1),
  sep_conv_3x3: separable(3),
  sep_conv_5x5: separable(5),
  sep_conv_7x7: separable(7),
  dil_conv_1x1: dilated(1),
  dil_conv_3x3: dilated(3),
  dil_conv_5x5: dilated(5),
  conv_1x1: full(1),
  conv_3x3: full(3),
  conv_5x5: full(5),
  conv_1x3_3x1: factorized(3),
  conv_1x7_7x1: factorized(7),
  conv_7x1_1x7: factorized(7),
  dw_conv_3x3: depthwise(3),
} as const satisfies Readonly<Record<string, Primitive>>;

export type PrimitiveName = keyof typeof PRIMITIVES;

/** All names, in a fixed order: that of the registry. */
export const PRIMITIVE_NAMES = Object.keys(PRIMITIVES) as readonly PrimitiveName[];
