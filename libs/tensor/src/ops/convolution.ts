/**
 * Convolutions with PyTorch's padding: `padding` zeros on every side, so that stride 2 samples the same pixels as there.
 * Activations are NHWC, kernels [height, width, in, out] (depthwise: [height, width, channels, 1]).
 */
import { relu } from './activation.ts';
import { hasKernels, runKernel } from './kernels.ts';
import { FLOAT, differentiable, runOne, type Attribute } from './raw-operation.ts';
import { subsample, type Size2D } from './slicing.ts';
import type { Tensor, Tensor4D, Tensorflow } from '../tensorflow-types.ts';

export interface ConvolutionOptions {
  /** @default 1 */
  readonly stride?: number | Size2D;
  /** Zeros on every side. @default 0 */
  readonly padding?: number | Size2D;
  /** False where `x` is data that nothing differentiates: saves its gradient. @default true */
  readonly inputGradient?: boolean;
  /** Read max(x, 0) in place of x, without a tensor for it. @default false */
  readonly rectified?: boolean;
}

export interface Convolution2DOptions extends ConvolutionOptions {
  /** The first row and column read, in place of -padding and with no padding at the end: may be negative. For 1x1 kernels. */
  readonly offset?: Size2D;
}

function both(value: number | Size2D): Size2D {
  return typeof value === 'number' ? [value, value] : value;
}

function windowAttributes(stride: Size2D, padding: Size2D): { strides: number[]; padding: string; explicit_paddings: number[] } {
  const padded = padding[0] !== 0 || padding[1] !== 0;
  return {
    strides: [1, stride[0], stride[1], 1],
    padding: padded ? 'EXPLICIT' : 'VALID',
    explicit_paddings: padded ? [0, 0, padding[0], padding[0], padding[1], padding[1], 0, 0] : [],
  };
}

/** y[n,h,w,o] = sum_ijc x[n, h*stride+i-padding, w*stride+j-padding, c] kernel[i,j,c,o] */
export function conv2d(tf: Tensorflow, x: Tensor4D, kernel: Tensor4D, options: Convolution2DOptions = {}): Tensor4D {
  if (hasKernels(tf)) return convolutionByTiles(tf, x, kernel, options);
  const stride = both(options.stride ?? 1);
  const padding = both(options.padding ?? 0);
  const [height, width] = kernel.shape;
  if (options.offset !== undefined) {
    const [top, left] = options.offset;
    const before = [0, Math.max(0, -top), Math.max(0, -left), 0];
    const padded: Tensor4D =
      top < 0 || left < 0
        ? tf.pad(
            x,
            before.map((zeros): [number, number] => [zeros, 0]),
          )
        : x;
    const read = subsample(tf, padded, stride, [Math.max(0, top), Math.max(0, left)]);
    return pointwise(tf, options.rectified === true ? relu(tf, read) : read, kernel);
  }
  if (options.rectified === true) return conv2d(tf, relu(tf, x), kernel, { ...options, rectified: false });
  if (height === 1 && width === 1 && padding[0] === 0 && padding[1] === 0 && options.inputGradient !== false)
    return pointwise(tf, subsample(tf, x, stride), kernel);
  const attributesOf = (zeros: Size2D): Readonly<Record<string, Attribute>> => ({
    T: FLOAT,
    ...windowAttributes(stride, zeros),
    data_format: 'NHWC',
    dilations: [1, 1, 1, 1],
  });
  const attributes = attributesOf(padding);
  const opposite: Size2D = [height - 1 - padding[0], width - 1 - padding[1]];
  const inputGradient = (_: Tensor, filter: Tensor, dy: Tensor): Tensor => {
    if (stride[0] !== 1 || stride[1] !== 1 || opposite[0] < 0 || opposite[1] < 0)
      return runOne(tf, 'Conv2DBackpropInput', attributes, [tf.tensor1d(x.shape, 'int32'), filter, dy]);
    // At stride 1 it is the convolution of dy with the mirrored kernel; libtensorflow's own takes ten times as long for many channels.
    return runOne(tf, 'Conv2D', attributesOf(opposite), [dy, tf.transpose(tf.reverse(filter, [0, 1]), [0, 1, 3, 2])]);
  };
  return convolution(tf, x, kernel, options.inputGradient ?? true, {
    forward: (input, filter) => runOne(tf, 'Conv2D', attributes, [input, filter]),
    inputGradient,
    filterGradient: (input, _, dy) => runOne(tf, 'Conv2DBackpropFilter', attributes, [input, tf.tensor1d(kernel.shape, 'int32'), dy]),
  });
}

