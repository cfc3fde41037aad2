/**
 * A placed network: everything that is computed, in order, with real channels, strides and sizes. Costs are counted from
 * it and tensors are built from it; nothing else has to be known.
 *
 * Blocks run in order. A read names a value: -1 is the last stem layer's output, -2 the one before it, i >= 0 the output of
 * block i. All images are square; every convolution is padded so that size = ceil(size / stride), and has no bias.
 */
import type { BatchNormalization } from '../cell/operations.ts';
import type { TensorShape } from '../cell/shapes.ts';
import type { Operation } from '../cell/types.ts';

export type Activation = 'relu' | 'relu6' | 'none';

/** [before] - convolution - BN - [after]. */
export interface ConvLayer {
  readonly kind: 'conv';
  readonly kernel: 1 | 3 | 7;
  readonly stride: 1 | 2;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly inSize: number;
  readonly outSize: number;
  readonly before: Activation;
  readonly after: Activation;
  readonly norm: BatchNormalization;
}

/**
 * ReLU, (odd sizes) one zero row and column at the top left, two 1x1 convolutions with stride 2 on x and on x[1:, 1:] to
 * floor(out / 2) and the remaining channels, concatenation, BN.
 */
export interface FactorizedReduceLayer {
  readonly kind: 'factorized-reduce';
  readonly inChannels: number;
  readonly outChannels: number;
  readonly inSize: number;
  readonly outSize: number;
  readonly norm: BatchNormalization;
}

/** What brings a cell's input to the cell's channels and size before any edge reads it. */
export type PreprocessLayer = ConvLayer | FactorizedReduceLayer;

/** One edge of one placed cell. */
export interface PlacedEdge {
  /** Position of the cell in `architecture.cells`. */
  readonly cellIndex: number;
  /** Position of the edge in that cell's `edges`. */
  readonly edgeIndex: number;
  readonly from: number;
  readonly to: number;
  readonly operation: Operation;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly stride: 1 | 2;
  readonly inSize: number;
  readonly outSize: number;
}

/** A node's value is the sum of its edges' outputs; the cell's value is the concatenation of its output nodes. */
export interface PlacedCell {
  readonly kind: 'cell';
  /** Position of the cell in `architecture.cells`. */
  readonly cellIndex: number;
  readonly reduction: boolean;
  /** The value each cell input reads. */
  readonly reads: readonly number[];
  /** One a cell input; undefined where the input is taken as it is. */
  readonly preprocess: readonly (PreprocessLayer | undefined)[];
  /** Shape of every node, inputs (after preprocessing) first. */
  readonly nodes: readonly TensorShape[];
  /** In presented order. */
  readonly edges: readonly PlacedEdge[];
  /** Nodes concatenated, in order. */
  readonly outputNodes: readonly number[];
  /** Those of them that the supernet multiplies by 0: nodes some edge leaves, where only loose ends count. */
  readonly zeroedNodes: readonly number[];
  readonly output: TensorShape;
}

/**
 * NAS-Bench-201's reduction: conv_b(conv_a(x)) + downsample(x), with `a` ReLU-Conv3x3-BN of stride 2, `b` the same of stride 1,
 * and the shortcut a 2x2 average pool of stride 2, then a 1x1 convolution without BN.
 */
export interface ResidualReduction {
  readonly kind: 'residual-reduction';
  readonly reads: readonly [number];
  readonly a: ConvLayer;
  readonly b: ConvLayer;
  readonly input: TensorShape;
  readonly output: TensorShape;
}

export type PlacedBlock = PlacedCell | ResidualReduction;

/** [1x1 convolution] - [BN] - [activation] - global average pool - linear layer with bias. Reads the last block. */
export interface NetworkHead {
  readonly input: TensorShape;
  readonly conv?: ConvLayer;
  /** Batch normalisation (affine) before the activation, as NAS-Bench-201 has it. */
  readonly norm: boolean;
  readonly activation: Activation;
  readonly classifier: { readonly inFeatures: number; readonly outFeatures: number };
}

/**
 * The auxiliary head of the official evaluation network, not part of the network's cost: ReLU, average pool 5x5 with stride 3,
 * Conv1x1 to 128, BN, ReLU, Conv2x2 (unpadded) to 768, BN, ReLU, linear layer with bias.
 */
export interface AuxiliaryHead {
  /** The block whose output it reads. */
  readonly reads: number;
  readonly input: TensorShape;
  readonly outFeatures: number;
}

export interface Network {
  readonly kind: 'evaluation' | 'imagenet' | 'supernet' | 'nasbench201' | 'explicit';
  readonly imageSize: number;
  /** Of the image: 3. */
  readonly imageChannels: number;
  readonly classes: number;
  /** Each reads the one before, the first the image. */
  readonly stem: readonly ConvLayer[];
  readonly blocks: readonly PlacedBlock[];
  readonly head: NetworkHead;
  /** Where the network has one and its input is large enough. */
  readonly auxiliary?: AuxiliaryHead;
  /** Of the operations on edges. */
  readonly norm: BatchNormalization;
  /** Supernet: BN(plain) after every pool, and equal operations between the same two nodes of a cell are one set of weights. */
  readonly shared: boolean;
}
