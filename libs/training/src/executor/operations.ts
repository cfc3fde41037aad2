/** The operations of the official code (operations.py), under its names. */
import { PRIMITIVE_INFO, type ConvLayer, type FactorizedReduceLayer, type Operation, type PrimitiveOperation } from '@nat/cells';
import { DomainError } from '@nat/base/errors';
import { subsample } from '@nat/tensor';
import { activation, conv, depthwise, norm, pointwise, pool, sequence, stateless, type Layer, type LayerAt } from './layer.ts';

/** Where an operation stands. */
export interface OperationPlace {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly stride: 1 | 2;
  /** Batch normalisation with weight and bias. */
  readonly affine: boolean;
  /** Pools are followed by a batch normalisation, as in the supernet. */
  readonly poolNorm: boolean;
}

/** ReLU-Conv-BN. */
function convBlock(
  name: string,
  { name: primitive, activation: before }: PrimitiveOperation,
  { inChannels, outChannels, stride, affine }: OperationPlace,
): Layer {
  const { kernel } = PRIMITIVE_INFO[primitive];
  return sequence(`${name}.op`, [activation(before), conv(inChannels, outChannels, kernel, { stride, padding: (kernel - 1) / 2 }), norm(outChannels, affine)]);
}

/** ReLU, a 1 x k convolution (stride along the width), a k x 1 one (stride along the height), BN. */
function asymmetricConv(name: string, { name: primitive, activation: before }: PrimitiveOperation, place: OperationPlace): Layer {
  const { inChannels, outChannels, stride, affine } = place;
  const { kernel } = PRIMITIVE_INFO[primitive];
  const reach = (kernel - 1) / 2;
  return sequence(name, [
    activation(before),
    conv(inChannels, outChannels, [1, kernel], { stride: [1, stride], padding: [0, reach] }),
    conv(outChannels, outChannels, [kernel, 1], { stride: [stride, 1], padding: [reach, 0] }),
    norm(outChannels, affine),
  ]);
}

/** Twice ReLU-depthwise-pointwise-BN; the stride is in the first depthwise. */
function sepConv(
  name: string,
  { name: primitive, activation: before }: PrimitiveOperation,
  { inChannels, outChannels, stride, affine }: OperationPlace,
): Layer {
  const { kernel } = PRIMITIVE_INFO[primitive];
  return sequence(`${name}.op`, [
    activation(before),
    depthwise(inChannels, kernel, { stride }),
    pointwise(inChannels, inChannels),
    norm(inChannels, affine),
    activation(before),
    depthwise(inChannels, kernel),
    pointwise(inChannels, outChannels),
    norm(outChannels, affine),
  ]);
}

/** ReLU-depthwise-pointwise-BN with dilation 2. */
function dilConv(
  name: string,
  { name: primitive, activation: before }: PrimitiveOperation,
  { inChannels, outChannels, stride, affine }: OperationPlace,
): Layer {
  const { kernel } = PRIMITIVE_INFO[primitive];
  return sequence(`${name}.op`, [
    activation(before),
    depthwise(inChannels, kernel, { stride, dilation: kernel === 1 ? 1 : 2 }),
    pointwise(inChannels, outChannels),
    norm(outChannels, affine),
  ]);
}

/** ReLU-depthwise-BN, the filter of an inverted residual block. */
function depthwiseConv(
  name: string,
  { name: primitive, activation: before }: PrimitiveOperation,
  { inChannels, outChannels, stride, affine }: OperationPlace,
): Layer {
  const { kernel } = PRIMITIVE_INFO[primitive];
  return sequence(`${name}.op`, [activation(before), depthwise(inChannels, kernel, { stride }), norm(outChannels, affine)]);
}

/**
 * ReLU, then two 1x1 convolutions with stride 2, on x and on x[1:, 1:], concatenated: together they read the pixels of both
 * diagonals. An image of odd size first gets a zero row and column at the top left.
 */
