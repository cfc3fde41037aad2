import { RandomStream } from '@nat/base/random';
import { describe, expect, it } from 'vitest';
import { batchesInOrder, drawBatch, readBatch, trainingBatches } from './batches.ts';
import { splitDataset, splitForSearch, type ImageDataset } from './image-dataset.ts';

/** Six images of 2x2x3 in frames of 4x4: pixel value = 10*image + position. */
function tinyDataset(overrides: Partial<ImageDataset> = {}): ImageDataset {
  const pixels = Uint8Array.from({ length: 6 * 12 }, (_, i) => 10 * Math.floor(i / 12) + (i % 12));
  const pool = { count: 6, labels: Uint8Array.of(0, 1, 2, 3, 4, 5), pixels, stride: 12, offset: 0, planes: 3, height: 2, width: 2 } as const;
  return {
    name: 'mnist',
    classes: 10,
    imageSize: 4,
    mean: [0, 0, 0],
    deviation: [1 / 255, 1 / 255, 1 / 255],
    mirrored: true,
    train: pool,
    test: pool,
    ...overrides,
  };
}

describe('splitForSearch', () => {
  const large = (): ImageDataset => ({ ...tinyDataset(), train: { ...tinyDataset().train, count: 100 } });

  it('sets images aside first and splits the rest 40 to 60, each image once, always alike', () => {
    const { selection, weights, policy, test } = splitForSearch(large(), 'set-aside');
    expect([selection, weights, policy, test].map(({ indices }) => indices.length)).toEqual([10, 36, 54, 6]);
    expect(new Set([selection, weights, policy].flatMap(({ indices }) => [...indices])).size).toBe(100);
    expect(splitForSearch(large(), 'set-aside').policy.indices).toEqual(policy.indices);
  });

  it('splits all of them 40 to 60 of the official code', () => {
    const { selection, weights, policy } = splitForSearch(large(), 'official');
    expect([selection, weights, policy].map(({ indices }) => indices.length)).toEqual([0, 40, 60]);
    expect(new Set([weights, policy].flatMap(({ indices }) => [...indices])).size).toBe(100);
  });
});

describe('splitDataset', () => {
  it('holds out the stated share, disjoint from training, the same for the same seed', () => {
    const splits = splitDataset(tinyDataset(), { seed: 3, validationFraction: 0.5 });
    expect(splits.train.indices.length).toBe(3);
    expect(splits.validation.indices.length).toBe(3);
    expect([...splits.train.indices, ...splits.validation.indices].sort()).toEqual([0, 1, 2, 3, 4, 5]);
    expect(splits.test.indices.length).toBe(6);
    expect(splitDataset(tinyDataset(), { seed: 3, validationFraction: 0.5 })).toEqual(splits);
  });

  it('gives a prefix of the same images under a limit', () => {
    const whole = splitDataset(tinyDataset(), { seed: 3, validationFraction: 0.5 });
    const limited = splitDataset(tinyDataset(), { seed: 3, validationFraction: 0.5, limit: { train: 2, validation: 1, test: 2 } });
    expect([...limited.train.indices]).toEqual([...whole.train.indices].slice(0, 2));
    expect([...limited.validation.indices]).toEqual([...whole.validation.indices].slice(0, 1));
    expect(limited.test.indices.length).toBe(2);
  });

  it('refuses a share that leaves nothing', () => {
    expect(() => splitDataset(tinyDataset(), { seed: 1, validationFraction: 1 })).toThrow(/validationFraction/);
    expect(() => splitDataset(tinyDataset(), { seed: 1, limit: { train: 0 } })).toThrow(/limit.train/);
  });
});

