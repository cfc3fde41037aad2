import {
  ACTIVATION_FUNCTIONS,
  imageShape,
  weightSpecs,
  type ActivationFunction,
  type Attributes,
  type ConvolutionAttributes,
  type GraphBuilder,
  type OperatorKind,
  type Padding2D,
  type Size2D,
  type TensorType,
  type Value,
} from '@nat/graph';

/** What stands before or after a convolution. */
export type Activation = ActivationFunction | 'none';

/** Names of activation functions. */
export const ACTIVATION_NAMES = Object.keys(ACTIVATION_FUNCTIONS) as readonly ActivationFunction[];

/** All of `Activation`. */
export const ACTIVATIONS: readonly Activation[] = [...ACTIVATION_NAMES, 'none'];

export interface ModuleNames {
  /** The module that nodes belong to. Unique in the graph. */
  readonly module: string;
  /** What names of nodes begin with. @default the module */
  readonly name?: string;
  /** What weight keys begin with, where modules share theirs. @default the name */
  readonly keys?: string;
}

export interface ConvolutionOptions {
  /** @default 1 */
  readonly stride?: number | Size2D;
  /** @default keeps the size at stride 1: dilation (kernel - 1) / 2 on every side */
  readonly padding?: Padding2D;
  /** @default 1 */
  readonly dilation?: number;
  /** @default 1 */
  readonly groups?: number;
}

/** Adds the nodes of one module to a graph. Names and weight keys begin with the module's, as PyTorch's do. */
export class ModuleBuilder {
  readonly #builder: GraphBuilder;
  readonly #names: Required<ModuleNames>;

  constructor(builder: GraphBuilder, { module, name = module, keys = name }: ModuleNames) {
    this.#builder = builder;
    this.#names = { module, name, keys };
  }

  typeOf(value: Value): TensorType {
    return this.#builder.typeOf(value);
  }

  /** Channels of a batch of images. */
  channelsOf(value: Value): number {
    return imageShape(this.typeOf(value))[0];
  }

  /** Adds a node whose name, and whose weights' keys, end with `name`; an empty one adds nothing. */
  node<K extends OperatorKind>(op: K, name: string, attributes: Attributes[K], inputs: readonly Value[]): Value {
    const suffix = name === '' ? '' : `.${name}`;
    const { module, name: prefix, keys } = this.#names;
    const types = inputs.map((input) => this.#builder.typeOf(input));
    const weights = weightSpecs({ op, attributes }, types).map(({ role }) => `${keys}${suffix}.${role}`);
    return this.#builder.node(op, prefix + suffix, attributes, inputs, { module, weights });
  }

  /** x itself for `none`. */
  activation(name: string, x: Value, kind: Activation = 'relu'): Value {
    return kind === 'none' ? x : this.node('activation', name, { function: kind }, [x]);
  }

  /** A convolution without bias. */
  convolution(name: string, x: Value, outChannels: number, kernel: number | Size2D, options: ConvolutionOptions = {}): Value {
    const { stride = 1, dilation = 1, groups = 1 } = options;
    const [height, width] = typeof kernel === 'number' ? [kernel, kernel] : kernel;
    const [vertical, horizontal] = [(dilation * (height - 1)) / 2, (dilation * (width - 1)) / 2];
    const attributes: ConvolutionAttributes = {
      outChannels,
      kernel: [height, width],
      stride: typeof stride === 'number' ? [stride, stride] : stride,
      padding: options.padding ?? [vertical, horizontal, vertical, horizontal],
      dilation: [dilation, dilation],
      groups,
      bias: false,
    };
    return this.node('conv', name, attributes, [x]);
  }

  /** One kernel a channel, "same" padding. */
  depthwise(name: string, x: Value, kernel: number, options: Omit<ConvolutionOptions, 'groups'> = {}): Value {
    const channels = this.channelsOf(x);
    return this.convolution(name, x, channels, kernel, { ...options, groups: channels });
  }

  batchNorm(name: string, x: Value, affine: boolean): Value {
    return this.node('batch_norm', name, { affine, epsilon: 1e-5 }, [x]);
  }

  pool(name: string, kind: 'max_pool' | 'avg_pool', x: Value, kernel: number, stride: number, padding = 0): Value {
    return this.node(kind, name, { kernel: [kernel, kernel], stride: [stride, stride], padding: [padding, padding, padding, padding] }, [x]);
  }

  /** y = W x + b on features, images flattened. */
  classifier(x: Value, outFeatures: number): Value {
    const features = this.typeOf(x).shape.length === 2 ? x : this.node('flatten', 'flatten', {}, [x]);
    return this.node('linear', '', { outFeatures, bias: true }, [features]);
  }

  /**
   * [activation], two 1x1 convolutions with stride 2, on x and on x[1:, 1:], concatenated, BN: together they read the pixels of both diagonals. An
   * image of odd size first gets a zero row and column at the top left.
   */
  factorizedReduce(x: Value, outChannels: number, affine: boolean, before: Activation = 'relu'): Value {
    const [, height, width] = imageShape(this.typeOf(x));
    const rectified = this.activation('relu', x, before);
    const rest = [height % 2, width % 2] as const;
    const padded = rest[0] + rest[1] === 0 ? rectified : this.node('pad', 'pad', { before: [0, 0, ...rest], after: [0, 0, 0, 0] }, [rectified]);
    const [, paddedHeight, paddedWidth] = imageShape(this.typeOf(padded));
    const shifted =
      rest[0] === 1 && rest[1] === 1
        ? rectified
        : this.node('slice', 'shift', { axes: [2, 3], starts: [1, 1], ends: [paddedHeight, paddedWidth], steps: [1, 1] }, [padded]);
    const half = Math.floor(outChannels / 2);
    const halves = [this.convolution('conv_1', padded, half, 1, { stride: 2 }), this.convolution('conv_2', shifted, outChannels - half, 1, { stride: 2 })];
    return this.batchNorm('bn', this.node('concat', 'concat', { axis: 1 }, halves), affine);
  }
}
