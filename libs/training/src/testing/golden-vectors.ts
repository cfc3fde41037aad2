/** Reads the golden vectors (fixtures/golden/README.md) for the conformance tests. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Architecture, Cell, PrimitiveName } from '@nat/cells';
import {
  fromNative,
  toChannelsFirst,
  toChannelsLast,
  type HostTensor,
  type NamedTensorMap,
  type Tensor,
  type Tensor4D,
  type Tensorflow,
  type Variable,
} from '@nat/tensor';
import { expect } from 'vitest';
import type { ParameterSpec, Weights } from '../executor/weights.ts';

const directory = process.env['NAT_GOLDEN_DIR'] ?? join(import.meta.dirname, '../../../../fixtures/golden');

export function readGolden(file: string): unknown {
  return JSON.parse(readFileSync(join(directory, file), 'utf8'));
}

/** Closed-form values: a shape, and what it is filled with. */
export interface FillSpec {
  readonly shape: readonly number[];
  readonly seed: number;
  readonly scale: number;
  readonly offset: number;
}
/** name, shape, seed, scale, offset. */
export type ParameterFill = readonly [name: string, shape: readonly number[], seed: number, scale: number, offset: number];
export interface GoldenTensor {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}
export interface Summary {
  readonly sum: number;
  readonly l2: number;
  readonly dot: number;
}
/** [operation, from, to] by the operation's position in its list, or by name. */
export type GoldenEdge = readonly [operation: number | string, from: number, to: number];

export function fill({ shape, seed, scale, offset }: FillSpec): HostTensor {
  const data = new Float32Array(shape.reduce((product, size) => product * size, 1));
  for (let k = 0; k < data.length; k++) {
    let x = (Math.imul(k + 1, 0x9e3779b1) + Math.imul(seed, 0x85ebca77)) >>> 0;
    x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d) >>> 0;
    x = Math.imul(x ^ (x >>> 12), 0x297a2d39) >>> 0;
    x = (x ^ (x >>> 15)) >>> 0;
    data[k] = offset + scale * (2 * ((x >>> 8) / 0x1000000) - 1);
  }
  return { shape, data };
}

/** The closed-form parameters of a case; a prefix puts them where the layer looks for them. */
export function fillParameters(parameters: readonly ParameterFill[], prefix = ''): Map<string, HostTensor> {
  return new Map(parameters.map(([name, shape, seed, scale, offset]) => [prefix + name, fill({ shape, seed, scale, offset })]));
}

/** A closed-form activation as an NHWC tensor. */
export function fillImages(tf: Tensorflow, spec: FillSpec): Tensor4D {
  const { shape, data } = toChannelsLast(fill(spec));
  return tf.tensor4d(data, shape as [number, number, number, number]);
}

/** The numbers of an NHWC tensor in the order of the files. */
export function hostImages(tensor: Tensor): HostTensor {
  return toChannelsFirst({ shape: tensor.shape, data: tensor.dataSync<'float32'>() });
}

export function host(tensor: Tensor): HostTensor {
  return { shape: tensor.shape, data: tensor.dataSync<'float32'>() };
}

/** |a - b| <= 2e-5 max|b|. */
export function expectTensor(actual: HostTensor, expected: GoldenTensor, what: string): void {
  expect(actual.shape, what).toEqual(expected.shape);
  const scale = expected.data.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  const worst = expected.data.reduce((max, value, i) => Math.max(max, Math.abs(value - actual.data[i]!)), 0);
  expect(worst, what).toBeLessThanOrEqual(2e-5 * scale);
}

/** Sum, length, and product with fill(4242, shape, 1, 0), each within `tolerance` of the length. */
export function expectSummary({ shape, data }: HostTensor, expected: Summary, what: string, tolerance = 5e-4): void {
  const probe = fill({ shape, seed: 4242, scale: 1, offset: 0 }).data;
  let [sum, squares, dot] = [0, 0, 0];
  for (let i = 0; i < data.length; i++) {
    sum += data[i]!;
    squares += data[i]! * data[i]!;
    dot += data[i]! * probe[i]!;
  }
  const allowed = tolerance * expected.l2 + 1e-12;
  expect(Math.abs(sum - expected.sum), `${what}: sum`).toBeLessThanOrEqual(allowed);
  expect(Math.abs(Math.sqrt(squares) - expected.l2), `${what}: l2`).toBeLessThanOrEqual(allowed);
  expect(Math.abs(dot - expected.dot), `${what}: dot`).toBeLessThanOrEqual(allowed);
}

