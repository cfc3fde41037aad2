import { imageShape, type TensorType } from '../graph/tensor-type.ts';
import { checkIntegers, imageLike, singleImage } from './inputs.ts';
import { kernelLabel, OperatorError, strideLabel, type ConvolutionAttributes, type Operator, type Padding2D, type Size2D } from './operator.ts';

/** Places where a window of `kernel` fits along one side: floor((size + before + after - dilation (kernel - 1) - 1) / stride) + 1. */
function windows(size: number, kernel: number, stride: number, padding: number, dilation: number): number {
  return Math.floor((size + padding - dilation * (kernel - 1) - 1) / stride) + 1;
}

/** Height and width of what windows over an image give. @throws OperatorError where none fits */
export function windowedSize([height, width]: Size2D, kernel: Size2D, stride: Size2D, padding: Padding2D, dilation: Size2D): Size2D {
  checkIntegers('a kernel, stride or dilation of', [...kernel, ...stride, ...dilation], 1);
  checkIntegers('a padding of', padding, 0);
  const [top, left, bottom, right] = padding;
  const size = [windows(height, kernel[0], stride[0], top + bottom, dilation[0]), windows(width, kernel[1], stride[1], left + right, dilation[1])] as const;
  if (size[0] < 1 || size[1] < 1) throw new OperatorError(`a window of ${kernelLabel(kernel)} does not fit into ${height} x ${width}`);
  return size;
}

function convolutionType(attributes: ConvolutionAttributes, inputs: readonly TensorType[]): TensorType {
  const { outChannels, kernel, stride, padding, dilation, groups } = attributes;
  const [channels, height, width] = singleImage(inputs);
  checkIntegers('a number of channels or groups of', [outChannels, groups], 1);
  if (channels % groups !== 0 || outChannels % groups !== 0)
    throw new OperatorError(`${channels} to ${outChannels} channels do not split into ${groups} groups`);
  const [outHeight, outWidth] = windowedSize([height, width], kernel, stride, padding, dilation);
  return imageLike(inputs, outChannels, outHeight, outWidth);
}

/** Weights of one output channel. */
function fanIn({ kernel, groups }: ConvolutionAttributes, input: TensorType): number {
  return (imageShape(input)[0] / groups) * kernel[0] * kernel[1];
}

export const convolution: Operator<'conv'> = {
  infer: convolutionType,
  weights: (attributes, inputs) => {
    const { outChannels, kernel, groups, bias } = attributes;
    const initial = { kind: 'uniform', fanIn: fanIn(attributes, inputs[0]!) } as const;
    const shape = [outChannels, imageShape(inputs[0]!)[0] / groups, ...kernel];
    const weight = { role: 'weight', shape, trainable: true, initial } as const;
    return bias ? [weight, { role: 'bias', shape: [outChannels], trainable: true, initial }] : [weight];
  },
  macs: (attributes, inputs, output) => {
    const [channels, height, width] = imageShape(output);
    return fanIn(attributes, inputs[0]!) * channels * height * width;
  },
  keepsZero: ({ bias }) => !bias,
  label: ({ kernel, stride, dilation, groups }) =>
    `conv ${kernelLabel(kernel)}${strideLabel(stride)}${dilation[0] * dilation[1] === 1 ? '' : ` dilated ${dilation[0]}`}${groups === 1 ? '' : ` in ${groups} groups`}`,
};
