/** Layers: what they are made of, and what they compute. A layer owns no numbers; it finds them by name in a pass's weights. */
import type { Activation } from '@nat/cells';
import {
  avgPool,
  batchNorm,
  conv2d,
  depthwiseConv2d,
  maxPool,
  relu,
  relu6,
  type BatchNormMode,
  type PoolOptions,
  type Size2D,
  type Tensor,
  type Tensor4D,
  type Tensorflow,
} from '@nat/tensor';
import type { ParameterSpec, Weights } from './weights.ts';

/** Regularisation by dropped edges (Larsson et al. 2017): y / keep * mask, one 0/1 a sample and edge. */
export interface DropPath {
  /** Probability that an edge is kept. */
  readonly keep: number;
  /** 0/1 values [batch]; asked once an edge that can be dropped, in the order of the edges. */
  readonly mask: (edge: number, batch: number) => Tensor;
}

/** One run through a network. */
export interface Pass {
  readonly tf: Tensorflow;
  readonly weights: Weights;
  readonly mode: BatchNormMode;
  /** Share of the batch in running statistics, in mode `train`. @default 0.1 */
  readonly statisticsMomentum?: number;
  /** Ignored in mode `eval`. */
  readonly dropPath?: DropPath;
}

/** A function of one NHWC tensor. */
export interface Layer {
  readonly parameters: readonly ParameterSpec[];
  apply(pass: Pass, x: Tensor4D): Tensor4D;
  /** apply(pass, relu(x)) without a tensor for relu(x), where the layer can. */
  readonly applyRectified?: (pass: Pass, x: Tensor4D) => Tensor4D;
}

/** A layer that still needs its name. */
export type LayerAt = (name: string) => Layer;

/** Layers one after the other; layer i is named `<name>.<i>`, as in torch.nn.Sequential. */
export function sequence(name: string, layers: readonly LayerAt[]): Layer {
  const named = layers.map((layer, i) => layer(`${name}.${i}`));
  const steps = foldRectifiers(named);
  return {
    parameters: named.flatMap(({ parameters }) => parameters),
    apply: (pass, x) =>
      steps.reduce((input, layer) => {
        const output = layer.apply(pass, input);
        // Gradients hold what they need of it themselves.
        if (input !== x && input !== output) input.dispose();
        return output;
      }, x),
  };
}

/** Each ReLU together with the layer that reads it, where that layer can. */
function foldRectifiers(layers: readonly Layer[]): Pick<Layer, 'apply'>[] {
  return layers.flatMap((layer, i) => {
    const next = layers[i + 1];
    if (layer === RELU && next?.applyRectified !== undefined) return [];
    const { applyRectified } = layer;
    return layers[i - 1] === RELU && applyRectified !== undefined ? [{ apply: applyRectified }] : [layer];
  });
}

/** A layer without numbers. */
export function stateless(apply: (pass: Pass, x: Tensor4D) => Tensor4D): LayerAt {
  const layer: Layer = { parameters: [], apply };
  return () => layer;
}

const RELU: Layer = { parameters: [], apply: ({ tf }, x) => relu(tf, x) };
const ACTIVATIONS: Readonly<Record<Activation, LayerAt>> = {
  relu: () => RELU,
  relu6: stateless(({ tf }, x) => relu6(tf, x)),
  none: stateless((_, x) => x),
};

/** max(x, 0), min(max(x, 0), 6), or x. */
export function activation(kind: Activation = 'relu'): LayerAt {
  return ACTIVATIONS[kind];
}

export interface ConvOptions {
  /** @default 1 */
  readonly stride?: number | Size2D;
  /** @default 0 */
  readonly padding?: number | Size2D;
  /** The layer reads images, which nothing differentiates. @default false */
  readonly readsImage?: boolean;
  /** As conv2d's. */
  readonly offset?: (height: number, width: number) => Size2D;
}

/** A convolution without bias. */
export function conv(
  inChannels: number,
  outChannels: number,
  kernel: number | Size2D,
  { stride = 1, padding = 0, readsImage = false, offset }: ConvOptions = {},
): LayerAt {
  const [height, width] = typeof kernel === 'number' ? [kernel, kernel] : kernel;
  return (name) => {
    const spec: ParameterSpec = {
      name: `${name}.weight`,
      kind: 'convolution',
      shape: [outChannels, inChannels, height, width],
      initial: { kind: 'uniform', fanIn: inChannels * height * width },
    };
    const apply = ({ tf, weights }: Pass, x: Tensor4D, rectified: boolean): Tensor4D => {
      const begin = offset === undefined ? {} : { offset: offset(x.shape[1], x.shape[2]) };
      return conv2d(tf, x, weights.parameter(spec) as unknown as Tensor4D, { stride, padding, inputGradient: !readsImage, rectified, ...begin });
    };
    return { parameters: [spec], apply: (pass, x) => apply(pass, x, false), applyRectified: (pass, x) => apply(pass, x, true) };
  };
}

/** A 1x1 convolution. */
export function pointwise(inChannels: number, outChannels: number, options: ConvOptions = {}): LayerAt {
  return conv(inChannels, outChannels, 1, options);
}

/** One kernel a channel, "same" padding. */
export function depthwise(
  channels: number,
  kernel: number,
  { stride = 1, dilation = 1 }: { readonly stride?: number; readonly dilation?: number } = {},
): LayerAt {
  const padding = (dilation * (kernel - 1)) / 2;
  return (name) => {
    const spec: ParameterSpec = {
      name: `${name}.weight`,
      kind: 'depthwise',
      shape: [channels, 1, kernel, kernel],
      initial: { kind: 'uniform', fanIn: kernel * kernel },
    };
    const apply = ({ tf, weights }: Pass, x: Tensor4D, rectified: boolean): Tensor4D =>
      depthwiseConv2d(tf, x, weights.parameter(spec) as unknown as Tensor4D, { stride, padding, dilation, rectified });
    return { parameters: [spec], apply: (pass, x) => apply(pass, x, false), applyRectified: (pass, x) => apply(pass, x, true) };
  };
}

/** Batch normalisation, with weight and bias (affine) or without. */
export function norm(channels: number, affine: boolean): LayerAt {
  return (name) => {
    const vector = (which: string, value: number): ParameterSpec => ({
      name: `${name}.${which}`,
      kind: 'vector',
      shape: [channels],
      initial: { kind: 'constant', value },
    });
    const weight = vector('weight', 1);
    const bias = vector('bias', 0);
    return {
      parameters: affine ? [weight, bias] : [],
      apply: ({ tf, weights, mode, statisticsMomentum }, x) =>
        batchNorm(tf, x, {
          mode,
          ...(statisticsMomentum === undefined ? {} : { momentum: statisticsMomentum }),
          running: weights.statistics(name, channels),
          ...(affine ? { affine: { weight: weights.parameter(weight), bias: weights.parameter(bias) } } : {}),
        }),
    };
  };
}

/** Maximum or mean over windows. */
export function pool(kind: 'max' | 'avg', options: PoolOptions): LayerAt {
  return stateless(({ tf }, x) => (kind === 'max' ? maxPool(tf, x, options) : avgPool(tf, x, options)));
}
