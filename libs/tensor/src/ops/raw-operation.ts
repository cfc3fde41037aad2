import type { Tensor, Tensorflow } from '../tensorflow-types.ts';

/** An attribute of a TensorFlow operation: a list of integers, a string, a boolean, a float, an integer, or a data type. */
export type Attribute = readonly number[] | string | boolean | number | { readonly int: number } | { readonly type: 'float32' | 'int32' };

export const FLOAT = { type: 'float32' } as const;
export const INT = { type: 'int32' } as const;

interface NativeBackend {
  readonly binding: Readonly<Record<'TF_ATTR_INT' | 'TF_ATTR_STRING' | 'TF_ATTR_BOOL' | 'TF_ATTR_FLOAT' | 'TF_ATTR_TYPE' | 'TF_FLOAT' | 'TF_INT32', number>>;
  executeMultipleOutputs(name: string, attributes: readonly object[], inputs: readonly Tensor[], outputs: number): Tensor[];
}

/**
 * Runs one operation of libtensorflow by its own name, past TensorFlow.js. Nothing is recorded for gradients: call it inside
 * `differentiable`.
 */
export function runOperation(
  tf: Tensorflow,
  name: string,
  attributes: Readonly<Record<string, Attribute>>,
  inputs: readonly Tensor[],
  outputs: number,
): Tensor[] {
  const backend = tf.backend() as unknown as NativeBackend;
  const { binding } = backend;
  const encoded: object[] = [];
  for (const key in attributes) {
    const value = attributes[key]!;
    if (typeof value === 'string') encoded.push({ name: key, type: binding.TF_ATTR_STRING, value });
    else if (typeof value === 'boolean') encoded.push({ name: key, type: binding.TF_ATTR_BOOL, value });
    else if (typeof value === 'number') encoded.push({ name: key, type: binding.TF_ATTR_FLOAT, value });
    else if ('type' in value) encoded.push({ name: key, type: binding.TF_ATTR_TYPE, value: value.type === 'float32' ? binding.TF_FLOAT : binding.TF_INT32 });
    else encoded.push({ name: key, type: binding.TF_ATTR_INT, value: 'int' in value ? value.int : value });
  }
  return backend.executeMultipleOutputs(name, encoded, inputs, outputs);
}

/** An operation with one output. */
export function runOne(tf: Tensorflow, name: string, attributes: Readonly<Record<string, Attribute>>, inputs: readonly Tensor[]): Tensor {
  return runOperation(tf, name, attributes, inputs, 1)[0]!;
}

/**
 * A function with its own gradient: `forward` keeps what `backward` needs, `backward` gives one gradient an input.
 * TensorFlow.js builds some gradients from many slow operations (that of ReLU took 30 times as long as libtensorflow's).
 *
 * What was kept, and the gradient of the output, are freed as soon as they are used: TensorFlow.js itself holds every
 * gradient of a network until the last one is there, gigabytes for a supernet.
 */
export function differentiable<T extends Tensor>(
  tf: Tensorflow,
  inputs: readonly Tensor[],
  forward: (keep: (...tensors: Tensor[]) => void) => Tensor,
  backward: (outputGradient: T, kept: readonly Tensor[]) => Tensor[],
): T {
  const run = tf.customGrad((...args) => {
    const save = args.pop() as unknown as (tensors: Tensor[]) => void;
    const value = forward((...tensors) => {
      save(tensors);
    });
    const gradFunc = (dy: Tensor, kept: Tensor[]): Tensor[] => {
      const gradients = tf.tidy(() => backward(dy as T, kept));
      for (const used of [dy, ...kept]) if (!gradients.includes(used)) used.dispose();
      return gradients;
    };
    return { value, gradFunc };
  });
  return run(...inputs) as T;
}
