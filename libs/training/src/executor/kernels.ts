/**
 * How each operator runs on TensorFlow, one entry each. Tensors of images are NHWC here, and axes of graphs NCHW; weights are in the layout that
 * `Weights` gives them.
 */
import { DomainError } from '@nat/base/errors';
import type { ActivationFunction, NodeOf, OperatorKind, TensorType } from '@nat/graph';
import {
  avgPool,
  batchNorm,
  conv2d,
  depthwiseConv2d,
  globalAveragePool,
  linear,
  maxPool,
  relu,
  relu6,
  subsample,
  type RunningStatistics,
  type Size2D,
  type Tensor,
  type Tensor4D,
  type Tensorflow,
  type Variable,
} from '@nat/tensor';
import type { Pass } from './pass.ts';

/** A node as a kernel sees it while it runs. */
export interface Running<K extends OperatorKind> {
  readonly pass: Pass;
  readonly node: NodeOf<K>;
  readonly type: TensorType;
  /** Its parameters, in the order of its keys. */
  readonly parameters: readonly Variable[];
  /** Its running statistics, where it has them. */
  readonly statistics: RunningStatistics | undefined;
  /** Read through max(x, 0): see `foldReads`. */
  readonly rectified: boolean;
  /** The first row and column read, where a 1x1 convolution reads through a shift. */
  readonly offset: Size2D | undefined;
  /** What it reads needs a gradient. */
  readonly inputGradient: boolean;
  /** Images of the batch. */
  readonly batch: number;
}

export type Kernel<K extends OperatorKind> = (running: Running<K>, inputs: readonly Tensor[]) => Tensor;

const ACTIVATIONS: Readonly<Record<ActivationFunction, (tf: Tensorflow, x: Tensor4D) => Tensor>> = { relu, relu6 };

const images = (tensor: Tensor | undefined): Tensor4D => tensor as Tensor4D;

/** An axis of [N, C, H, W] in [N, H, W, C]; other ranks are laid out as in the graph. */
function physicalAxis(rank: number, axis: number): number {
  return rank === 4 ? [0, 3, 1, 2][axis]! : axis;
}

/** One entry a logical axis, in the order of the tensor's own axes. */
function physicalOrder<T>(values: readonly T[]): T[] {
  return values.length === 4 ? [values[0]!, values[2]!, values[3]!, values[1]!] : [...values];
}

/** The same before and after, which is all that the kernels here take. @throws DomainError UNIMPLEMENTED */
function evenPadding([top, left, bottom, right]: readonly [number, number, number, number], name: string): Size2D {
  if (top !== bottom || left !== right) throw unsupported(name, 'pads one side more than the other');
  return [top, left];
}

/** Axes of images stand in another order here than in graphs, so that other ranks would be broadcast along other axes. @throws DomainError UNIMPLEMENTED */
function sameRank(name: string, a: Tensor, b: Tensor): [Tensor, Tensor] {
  if (a.rank !== b.rank) throw unsupported(name, `broadcasts ${a.rank} axes to ${b.rank}`);
  return [a, b];
}

function unsupported(name: string, description: string): DomainError {
  return new DomainError('UNIMPLEMENTED', `${name} ${description}, which cannot be run here`, { reason: 'UNSUPPORTED_OPERATOR', metadata: { node: name } });
}

function pool(run: typeof maxPool): Kernel<'max_pool'> & Kernel<'avg_pool'> {
  return ({ pass, node }, [x]) => {
    const { kernel, stride, padding } = node.attributes;
    const [vertical, horizontal] = evenPadding(padding, node.name);
    if (kernel[0] !== kernel[1] || stride[0] !== stride[1] || vertical !== horizontal) throw unsupported(node.name, 'pools over windows that are not square');
    return run(pass.tf, images(x), { size: kernel[0], stride: stride[0], padding: vertical });
  };
}

const convolution: Kernel<'conv'> = ({ pass: { tf }, node, parameters, rectified, offset, inputGradient }, [x]) => {
  const { kernel, stride, padding, dilation, groups, outChannels, bias } = node.attributes;
  const input = images(x);
  const weight = parameters[0] as unknown as Tensor4D;
  const shifted = (y: Tensor4D): Tensor4D => (bias ? tf.add(y, parameters[1]!) : y);
  if (groups === 1 && dilation[0] === 1 && dilation[1] === 1) {
    const where = offset === undefined ? { padding: evenPadding(padding, node.name) } : { offset };
    return shifted(conv2d(tf, input, weight, { stride, inputGradient, rectified, ...where }));
  }
  if (groups !== input.shape[3] || outChannels !== groups) throw unsupported(node.name, `is a convolution in ${groups} groups`);
  if (dilation[0] !== dilation[1] || kernel[0] !== kernel[1] || stride[0] !== stride[1])
    throw unsupported(node.name, 'is a depthwise convolution that is not square');
  const around = evenPadding(padding, node.name)[0];
  return shifted(depthwiseConv2d(tf, input, weight, { stride: stride[0], padding: around, dilation: dilation[0], rectified }));
};

