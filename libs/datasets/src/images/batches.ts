import { DomainError } from '@nat/base/errors';
import type { RandomStream } from '@nat/base/random';
import { readFiles, readPooled, type Augmentation, type ImageBatch } from './image-batch.ts';
import type { ImageSplit } from './image-dataset.ts';

/** Batches of files that are decoded while the one before them is used. Memory holds no more than these. */
const BATCHES_AHEAD = 2;

/**
 * The images at the given positions of a split. With `random` they are augmented: images in memory are cropped after padding by 4 pixels, those in
 * files to a random part as for ImageNet; both are mirrored where that keeps the label. `cutout` is the side in pixels of a square that is then erased.
 * @throws DomainError DATA_LOSS naming a file that is no image
 */
export async function readBatch(split: ImageSplit, positions: readonly number[], random?: RandomStream, cutout = 0): Promise<ImageBatch> {
  const batch = await batchesAt(split, [positions], random && { random, cutout }).next();
  return batch.value as ImageBatch;
}

/** Every image of a split once, in order; the last batch may be smaller. */
export async function* batchesInOrder(split: ImageSplit, batchSize: number): AsyncGenerator<ImageBatch> {
  checkBatchSize(batchSize);
  const { length } = split.indices;
  const batches = Array.from({ length: Math.ceil(length / batchSize) }, (_, batch) => {
    const from = batch * batchSize;
    return Array.from({ length: Math.min(batchSize, length - from) }, (_, i) => from + i);
  });
  yield* batchesAt(split, batches);
}

export interface TrainingBatchOptions {
  readonly batchSize: number;
  readonly random: RandomStream;
  readonly augment: boolean;
  /** As readBatch's. @default 0 */
  readonly cutout?: number;
}

/** One epoch: shuffled, augmented where asked; a last batch that is not full is left out unless it is the only one. */
export async function* trainingBatches(split: ImageSplit, { batchSize, random, augment, cutout = 0 }: TrainingBatchOptions): AsyncGenerator<ImageBatch> {
  checkBatchSize(batchSize);
  const order = random.shuffle(Array.from({ length: split.indices.length }, (_, i) => i));
  const steps = Math.max(1, Math.floor(order.length / batchSize));
  const batches = Array.from({ length: steps }, (_, step) => order.slice(step * batchSize, (step + 1) * batchSize));
  yield* batchesAt(split, batches, augment ? { random, cutout } : undefined);
}

/** A batch drawn without replacement, named by its stream alone: the same stream gives the same images. */
export function drawBatch(split: ImageSplit, { batchSize, random, augment, cutout }: TrainingBatchOptions): Promise<ImageBatch> {
  checkBatchSize(batchSize);
  const chosen = new Set<number>();
  const size = Math.min(batchSize, split.indices.length);
  // Floyd's sampling: no shuffle of the whole split for one batch.
  for (let i = split.indices.length - size; i < split.indices.length; i++) {
    const position = random.integer(i + 1);
    chosen.add(chosen.has(position) ? i : position);
  }
  return readBatch(split, [...chosen], augment ? random : undefined, cutout);
}

/** Batches of images in memory are made when they are asked for; those of files ahead, with random numbers of their own. */
async function* batchesAt(split: ImageSplit, batches: readonly (readonly number[])[], augmentation?: Augmentation): AsyncGenerator<ImageBatch> {
  const { pool } = split;
  if (!('read' in pool)) {
    for (const positions of batches) yield readPooled(split, pool, positions, augmentation);
    return;
  }
  const keyed = augmentation && { key: [augmentation.random.uint32(), augmentation.random.uint32()], cutout: augmentation.cutout };
  yield* inAdvance(batches, (positions) => readFiles(split, pool, positions, keyed));
}

/** Results in the order of what they are made from, with a few of them begun before they are asked for. */
async function* inAdvance<From, To>(items: readonly From[], begin: (item: From) => Promise<To>): AsyncGenerator<To> {
  const begun: Promise<To>[] = [];
  try {
    for (const item of items) {
      const result = begin(item);
      // Who waits for it is told; it is no unhandled failure until then.
      result.catch(() => undefined);
      begun.push(result);
      if (begun.length > BATCHES_AHEAD) yield await begun.shift()!;
    }
    while (begun.length > 0) yield await begun.shift()!;
  } finally {
    await Promise.allSettled(begun);
  }
}

function checkBatchSize(batchSize: number): void {
  if (!(Number.isInteger(batchSize) && batchSize >= 1)) throw DomainError.invalid('batchSize', `${batchSize} is not a positive integer`);
}
