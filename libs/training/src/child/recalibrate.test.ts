import { lower, zooArchitecture } from '@nat/cells';
import { batchesInOrder, splitDataset } from '@nat/datasets';
import { loadTensorflow } from '@nat/tensor';
import { RandomStream } from '@nat/base/random';
import { describe, expect, it } from 'vitest';
import { buildNetwork } from '../executor/network.ts';
import { imagesOf } from '../executor/training-step.ts';
import { Weights } from '../executor/weights.ts';
import { stripedImages } from '../testing/striped-images.ts';
import { recalibrate } from './recalibrate.ts';

const tf = loadTensorflow();

describe('recalibrate', () => {
  it.each(['DARTS', 'ResBlock'])('gives %s the statistics of its images, whatever it had before', async (name) => {
    const network = buildNetwork(lower(zooArchitecture(name), { channels: 4, layers: 3, imageSize: 8, classes: 3 }));
    const weights = new Weights(tf, 3);
    const splits = splitDataset(stripedImages({ train: 96, test: 12 }), { seed: 1, validationFraction: 0.1 });
    const [batch] = await Array.fromAsync(batchesInOrder(splits.train, splits.train.indices.length));
    const logits = (mode: 'eval' | 'batch'): Float32Array =>
      tf.tidy(() => network.apply({ tf, weights, mode }, imagesOf(tf, batch!)).logits.dataSync<'float32'>().slice());
    // By the batch: what statistics of just these images give, but for the variance, which is estimated without bias.
    const expected = logits('batch');
    const largest = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    const distance = (values: Float32Array): number => values.reduce((max, value, i) => Math.max(max, Math.abs(value - expected[i]!)), 0) / largest;
    expect(distance(logits('eval'))).toBeGreaterThan(0.3);
    const before = tf.memory().numTensors;
    await recalibrate({ tf, network, weights }, splits.train, RandomStream.of(1));
    expect(distance(logits('eval'))).toBeLessThan(0.05);
    expect(tf.memory().numTensors).toBe(before);
    weights.dispose();
  });
});
