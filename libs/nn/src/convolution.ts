/**
 * Convolutions with PyTorch's padding: `padding` zeros on every side, so that stride 2 samples the same pixels as there.
 * Activations are NHWC, kernels [height, width, in, out] (depthwise: [height, width, channels, 1]).
 */
import { FLOAT, differentiable, runOne, type Attribute } from './raw-operation.ts';
import { subsample, type Size2D } from './slicing.ts';
import type { Tensor, Tensor4D, Tensorflow } from './tensorflow.ts';

export interface ConvolutionOptions {
  /** @default 1 */
  readonly stride?: number | Size2D;
  /** Zeros on every side. @default 0 */
  readonly padding?: number | Size2D;
  /** False where `x` is data that nothing differentiates: saves its gradient. @default true */
  readonly inputGradient?: boolean;
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
export function conv2d(tf: Tensorflow, x: Tensor4D, kernel: Tensor4D, options: ConvolutionOptions = {}): Tensor4D {
  const stride = both(options.stride ?? 1);
  const padding = both(options.padding ?? 0);
  const [height, width] = kernel.shape;
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
  const inputGradient = (filter: Tensor, dy: Tensor): Tensor => {
    if (stride[0] !== 1 || stride[1] !== 1 || opposite[0] < 0 || opposite[1] < 0)
      return runOne(tf, 'Conv2DBackpropInput', attributes, [tf.tensor1d(x.shape, 'int32'), filter, dy]);
    // At stride 1 it is the convolution of dy with the mirrored kernel; libtensorflow's own takes ten times as long for many channels.
    return runOne(tf, 'Conv2D', attributesOf(opposite), [dy, tf.transpose(tf.reverse(filter, [0, 1]), [0, 1, 3, 2])]);
  };
  return convolution(tf, x, kernel, options.inputGradient ?? true, {
    forward: (input, filter) => runOne(tf, 'Conv2D', attributes, [input, filter]),
    inputGradient,
    filterGradient: (input, dy) => runOne(tf, 'Conv2DBackpropFilter', attributes, [input, tf.tensor1d(kernel.shape, 'int32'), dy]),
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
  if (dilation > 1) return dilatedDepthwise(tf, x, kernel, { stride, padding, dilation });
  const attributes = { T: FLOAT, ...windowAttributes(stride, padding), data_format: 'NHWC', dilations: [1, 1, 1, 1] };
  return convolution(tf, x, kernel, options.inputGradient ?? true, {
    forward: (input, filter) => runOne(tf, 'DepthwiseConv2dNative', attributes, [input, filter]),
    inputGradient: (filter, dy) => runOne(tf, 'DepthwiseConv2dNativeBackpropInput', attributes, [tf.tensor1d(x.shape, 'int32'), filter, dy]),
    filterGradient: (input, dy) => runOne(tf, 'DepthwiseConv2dNativeBackpropFilter', attributes, [input, tf.tensor1d(kernel.shape, 'int32'), dy]),
  });
}

function convolution(
  tf: Tensorflow,
  x: Tensor4D,
  kernel: Tensor4D,
  differentiateInput: boolean,
  run: {
    readonly forward: (x: Tensor, kernel: Tensor) => Tensor;
    readonly inputGradient: (kernel: Tensor, dy: Tensor) => Tensor;
    readonly filterGradient: (x: Tensor, dy: Tensor) => Tensor;
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
      const kernelGradient = run.filterGradient(input!, dy);
      return differentiateInput ? [run.inputGradient(filter!, dy), kernelGradient] : [kernelGradient];
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
  { stride, padding, dilation }: { readonly stride: Size2D; readonly padding: Size2D; readonly dilation: number },
): Tensor4D {
  const [height, width] = kernel.shape;
  const reach: Size2D = [(height - 1) / 2, (width - 1) / 2];
  if (padding[0] !== dilation * reach[0] || padding[1] !== dilation * reach[1] || stride[0] !== stride[1] || (stride[0] !== 1 && stride[0] !== dilation)) {
    throw new RangeError(`a dilated convolution needs "same" padding and stride 1 or ${dilation}`);
  }
  if (stride[0] === dilation) return depthwiseConv2d(tf, subsample(tf, x, dilation), kernel, { padding: reach });
  const missing: [number, number][] = [x.shape[1], x.shape[2]].map((size) => [0, (dilation - (size % dilation)) % dilation]);
  const phases: Tensor4D = tf.spaceToBatchND(x, [dilation, dilation], missing);
  return tf.batchToSpaceND(depthwiseConv2d(tf, phases, kernel, { padding: reach }), [dilation, dilation], missing);
}