describe('readBatch', () => {
  const split = { dataset: tinyDataset(), pool: tinyDataset().train, indices: Uint32Array.of(2, 0) };

  it('centres smaller images and turns planes into channels', async () => {
    const batch = await readBatch(split, [0]);
    expect([...batch.labels]).toEqual([2]);
    const at = (y: number, x: number, channel: number): number => Math.round(batch.images[(y * 4 + x) * 3 + channel]!);
    expect([at(1, 1, 0), at(1, 2, 0), at(2, 1, 0), at(2, 2, 0)]).toEqual([20, 21, 22, 23]);
    expect([at(1, 1, 1), at(1, 1, 2)]).toEqual([24, 28]);
    expect([at(0, 0, 0), at(3, 3, 2), at(1, 0, 1)]).toEqual([0, 0, 0]);
  });

  it('normalises by mean and deviation, padding included', async () => {
    const dataset = tinyDataset({ mean: [0.5, 0.5, 0.5], deviation: [0.25, 0.25, 0.25] });
    const batch = await readBatch({ ...split, dataset }, [0]);
    expect(batch.images[0]).toBeCloseTo(-2, 5);
    expect(batch.images[(1 * 4 + 1) * 3]).toBeCloseTo((20 / 255 - 0.5) / 0.25, 5);
  });

  it('only shifts and mirrors when it augments', async () => {
    const random = RandomStream.of(5);
    const seen = new Set<string>();
    for (let i = 0; i < 300; i++) {
      const { images } = await readBatch(split, [1], random);
      const red = Array.from({ length: 16 }, (_, pixel) => Math.round(images[pixel * 3]!));
      const kept = red.filter((value) => value !== 0).sort();
      expect([1, 2, 3].filter((value) => kept.includes(value))).toEqual(kept);
      seen.add(red.join());
    }
    expect(seen.size).toBeGreaterThan(30);
    expect((await readBatch(split, [1], RandomStream.of(9))).images).toEqual((await readBatch(split, [1], RandomStream.of(9))).images);
  });

  it('never mirrors digits', async () => {
    const digits = { ...split, dataset: tinyDataset({ mirrored: false }) };
    const random = RandomStream.of(5);
    for (let i = 0; i < 200; i++) {
      const { images } = await readBatch(digits, [0], random);
      for (let pixel = 0; pixel < 16; pixel++)
        if (Math.round(images[pixel * 3]!) === 20 && pixel % 4 < 3) expect([21, 0]).toContain(Math.round(images[(pixel + 1) * 3]!));
    }
  });

  it('erases one square an image, cut off at the border, and leaves the rest as it is without', async () => {
    const dataset = tinyDataset({ mean: [0.5, 0.5, 0.5] }); // no pixel is 0 after normalisation but an erased one
    const large = { ...split, dataset };
    const sizes = new Set<number>();
    const random = RandomStream.of(5);
    for (let i = 0; i < 300; i++) {
      const { images } = await readBatch(large, [0], random, 2);
      const erased = Array.from({ length: 16 }, (_, pixel) => [0, 1, 2].every((channel) => images[pixel * 3 + channel] === 0));
      const pixels = erased.flatMap((is, pixel) => (is ? [pixel] : []));
      const [rows, columns] = [new Set(pixels.map((pixel) => Math.floor(pixel / 4))), new Set(pixels.map((pixel) => pixel % 4))];
      expect(pixels).toHaveLength(rows.size * columns.size);
      sizes.add(pixels.length);
    }
    expect([...sizes].sort()).toEqual([1, 2, 4]);
    const cut = (await readBatch(large, [0], RandomStream.of(9), 1)).images;
    const whole = (await readBatch(large, [0], RandomStream.of(9))).images;
    expect(cut.filter((value, i) => value !== whole[i])).toHaveLength(3);
    expect(await readBatch(large, [0], undefined, 2)).toEqual(await readBatch(large, [0]));
  });

  it('refuses positions outside the split', async () => {
    await expect(readBatch(split, [2])).rejects.toThrow(RangeError);
  });
});

describe('batches', () => {
  const split = splitDataset(tinyDataset(), { seed: 1, validationFraction: 1 / 6 }).train;

  it('gives every image once in order', async () => {
    expect((await Array.fromAsync(batchesInOrder(split, 2))).flatMap((batch) => [...batch.labels])).toEqual([...split.indices]);
    expect((await Array.fromAsync(batchesInOrder(split, 2))).map((batch) => batch.size)).toEqual([2, 2, 1]);
  });

  it('shuffles an epoch and leaves the rest out', async () => {
    const batches = (batchSize: number, seed: number) => Array.fromAsync(trainingBatches(split, { batchSize, random: RandomStream.of(seed), augment: false }));
    const epoch = async (seed: number): Promise<number[]> => (await batches(2, seed)).flatMap(({ labels }) => [...labels]);
    const first = await epoch(1);
    expect(first.length).toBe(4);
    expect(new Set(first).size).toBe(4);
    expect(await epoch(1)).toEqual(first);
    expect(new Set((await Promise.all([1, 2, 3, 4, 5, 6].map(epoch))).map((labels) => labels.join())).size).toBeGreaterThan(1);
    expect((await batches(64, 1)).map(({ size }) => size)).toEqual([5]);
  });

  it('draws distinct images uniformly', async () => {
    const counts = new Map<number, number>();
    for (let i = 0; i < 2000; i++) {
      const { labels } = await drawBatch(split, { batchSize: 2, random: RandomStream.of('draw', i), augment: false });
      expect(new Set(labels).size).toBe(2);
      for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
    }
    for (const count of counts.values()) expect(Math.abs(count - 800)).toBeLessThan(120);
    expect(counts.size).toBe(5);
  });
});