/** `conv2d` on our kernels. */
function convolutionByTiles(tf: Tensorflow, x: Tensor4D, kernel: Tensor4D, options: Convolution2DOptions): Tensor4D {
  const [strideY, strideX] = both(options.stride ?? 1);
  const padding = both(options.padding ?? 0);
  const [height, width] = kernel.shape;
  const [top, left] = options.offset === undefined ? padding : [-options.offset[0], -options.offset[1]];
  const [bottom, right] = options.offset === undefined ? padding : [0, 0];
  const attributes = {
    stride_y: { int: strideY },
    stride_x: { int: strideX },
    top: { int: top },
    left: { int: left },
    out_height: { int: Math.floor((x.shape[1] + top + bottom - height) / strideY) + 1 },
    out_width: { int: Math.floor((x.shape[2] + left + right - width) / strideX) + 1 },
    rectified: options.rectified ?? false,
  };
  return convolution(tf, x, kernel, options.inputGradient ?? true, {
    forward: (input, filter) => runKernel(tf, 'NatConv', attributes, [input, filter])[0]!,
    inputGradient: (input, filter, dy) => runKernel(tf, 'NatConvInputGrad', attributes, [input, filter, dy])[0]!,
    filterGradient: (input, filter, dy) => runKernel(tf, 'NatConvKernelGrad', attributes, [input, filter, dy])[0]!,
  });
}

/**
 * One kernel a channel: y[n,h,w,c] = sum_ij x[n, h*stride+i*dilation-padding, w*stride+j*dilation-padding, c] kernel[i,j,c,0].
 * libtensorflow's gradients of dilated depthwise convolutions are wrong, so those run on the pixels of each phase.
 */
export function depthwiseConv2d(tf: Tensorflow, x: Tensor4D, kernel: Tensor4D, options: ConvolutionOptions & { readonly dilation?: number } = {}): Tensor4D {
  const { dilation = 1 } = options;
  const stride = both(options.stride ?? 1);
  const padding = both(options.padding ?? 0);
  if (dilation > 1) requireSamePadding(kernel, { stride, padding, dilation });
  if (hasKernels(tf) && stride[0] === stride[1] && padding[0] === padding[1] && options.inputGradient !== false) {
    const attributes = { stride: { int: stride[0] }, dilation: { int: dilation }, padding: { int: padding[0] }, rectified: options.rectified ?? false };
    return differentiable(
      tf,
      [x, kernel],
      (keep) => {
        keep(x, kernel);
        return runKernel(tf, 'NatDepthwise', attributes, [x, kernel])[0]!;
      },
      (dy, [input, filter]) => runKernel(tf, 'NatDepthwiseGrad', attributes, [input!, filter!, dy]),
    );
  }
  if (options.rectified === true) return depthwiseConv2d(tf, relu(tf, x), kernel, { ...options, rectified: false });
  if (dilation > 1) return dilatedDepthwise(tf, x, kernel, { stride, dilation });
  const attributes = { T: FLOAT, ...windowAttributes(stride, padding), data_format: 'NHWC', dilations: [1, 1, 1, 1] };
  return convolution(tf, x, kernel, options.inputGradient ?? true, {
    forward: (input, filter) => runOne(tf, 'DepthwiseConv2dNative', attributes, [input, filter]),
    inputGradient: (_, filter, dy) => runOne(tf, 'DepthwiseConv2dNativeBackpropInput', attributes, [tf.tensor1d(x.shape, 'int32'), filter, dy]),
    filterGradient: (input, _, dy) => runOne(tf, 'DepthwiseConv2dNativeBackpropFilter', attributes, [input, tf.tensor1d(kernel.shape, 'int32'), dy]),
  });
}

