import { sizeOfShape, type HostTensor, type Tensor } from '@nat/tensor';
import type { RandomStream } from '@nat/base/random';

/** Parameters as tensors, by name. */
export type Parameters = Readonly<Record<string, Tensor>>;

/** How one parameter starts. */
export interface Initializer {
  readonly shape: readonly number[];
  readonly draw: (stream: RandomStream) => Float32Array;
}
export type Initializers = Record<string, Initializer>;

/** All zero. */
export function zeroInit(shape: readonly number[]): Initializer {
  return { shape, draw: () => new Float32Array(sizeOfShape(shape)) };
}

/** Uniform in [-bound, bound]. */
export function uniformInit(shape: readonly number[], bound: number): Initializer {
  return { shape, draw: (stream) => Float32Array.from({ length: sizeOfShape(shape) }, () => bound * (2 * stream.uniform() - 1)) };
}

/** Standard normal. */
export function normalInit(shape: readonly number[]): Initializer {
  return { shape, draw: (stream) => Float32Array.from({ length: sizeOfShape(shape) }, () => stream.normal()) };
}

/** Draws every parameter, in the order given. */
export function drawParameters(initializers: Initializers, stream: RandomStream): Map<string, HostTensor> {
  return new Map(Object.entries(initializers).map(([name, { shape, draw }]) => [name, { shape, data: draw(stream) }]));
}
