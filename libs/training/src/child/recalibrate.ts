import { trainingBatches, type ImageSplit } from '@nat/datasets';
import type { RandomStream } from '@nat/base/random';
import type { Tensorflow } from '@nat/tensor';
import { imagesOf } from '../executor/training-step.ts';
import type { Network } from '../executor/network.ts';
import type { Weights } from '../executor/weights.ts';

/** Images whose statistics stand for those of all. */
const IMAGES = 2048;
const BATCH = 128;

/**
 * Gives batch normalisations the running statistics of this network, in place of those that their weights came with: an edit changes what all later ones
 * read, and with the source's statistics an edited network is near chance. They are the means over the batches of 2,048 training images.
 */
export async function recalibrate(
  { tf, network, weights }: { readonly tf: Tensorflow; readonly network: Network; readonly weights: Weights },
  split: ImageSplit,
  random: RandomStream,
): Promise<void> {
  const batchSize = Math.min(BATCH, split.indices.length);
  let batches = 0;
  for await (const batch of trainingBatches(split, { batchSize, random, augment: false })) {
    // Of n batches each counts 1/n, and the statistics from before nothing.
    const statisticsMomentum = 1 / (batches + 1);
    tf.tidy(() => {
      network.apply({ tf, weights, mode: 'train', statisticsMomentum }, imagesOf(tf, batch));
    });
    batches++;
    if (batches * batchSize >= IMAGES) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
