import { RandomStream } from '@nat/base/random';
import type { Tensor, Tensorflow } from './tensorflow-types.ts';

export interface GradientCheckOptions {
  /** Step of the central difference. @default 1e-2 */
  readonly step?: number;
  /** Random directions an input. @default 4 */
  readonly directions?: number;
  readonly seed?: number;
}

/**
 * Compares the gradient of sum(f(inputs) * r), r random, with central differences along random directions, and returns the
 * largest error relative to the length of the gradient. For tests of layers.
 */
export function gradientError(tf: Tensorflow, f: (...inputs: Tensor[]) => Tensor, inputs: readonly Tensor[], options: GradientCheckOptions = {}): number {
  const { step = 1e-2, directions = 4, seed = 1 } = options;
  const random = RandomStream.of('gradient-check', seed);
  const normal = (shape: readonly number[]): Tensor =>
    tf.tensor(
      Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal()),
      [...shape],
    );
  return tf.tidy(() => {
    const weights = normal(f(...inputs).shape);
    const loss = (...args: Tensor[]): number => dot(f(...args), weights);
    const gradients = tf.grads((...args: Tensor[]) => tf.sum(tf.mul(f(...args), weights)))([...inputs]);
    let worst = 0;
    inputs.forEach((input, i) => {
      const length = Math.sqrt(dot(gradients[i]!, gradients[i]!));
      for (let k = 0; k < directions; k++) {
        const direction = normal(input.shape);
        const moved = (sign: number): number => loss(...inputs.map((tensor, j) => (j === i ? tf.add(tensor, tf.mul(direction, sign * step)) : tensor)));
        const difference = (moved(1) - moved(-1)) / (2 * step);
        worst = Math.max(worst, Math.abs(difference - dot(gradients[i]!, direction)) / Math.max(length, 1e-6));
      }
    });
    return worst;
  });
}

/** Sum of products, in double precision. */
function dot(a: Tensor, b: Tensor): number {
  const x = a.dataSync<'float32'>();
  const y = b.dataSync<'float32'>();
  return x.reduce((sum, value, i) => sum + value * y[i]!, 0);
}
