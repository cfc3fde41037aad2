/** How long a network takes to answer, measured. */
import { imageShape } from '@nat/graph';
import type { LoweredArchitecture } from '@nat/cells';
import type { Tensorflow } from '@nat/tensor';
import { buildNetwork } from './network.ts';
import { Weights } from './weights.ts';

export interface LatencyOptions {
  readonly tf: Tensorflow;
  readonly network: LoweredArchitecture;
  /** Images a pass. */
  readonly batchSize: number;
  /** Passes timed, after a fifth as many that are not. */
  readonly passes: number;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

/** Median of the milliseconds that a forward pass takes, with the threads that TensorFlow has. Weights do not matter, so fresh ones serve. */
export function forwardLatency({ tf, network, batchSize, passes, now }: LatencyOptions): number {
  const layers = buildNetwork(network);
  const weights = new Weights(tf, 0);
  const [channels, height, width] = imageShape(network.types[0]!);
  const images = tf.tensor4d(new Float32Array(batchSize * height * width * channels), [batchSize, height, width, channels]);
  try {
    const times = Array.from({ length: passes + Math.ceil(passes / 5) }, () => {
      const start = now();
      tf.tidy(() => layers.apply({ tf, weights, mode: 'eval' }, images).logits.dataSync());
      return now() - start;
    }).slice(-passes);
    return times.sort((a, b) => a - b)[Math.floor(passes / 2)]!;
  } finally {
    images.dispose();
    weights.dispose();
  }
}
