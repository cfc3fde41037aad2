/**
 * Operations of our own, compiled from `libs/tensor/native` when the project is set up: several times as fast as libtensorflow's for the
 * small channel counts of cells. On a GPU, and with NAT_KERNELS=off, libtensorflow's operations do the same.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { runOperation, type Attribute } from './raw-operation.ts';
import type { Tensor, Tensorflow } from '../tensorflow-types.ts';

/** Beside TensorFlow.js's own addon, whose libraries it shares. */
const FILE = path.join('lib', 'napi-v8', 'nat_kernels.node');

let loaded = false;

/** Registers the operations with the libtensorflow of this process, once. @param folder of the TensorFlow.js package */
export function loadKernels(folder: string): void {
  const file = path.join(folder, FILE);
  if (loaded || process.env['NAT_KERNELS'] === 'off' || !existsSync(file)) return;
  process.dlopen({ exports: {} }, file);
  loaded = true;
}

/** Whether operations run on our kernels: they are loaded, and tensors are on the CPU. */
export function hasKernels(tf: Tensorflow): boolean {
  return loaded && !(tf.backend() as unknown as { readonly isUsingGpuDevice: boolean }).isUsingGpuDevice;
}

/** Kernels by name, with their outputs. */
const OUTPUTS = {
  NatConv: 1,
  NatConvInputGrad: 1,
  NatConvKernelGrad: 1,
  NatDepthwise: 1,
  NatDepthwiseGrad: 2,
  NatPool: 1,
  NatPoolGrad: 1,
  NatBatchNorm: 3,
  NatBatchNormGrad: 3,
} as const;

export function runKernel(tf: Tensorflow, name: keyof typeof OUTPUTS, attributes: Readonly<Record<string, Attribute>>, inputs: readonly Tensor[]): Tensor[] {
  return runOperation(tf, name, attributes, inputs, OUTPUTS[name]);
}

/** One step of SGD for all parameters at once; `settings` [4]: momentum, weight decay, learning rate, clip norm (0: none). Gives parameters, then velocities. */
export function momentumStep(
  tf: Tensorflow,
  settings: Tensor,
  parameters: readonly Tensor[],
  velocities: readonly Tensor[],
  gradients: readonly Tensor[],
): Tensor[] {
  const count = parameters.length;
  return runOperation(tf, 'NatMomentumStep', { N: { int: count } }, [settings, ...parameters, ...velocities, ...gradients], 2 * count);
}