function convolution(
  tf: Tensorflow,
  x: Tensor4D,
  kernel: Tensor4D,
  differentiateInput: boolean,
  run: {
    readonly forward: (x: Tensor, kernel: Tensor) => Tensor;
    readonly inputGradient: (x: Tensor, kernel: Tensor, dy: Tensor) => Tensor;
    readonly filterGradient: (x: Tensor, kernel: Tensor, dy: Tensor) => Tensor;
  },
): Tensor4D {
  return differentiable(
    tf,
    differentiateInput ? [x, kernel] : [kernel],
    (keep) => {
      keep(x, kernel);
      return run.forward(x, kernel);
    },
    (dy, [input, filter]) => {
      const kernelGradient = run.filterGradient(input!, filter!, dy);
      return differentiateInput ? [run.inputGradient(input!, filter!, dy), kernelGradient] : [kernelGradient];
    },
  );
}

/** A 1x1 convolution as one matrix product: [pixels, in] x [in, out]. Its gradients are 2-6 times as fast that way. */
function pointwise(tf: Tensorflow, x: Tensor4D, kernel: Tensor4D): Tensor4D {
  const [batch, height, width, channels] = x.shape;
  const outChannels = kernel.shape[3];
  const product = (a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean): Tensor =>
    runOne(tf, 'MatMul', { T: FLOAT, transpose_a: transposeA, transpose_b: transposeB }, [a, b]);
  return differentiable(
    tf,
    [x, kernel],
    (keep) => {
      keep(x, kernel);
      return product(x.reshape([-1, channels]), kernel.reshape([channels, outChannels]), false, false).reshape([batch, height, width, outChannels]);
    },
    (dy, [input, filter]) => {
      const rows = dy.reshape([-1, outChannels]); // [pixels, out]
      return [
        product(rows, filter!.reshape([channels, outChannels]), false, true).reshape(x.shape),
        product(input!.reshape([-1, channels]), rows, true, false).reshape(kernel.shape),
      ];
    },
  );
}

/**
 * A dilated depthwise convolution. With "same" padding, output pixel h reads the pixels of its own phase h mod dilation only:
 * at stride = dilation it is an ordinary convolution of phase 0, at stride 1 one of each phase.
 */
function dilatedDepthwise(
  tf: Tensorflow,
  x: Tensor4D,
  kernel: Tensor4D,
  { stride, dilation }: { readonly stride: Size2D; readonly dilation: number },
): Tensor4D {
  const reach = reachOf(kernel);
  if (stride[0] === dilation) return depthwiseConv2d(tf, subsample(tf, x, dilation), kernel, { padding: reach });
  const missing: [number, number][] = [x.shape[1], x.shape[2]].map((size) => [0, (dilation - (size % dilation)) % dilation]);
  const phases: Tensor4D = tf.spaceToBatchND(x, [dilation, dilation], missing);
  return tf.batchToSpaceND(depthwiseConv2d(tf, phases, kernel, { padding: reach }), [dilation, dilation], missing);
}

/** Pixels that an odd kernel reaches on either side. */
function reachOf({ shape: [height, width] }: Tensor4D): Size2D {
  return [(height - 1) / 2, (width - 1) / 2];
}

function requireSamePadding(
  kernel: Tensor4D,
  { stride, padding, dilation }: { readonly stride: Size2D; readonly padding: Size2D; readonly dilation: number },
): void {
  const reach = reachOf(kernel);
  if (padding[0] !== dilation * reach[0] || padding[1] !== dilation * reach[1] || stride[0] !== stride[1] || (stride[0] !== 1 && stride[0] !== dilation)) {
    throw new RangeError(`a dilated convolution needs "same" padding and stride 1 or ${dilation}`);
  }
}