export const KERNELS: { readonly [K in OperatorKind]: Kernel<K> } = {
  conv: convolution,
  batch_norm: ({ pass, node, parameters, statistics }, [x]) => {
    const { tf, mode, statisticsMomentum } = pass;
    const [weight, bias] = parameters;
    return batchNorm(tf, images(x), {
      mode,
      ...(statisticsMomentum === undefined ? {} : { momentum: statisticsMomentum }),
      running: statistics!,
      epsilon: node.attributes.epsilon,
      ...(node.attributes.affine ? { affine: { weight: weight!, bias: bias! } } : {}),
    });
  },
  activation: ({ pass, node }, [x]) => ACTIVATIONS[node.attributes.function](pass.tf, images(x)),
  max_pool: pool(maxPool),
  avg_pool: pool(avgPool),
  global_avg_pool: ({ pass }, [x]) => globalAveragePool(pass.tf, images(x)).reshape([x!.shape[0], 1, 1, x!.shape[3]!]),
  linear: ({ pass, node, parameters }, [x]) => {
    const [weight, bias] = parameters;
    if (bias === undefined) throw unsupported(node.name, 'is a linear layer without bias');
    return linear(pass.tf, x!, weight!, bias);
  },
  add: ({ pass: { tf }, node }, [a, b]) => tf.add(...sameRank(node.name, a!, b!)),
  sum: ({ pass: { tf } }, terms) => (terms.length === 1 ? terms[0]! : tf.addN([...terms])),
  mul: ({ pass: { tf }, node }, [a, b]) => tf.mul(...sameRank(node.name, a!, b!)),
  concat: ({ pass: { tf }, node, type }, parts) => tf.concat([...parts], physicalAxis(type.shape.length, node.attributes.axis)),
  slice: ({ pass: { tf }, node }, [x]) => {
    const { axes, starts, ends, steps } = node.attributes;
    const rank = x!.rank;
    const [begin, size, step] = [new Array<number>(rank).fill(0), [...x!.shape], new Array<number>(rank).fill(1)];
    axes.forEach((axis, i) => {
      const at = physicalAxis(rank, axis);
      begin[at] = starts[i]!;
      size[at] = Math.min(ends[i]!, x!.shape[at]!) - starts[i]!;
      step[at] = steps[i]!;
    });
    const part = begin.every((start) => start === 0) && size.every((length, at) => length === x!.shape[at]) ? x! : tf.slice(x!, begin, size);
    if (step.every((each) => each === 1)) return part;
    if (rank !== 4 || step[0] !== 1 || step[3] !== 1) throw unsupported(node.name, 'leaves out channels');
    return subsample(tf, images(part), [step[1]!, step[2]!]);
  },
  pad: ({ pass: { tf }, node }, [x]) => {
    const { before, after } = node.attributes;
    const [first, last] = [physicalOrder(before), physicalOrder(after)];
    return tf.pad(
      x!,
      first.map((zeros, axis): [number, number] => [zeros, last[axis]!]),
    );
  },
  flatten: ({ pass: { tf } }, [x]) => {
    if (x!.rank !== 4) return tf.reshape(x!, [x!.shape[0], -1]);
    const [batch, height, width] = x!.shape as [number, number, number, number];
    const ordered = height * width === 1 ? x! : tf.transpose(x!, [0, 3, 1, 2]);
    return tf.reshape(ordered, [batch, -1]);
  },
  softmax: ({ pass: { tf }, node }, [x]) => {
    const axis = physicalAxis(x!.rank, node.attributes.axis);
    if (axis !== x!.rank - 1) throw unsupported(node.name, 'is a softmax along another axis than the last');
    return tf.softmax(x!);
  },
  identity: (_, [x]) => x!,
  zero: ({ pass: { tf }, type, batch }) => tf.zeros(physicalOrder(type.shape).map((size) => (size === 'N' ? batch : size))),
  opaque: ({ node }) => {
    const { operator } = node.attributes;
    throw new DomainError('UNIMPLEMENTED', `the operation ${operator} is known by its cost alone and cannot be trained`, {
      reason: 'OPAQUE_OPERATION',
      metadata: { operation: operator },
    });
  },
};
