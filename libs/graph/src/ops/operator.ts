/** What an operator is: its attributes, and what follows from them and the types that it reads. One entry of the registry each. */
import type { TensorType } from '../graph/tensor-type.ts';
import type { ActivationFunction } from './activation-functions.ts';

export type Size2D = readonly [height: number, width: number];
/** Rows and columns around an image. */
export type Padding2D = readonly [top: number, left: number, bottom: number, right: number];

export interface ConvolutionAttributes {
  readonly outChannels: number;
  readonly kernel: Size2D;
  readonly stride: Size2D;
  readonly padding: Padding2D;
  readonly dilation: Size2D;
  /** Channels are split into so many groups, each convolved apart; the number of channels: a depthwise convolution. */
  readonly groups: number;
  readonly bias: boolean;
}

export interface PoolAttributes {
  readonly kernel: Size2D;
  readonly stride: Size2D;
  /** Padded with minus infinity by a maximum, and left out of a mean; less than the kernel. */
  readonly padding: Padding2D;
}

/** Attributes of each operator. */
export interface Attributes {
  readonly conv: ConvolutionAttributes;
  readonly batch_norm: { readonly affine: boolean; readonly epsilon: number };
  readonly activation: { readonly function: ActivationFunction };
  readonly max_pool: PoolAttributes;
  readonly avg_pool: PoolAttributes;
  readonly global_avg_pool: object;
  readonly linear: { readonly outFeatures: number; readonly bias: boolean };
  /** Two terms, broadcast as in ONNX. */
  readonly add: object;
  /** Any number of terms of one type. */
  readonly sum: object;
  readonly mul: object;
  readonly concat: { readonly axis: number };
  /** Along some axes the elements starts, starts + steps, ... before ends. */
  readonly slice: {
    readonly axes: readonly number[];
    readonly starts: readonly number[];
    readonly ends: readonly number[];
    readonly steps: readonly number[];
  };
  /** Zeros before and after each axis. */
  readonly pad: { readonly before: readonly number[]; readonly after: readonly number[] };
  /** All axes but the batch as one. */
  readonly flatten: object;
  /** Axes are counted from 0, the batch. */
  readonly softmax: { readonly axis: number };
  readonly identity: object;
  /** Zeros of a type. What it reads is named, and otherwise without effect, as the official code's x * 0. */
  readonly zero: { readonly type: TensorType };
  /** An operator that is not modelled: kept as it is, priced as declared, never edited. */
  readonly opaque: { readonly operator: string; readonly type: TensorType; readonly params: number; readonly macs: number };
}

export type OperatorKind = keyof Attributes;

/** How a weight starts. `uniform`: U(-b, b), b = 1 / sqrt(fanIn), as PyTorch initialises convolutions and linear layers. */
export type Initializer = { readonly kind: 'uniform'; readonly fanIn: number } | { readonly kind: 'constant'; readonly value: number };

/** One tensor that a node needs. Shapes are PyTorch's and ONNX's: convolutions [out, in / groups, height, width], linear layers [out, in]. */
export interface WeightSpec {
  readonly role: 'weight' | 'bias' | 'running_mean' | 'running_var';
  readonly shape: readonly number[];
  /** Learned by gradients, and so a parameter; running statistics are not. */
  readonly trainable: boolean;
  readonly initial: Initializer;
}

/** An operator without `weights` has none, and without a `macs` multiplies nothing. */
export interface Operator<K extends OperatorKind> {
  /** The type of its output. @throws OperatorError where the inputs do not fit */
  infer(attributes: Attributes[K], inputs: readonly TensorType[]): TensorType;
  weights?(attributes: Attributes[K], inputs: readonly TensorType[]): readonly WeightSpec[];
  /** Multiply-accumulates for one image, of convolutions and linear layers, as the official counter. */
  macs?(attributes: Attributes[K], inputs: readonly TensorType[], output: TensorType): number;
  /** Learned numbers beyond those of `weights`. */
  undeclaredParams?(attributes: Attributes[K]): number;
  /** True where it gives zeros for zeros in all its inputs, whatever its weights. Absent: never. */
  keepsZero?(attributes: Attributes[K]): boolean;
  /** A word or two for drawings and tables, such as `conv 3x3 /2`. */
  label(attributes: Attributes[K]): string;
}

/** What does not fit, without where: `infer` adds the node. */
export class OperatorError extends Error {
  override readonly name = 'OperatorError';
}

/** `3x3`, or `1x7`. */
export function kernelLabel([height, width]: Size2D): string {
  return `${height}x${width}`;
}

/** ` /2` for a stride of 2, nothing for 1. */
export function strideLabel([height, width]: Size2D): string {
  if (height === 1 && width === 1) return '';
  return height === width ? ` /${height}` : ` /${height}x${width}`;
}

export function isOperatorError(error: unknown): error is OperatorError {
  return error instanceof Error && error.name === 'OperatorError';
}
