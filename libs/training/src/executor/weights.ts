import { RandomStream } from '@nat/base/random';
import { fromNative, toNative, type HostTensor, type RunningStatistics, type Tensorflow, type Variable, type WeightKind } from '@nat/tensor';

/** A parameter by its official name, with the shape that PyTorch gives it. */
export interface ParameterSpec {
  readonly name: string;
  readonly kind: WeightKind;
  readonly shape: readonly number[];
  /** `uniform`: U(-b, b), b = 1 / sqrt(fanIn), as torch initialises convolutions and linear layers. */
  readonly initial: { readonly kind: 'uniform'; readonly fanIn: number } | { readonly kind: 'constant'; readonly value: number };
}

/** Running mean and variance of a batch normalisation, by their keys. */
export interface StatisticsSpec {
  readonly mean: string;
  readonly variance: string;
  readonly channels: number;
}

/**
 * The numbers of a network, by official name: parameters and running statistics. They come into being when they are first
 * asked for: as restored, or drawn from (seed, name), so what a network starts with does not depend on what was used before.
 */
export class Weights {
  readonly #tf: Tensorflow;
  readonly #seed: number;
  readonly #parameters = new Map<string, { readonly spec: ParameterSpec; readonly variable: Variable }>();
  readonly #statistics = new Map<string, { readonly spec: StatisticsSpec; readonly statistics: RunningStatistics }>();
  #restored: ReadonlyMap<string, HostTensor> = new Map();

  constructor(tf: Tensorflow, seed: number) {
    this.#tf = tf;
    this.#seed = seed;
  }

  parameter(spec: ParameterSpec): Variable {
    const known = this.#parameters.get(spec.name);
    if (known !== undefined) return known.variable;
    const { shape, data } = toNative(spec.kind, this.#restored.get(spec.name) ?? this.#draw(spec));
    const variable = this.#variable(data, shape, true);
    this.#parameters.set(spec.name, { spec, variable });
    return variable;
  }

  parameters(specs: readonly ParameterSpec[]): Map<string, Variable> {
    return new Map(specs.map((spec) => [spec.name, this.parameter(spec)]));
  }

  /** Running mean 0 and variance 1 of a batch normalisation at first; both [channels]. */
  statistics(spec: StatisticsSpec): RunningStatistics {
    const known = this.#statistics.get(spec.mean);
    if (known !== undefined) return known.statistics;
    const vector = (key: string, initial: number): Variable =>
      this.#variable(this.#restored.get(key)?.data ?? new Float32Array(spec.channels).fill(initial), [spec.channels], false);
    const statistics = { mean: vector(spec.mean, 0), variance: vector(spec.variance, 1) };
    this.#statistics.set(spec.mean, { spec, statistics });
    return statistics;
  }

  /** Everything that has come into being or was restored, under its official name and in PyTorch's layout. */
  export(): Map<string, HostTensor> {
    const tensors = new Map(this.#restored);
    const host = (variable: Variable): HostTensor => ({ shape: variable.shape, data: variable.dataSync<'float32'>().slice() });
    for (const [name, { spec, variable }] of this.#parameters) tensors.set(name, fromNative(spec.kind, host(variable)));
    for (const { spec, statistics } of this.#statistics.values()) {
      tensors.set(spec.mean, host(statistics.mean));
      tensors.set(spec.variance, host(statistics.variance));
    }
    return tensors;
  }

  /** Replaces everything. */
  restore(tensors: ReadonlyMap<string, HostTensor>): void {
    this.dispose();
    this.#restored = new Map(tensors);
  }

  dispose(): void {
    for (const { variable } of this.#parameters.values()) variable.dispose();
    for (const { statistics } of this.#statistics.values()) this.#tf.dispose([statistics.mean, statistics.variance]);
    this.#parameters.clear();
    this.#statistics.clear();
    this.#restored = new Map();
  }

  #draw({ name, shape, initial }: ParameterSpec): HostTensor {
    const data = new Float32Array(shape.reduce((product, size) => product * size, 1));
    if (initial.kind === 'constant') return { shape, data: data.fill(initial.value) };
    const random = RandomStream.of(this.#seed, 'initial', name);
    const bound = 1 / Math.sqrt(initial.fanIn);
    for (let i = 0; i < data.length; i++) data[i] = bound * (random.uint32() / 0x8000_0000 - 1);
    return { shape, data };
  }

  #variable(data: Float32Array, shape: readonly number[], trainable: boolean): Variable {
    return this.#tf.tidy(() => this.#tf.variable(this.#tf.tensor(data, [...shape]), trainable));
  }
}