function factorizedReduce(name: string, { inChannels, outChannels, affine, before = 'relu' }: FactorizedReducePlace): Layer {
  const half = Math.floor(outChannels / 2);
  // The zero row and column are read, not made.
  const from = (first: number) => (height: number, width: number) => [first - (height % 2), first - (width % 2)] as const;
  const diagonal = (name: string, channels: number, first: number): Layer =>
    sequence(name, [activation(before), () => pointwise(inChannels, channels, { stride: 2, offset: from(first) })(name)]);
  const first = diagonal(`${name}.conv_1`, half, 0);
  const second = diagonal(`${name}.conv_2`, outChannels - half, 1);
  const bn = norm(outChannels, affine)(`${name}.bn`);
  return {
    parameters: [first, second, bn].flatMap(({ parameters }) => parameters),
    apply: (pass, x) => bn.apply(pass, pass.tf.concat([first.apply(pass, x), second.apply(pass, x)], 3)),
  };
}
interface FactorizedReducePlace {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly affine: boolean;
  readonly before?: PrimitiveOperation['activation'];
}

/** The identity; a factorized reduction at stride 2; ReLU-Conv1x1-BN where only the channels change. */
function skip(name: string, operation: PrimitiveOperation, place: OperationPlace): Layer {
  const { activation: before } = operation;
  if (place.stride === 2) return factorizedReduce(name, before === undefined ? place : { ...place, before });
  if (place.inChannels === place.outChannels) return { parameters: [], apply: (_, x) => x };
  return convBlock(name, { ...operation, name: 'conv_1x1' }, place);
}

/**
 * The layer of an operation, or undefined for `null`, whose output is zero.
 * @throws DomainError UNIMPLEMENTED OPAQUE_OPERATION for a fixed operation that is known by its cost alone
 */
export function operationLayer(name: string, operation: Operation, place: OperationPlace): Layer | undefined {
  if (operation.kind === 'fixed') return fixedLayer(name, operation.name, place);
  const { family, kernel } = PRIMITIVE_INFO[operation.name];
  switch (family) {
    case 'null':
      return undefined;
    case 'skip':
      return skip(name, operation, place);
    case 'max_pool':
    case 'avg_pool': {
      const padding = Math.floor((kernel - 1) / 2); // "same" for odd windows, none for 2x2
      const windows = pool(family === 'max_pool' ? 'max' : 'avg', { size: kernel, stride: place.stride, padding });
      return place.poolNorm ? sequence(name, [windows, norm(place.outChannels, place.affine)]) : windows(name);
    }
    case 'sep_conv':
      return sepConv(name, operation, place);
    case 'dil_conv':
      return dilConv(name, operation, place);
    case 'conv':
      return convBlock(name, operation, place);
    case 'asymmetric_conv':
      return asymmetricConv(name, operation, place);
    case 'dw_conv':
      return depthwiseConv(name, operation, place);
  }
}

function fixedLayer(name: string, operation: string, { inChannels, outChannels, stride }: OperationPlace): Layer {
  switch (operation) {
    case 'relu':
    case 'relu6':
      return activation(operation)(name);
    case 'zero_pad_shortcut':
      return zeroPadShortcut(inChannels, outChannels, stride)(name);
    default:
      throw new DomainError('UNIMPLEMENTED', `the operation ${operation} is known by its cost alone and cannot be trained`, {
        reason: 'OPAQUE_OPERATION',
        metadata: { operation },
      });
  }
}

/** Every stride-th pixel, with zero channels around (He et al. 2016, option A). */
function zeroPadShortcut(inChannels: number, outChannels: number, stride: number): LayerAt {
  const before = Math.floor((outChannels - inChannels) / 2);
  return stateless(({ tf }, x) =>
    tf.pad(subsample(tf, x, stride), [
      [0, 0],
      [0, 0],
      [0, 0],
      [before, outChannels - inChannels - before],
    ]),
  );
}

/** [activation] - convolution - BN - [activation] of a stem or head, as consecutive layers of a sequence. */
export function convLayers({ kernel, stride, inChannels, outChannels, before, after, norm: normalisation }: ConvLayer, readsImage = false): LayerAt[] {
  return [
    ...(before === 'none' ? [] : [activation(before)]),
    conv(inChannels, outChannels, kernel, { stride, padding: (kernel - 1) / 2, readsImage }),
    norm(outChannels, normalisation === 'affine'),
    ...(after === 'none' ? [] : [activation(after)]),
  ];
}

/** What brings a cell's input to the cell's channels and size. */
export function preprocessLayer(name: string, layer: ConvLayer | FactorizedReduceLayer): Layer {
  return layer.kind === 'conv' ? sequence(`${name}.op`, convLayers(layer)) : factorizedReduce(name, { ...layer, affine: layer.norm === 'affine' });
}