/**
 * Every summary of the file. A gradient that only one side has is zero: the file leaves out parameters that no path leads
 * from to the loss, and a sampled path leaves out parameters whose output is multiplied by zero.
 */
export function expectGradients(actual: ReadonlyMap<string, HostTensor>, expected: Readonly<Record<string, Summary>>, prefix = ''): void {
  for (const [name, summary] of Object.entries(expected)) {
    const gradient = actual.get(prefix + name);
    if (gradient === undefined) expect(summary, name).toEqual({ sum: 0, l2: 0, dot: 0 });
    else expectSummary(gradient, summary, name);
  }
  for (const [name, { data }] of actual) {
    if (!Object.hasOwn(expected, name.slice(prefix.length)))
      expect(
        data.every((value) => value === 0),
        name,
      ).toBe(true);
  }
}

export function isTensor(value: GoldenTensor | Summary): value is GoldenTensor {
  return 'data' in value;
}

/** The layer asks for exactly the parameters of the case. */
export function expectParameters(specs: readonly ParameterSpec[], parameters: readonly ParameterFill[], prefix = ''): void {
  const byName = (entries: (readonly [string, readonly number[]])[]): unknown => Object.fromEntries(entries);
  expect(byName(specs.map(({ name, shape }) => [name, shape]))).toEqual(byName(parameters.map(([name, shape]) => [prefix + name, shape])));
}

/**
 * Value and gradients of a scalar function of the inputs and the named parameters, in PyTorch's layout. A parameter that does
 * not reach the scalar has the gradient 0.
 */
export function differentiate(
  tf: Tensorflow,
  weights: Weights,
  specs: readonly ParameterSpec[],
  inputs: readonly Tensor4D[],
  f: (...inputs: Tensor4D[]) => Tensor,
): { readonly value: number; readonly inputGradients: readonly HostTensor[]; readonly gradients: ReadonlyMap<string, HostTensor> } {
  const sources = inputs.map((input) => tf.variable(input));
  const parameters = weights.parameters(specs);
  const { value, grads } = tf.variableGrads(() => f(...(sources as unknown as Tensor4D[])).asScalar(), [...sources, ...parameters.values()]);
  const gradientOf = (variable: Variable): HostTensor => {
    const gradient = (grads as Partial<NamedTensorMap>)[variable.name];
    return gradient === undefined ? { shape: variable.shape, data: new Float32Array(variable.size) } : host(gradient);
  };
  const inputGradients = sources.map((source) => toChannelsFirst(gradientOf(source)));
  const gradients = new Map(specs.map((spec) => [spec.name, fromNative(spec.kind, gradientOf(parameters.get(spec.name)!))]));
  for (const source of sources) source.dispose();
  return { value: value.dataSync()[0]!, inputGradients, gradients };
}

/** The architecture of two lists of edges, as the official code builds cells from them. */
export function architectureOf(
  edges: { readonly normal: readonly GoldenEdge[]; readonly reduce: readonly GoldenEdge[] },
  options: {
    readonly primitives?: readonly string[];
    readonly normalConcat?: readonly number[];
    readonly reduceConcat?: readonly number[];
    readonly looseEnds?: boolean;
  } = {},
): Architecture {
  const cell = (name: string, list: readonly GoldenEdge[], concat: readonly number[] | undefined): Cell => {
    const nodes = 1 + Math.max(...list.map(([, , to]) => to));
    const all = Array.from({ length: nodes - 2 }, (_, i) => i + 2);
    return {
      name,
      inputs: 2,
      nodes,
      edges: list.map(([operation, from, to]) => ({
        from,
        to,
        operation: { kind: 'primitive', name: (typeof operation === 'string' ? operation : options.primitives![operation]!) as PrimitiveName },
      })),
      output: options.looseEnds === true ? { kind: 'loose-ends' } : { kind: 'concat', nodes: concat ?? all },
    };
  };
  return { cells: [cell('normal', edges.normal, options.normalConcat), cell('reduce', edges.reduce, options.reduceConcat)], skeleton: { kind: 'repeated' } };
}
