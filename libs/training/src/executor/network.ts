/** A placed network as tensors: one builder for evaluation networks, ImageNet networks, supernets, NAS-Bench-201 and real networks. */
import type { AuxiliaryHead, Network, NetworkHead, PrimitiveName, ResidualReduction } from '@nat/cells';
import { globalAveragePool, linear, relu, type Tensor, type Tensor2D, type Tensor4D } from '@nat/tensor';
import { buildCell, type CellLayer } from './cell.ts';
import { activation, conv, norm, pointwise, pool, sequence, type Layer, type Pass } from './layer.ts';
import { convLayers } from './operations.ts';
import type { ParameterSpec } from './weights.ts';

export interface BuildOptions {
  /** Build the auxiliary head, where the network has one. @default false */
  readonly auxiliary?: boolean;
  /** A supernet's operations in its order; required for networks that share weights. */
  readonly sharedOperations?: readonly PrimitiveName[];
}

export interface NetworkOutput {
  /** [batch, classes] */
  readonly logits: Tensor2D;
  /** [batch, classes], in training where the auxiliary head was built. */
  readonly auxiliaryLogits?: Tensor2D;
}

/** A network as a function of images [batch, size, size, 3]. Parameters have their official names. */
export interface NetworkLayer {
  readonly parameters: readonly ParameterSpec[];
  apply(pass: Pass, images: Tensor4D): NetworkOutput;
}

/** @throws DomainError UNIMPLEMENTED where an operation is known by its cost alone */
export function buildNetwork(network: Network, options: BuildOptions = {}): NetworkLayer {
  if (network.shared && options.sharedOperations === undefined) throw new RangeError('a supernet is built from its list of operations');
  const stems = buildStems(network);
  const cellOptions = {
    affine: network.norm === 'affine',
    ...(network.shared && options.sharedOperations !== undefined ? { sharedOperations: options.sharedOperations } : {}),
  };
  const blocks = network.blocks.map((block, i) => ({
    reads: block.reads,
    layer: block.kind === 'cell' ? buildCell(`cells.${i}`, block, cellOptions) : residualReduction(`cells.${i}`, block),
  }));
  const auxiliary =
    options.auxiliary === true && network.auxiliary !== undefined ? { reads: network.auxiliary.reads, layer: auxiliaryHead(network.auxiliary) } : undefined;
  const head = buildHead(network.head);
  const parts = [...stems, ...blocks.map(({ layer }) => layer), ...(auxiliary === undefined ? [] : [auxiliary.layer]), head];
  return {
    parameters: parts.flatMap(({ parameters }) => parameters),
    apply: (pass, images) => {
      const { tf } = pass;
      const stemValues: Tensor4D[] = [];
      for (const stem of stems) stemValues.push(tf.tidy(() => stem.apply(pass, stemValues.at(-1) ?? images)));
      const values: Tensor4D[] = [];
      const read = (index: number): Tensor4D => (index < 0 ? stemValues.at(index)! : values[index]!);
      let auxiliaryLogits: Tensor2D | undefined;
      blocks.forEach(({ reads, layer }, i) => {
        const value = tf.tidy(() => layer.apply(pass, reads.map(read)));
        values.push(value);
        if (auxiliary?.reads === i && pass.mode !== 'eval') {
          // The official head rectifies its input in place, so in training whoever reads this block sees it rectified.
          values[i] = relu(tf, value);
          auxiliaryLogits = auxiliary.layer.apply(pass, values[i]);
        }
      });
      const logits = head.apply(pass, values.at(-1) ?? read(-1));
      return auxiliaryLogits === undefined ? { logits } : { logits, auxiliaryLogits };
    },
  };
}

/** The stem; an ImageNet network has two, `stem0` of two convolutions and `stem1`, of which cells read both. */
function buildStems({ kind, stem }: Network): readonly Layer[] {
  const layers = stem.map((layer, i) => convLayers(layer, i === 0));
  if (kind === 'imagenet') return [sequence('stem0', layers.slice(0, 2).flat()), sequence('stem1', layers.slice(2).flat())];
  return [sequence('stem', layers.flat())];
}

interface HeadLayer {
  readonly parameters: readonly ParameterSpec[];
  apply(pass: Pass, x: Tensor4D): Tensor2D;
}

/** [1x1 convolution] - [BN] - [activation] - global average pool - linear. */
function buildHead({ input, conv: convolution, norm: normalised, activation: last, classifier }: NetworkHead): HeadLayer {
  const features = convolution === undefined ? undefined : sequence('head', convLayers(convolution));
  const final = sequence('lastact', [...(normalised ? [norm(convolution?.outChannels ?? input.channels, true)] : []), activation(last)]);
  const classify = linearLayer('classifier', classifier.inFeatures, classifier.outFeatures);
  return {
    parameters: [...(features?.parameters ?? []), ...final.parameters, ...classify.parameters],
    apply: (pass, x) => classify.apply(pass, globalAveragePool(pass.tf, final.apply(pass, features?.apply(pass, x) ?? x))),
  };
}

/** The auxiliary classifier of the official evaluation network; its input is rectified already. */
function auxiliaryHead({ input, outFeatures }: AuxiliaryHead): HeadLayer {
  const features = sequence('auxiliary_head.features', [
    activation('none'),
    pool('avg', { size: 5, stride: 3 }),
    pointwise(input.channels, 128),
    norm(128, true),
    activation(),
    conv(128, 768, 2),
    norm(768, true),
    activation(),
  ]);
  const classify = linearLayer('auxiliary_head.classifier', 768, outFeatures);
  return {
    parameters: [...features.parameters, ...classify.parameters],
    apply: (pass, x) => classify.apply(pass, pass.tf.reshape(features.apply(pass, x), [x.shape[0], -1])),
  };
}

function linearLayer(
  name: string,
  inFeatures: number,
  outFeatures: number,
): { readonly parameters: readonly ParameterSpec[]; apply(pass: Pass, x: Tensor): Tensor2D } {
  const initial = { kind: 'uniform', fanIn: inFeatures } as const;
  const weight: ParameterSpec = { name: `${name}.weight`, kind: 'linear', shape: [outFeatures, inFeatures], initial };
  const bias: ParameterSpec = { name: `${name}.bias`, kind: 'vector', shape: [outFeatures], initial };
  return { parameters: [weight, bias], apply: ({ tf, weights }, x) => linear(tf, x, weights.parameter(weight), weights.parameter(bias)) };
}

/** NAS-Bench-201's reduction: two ReLU-Conv3x3-BN, and a 2x2 average pool with a 1x1 convolution beside them. */
function residualReduction(name: string, { a, b, input, output }: ResidualReduction): CellLayer {
  const first = sequence(`${name}.conv_a.op`, convLayers(a));
  const second = sequence(`${name}.conv_b.op`, convLayers(b));
  const shortcut = sequence(`${name}.downsample`, [pool('avg', { size: 2, stride: 2 }), pointwise(input.channels, output.channels)]);
  return {
    parameters: [first, second, shortcut].flatMap(({ parameters }) => parameters),
    apply: (pass, [x]) => pass.tf.add(second.apply(pass, first.apply(pass, x!)), shortcut.apply(pass, x!)),
  };
}
