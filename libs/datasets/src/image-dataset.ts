import { DomainError } from '@nat/errors';
import { RandomStream } from '@nat/random';
import type { DatasetName } from './dataset-names.ts';

/** Images as they lie in memory after reading: 8-bit planes, one record an image. */
export interface ImagePool {
  readonly count: number;
  /** [count], 0..classes-1. */
  readonly labels: Uint8Array;
  /** Image i is `pixels[i*stride+offset ...]`, [planes, height, width]. */
  readonly pixels: Uint8Array;
  readonly stride: number;
  readonly offset: number;
  /** One plane is repeated into all three channels. */
  readonly planes: 1 | 3;
  readonly height: number;
  readonly width: number;
}

/** Labelled images that a network is trained and judged on. */
export interface ImageDataset {
  readonly name: DatasetName;
  readonly classes: number;
  /** Height and width that batches have; smaller images are padded with zero pixels around. */
  readonly imageSize: number;
  /** Of each channel, for pixels in [0, 1]. */
  readonly mean: readonly [number, number, number];
  readonly deviation: readonly [number, number, number];
  /** Whether a mirrored image keeps its label. */
  readonly mirrored: boolean;
  readonly train: ImagePool;
  readonly test: ImagePool;
}

/** Some images of a data set. */
export interface ImageSplit {
  readonly dataset: ImageDataset;
  readonly pool: ImagePool;
  /** Positions in the pool. */
  readonly indices: Uint32Array;
}

/** What training fits, what selection may look at, and what nothing may select on. */
export interface ImageSplits {
  readonly train: ImageSplit;
  readonly validation: ImageSplit;
  readonly test: ImageSplit;
}

export interface SplitOptions {
  readonly seed: number;
  /** Share of the training images held out; the official search uses 0.5. @default 0.1 */
  readonly validationFraction?: number;
  /** At most so many images in each split, the first of its order; for short runs. */
  readonly limit?: { readonly train?: number; readonly validation?: number; readonly test?: number };
}

/** Splits a data set: the same seed and fraction give the same images, whatever the limits are. */
export function splitDataset(dataset: ImageDataset, { seed, validationFraction = 0.1, limit = {} }: SplitOptions): ImageSplits {
  if (!(validationFraction > 0 && validationFraction < 1)) throw DomainError.invalid('validationFraction', `${validationFraction} is not between 0 and 1`);
  for (const [name, value] of Object.entries<number | undefined>(limit)) {
    if (value !== undefined && !(Number.isInteger(value) && value >= 1)) throw DomainError.invalid(`limit.${name}`, `${value} is not a positive integer`);
  }
  const order = RandomStream.of(seed, 'split', dataset.name).shuffle(Array.from({ length: dataset.train.count }, (_, i) => i));
  const held = Math.max(1, Math.round(dataset.train.count * validationFraction));
  const test = RandomStream.of('test-order', dataset.name).shuffle(Array.from({ length: dataset.test.count }, (_, i) => i));
  return {
    validation: { dataset, pool: dataset.train, indices: Uint32Array.from(order.slice(0, Math.min(held, limit.validation ?? held))) },
    train: { dataset, pool: dataset.train, indices: Uint32Array.from(order.slice(held, held + (limit.train ?? order.length))) },
    test: { dataset, pool: dataset.test, indices: Uint32Array.from(limit.test === undefined ? test : test.slice(0, limit.test)) },
  };
}

/** What a search on shared weights sees: `weights` are fitted to one split, policies learn from another, and selection has its own. */
export interface SearchSplits {
  readonly weights: ImageSplit;
  readonly policy: ImageSplit;
  /** Empty in parity. */
  readonly selection: ImageSplit;
  readonly test: ImageSplit;
}

/** Images set aside for selection, and the share of the others that weights are fitted to (the papers' 40 %). */
const SET_ASIDE = 5_000;
const WEIGHTS_SHARE = 0.4;

/**
 * Splits a data set for a search. `set-aside` first takes 5,000 training images away for selection (a tenth, where there are fewer than 50,000);
 * of the rest 40 % are for weights and 60 % for policies. `parity` splits all of them 40 to 60, as the official code does.
 */
export function splitForSearch(dataset: ImageDataset, kind: 'set-aside' | 'parity'): SearchSplits {
  const { train } = dataset;
  const order = RandomStream.of('search-split', dataset.name).shuffle(Array.from({ length: train.count }, (_, i) => i));
  const aside = kind === 'parity' ? 0 : Math.min(SET_ASIDE, Math.floor(train.count / 10));
  const fitted = aside + Math.floor((train.count - aside) * WEIGHTS_SHARE);
  const part = (from: number, to: number): ImageSplit => ({ dataset, pool: train, indices: Uint32Array.from(order.slice(from, to)) });
  return {
    selection: part(0, aside),
    weights: part(aside, fitted),
    policy: part(fitted, train.count),
    test: { dataset, pool: dataset.test, indices: Uint32Array.from({ length: dataset.test.count }, (_, i) => i) },
  };
}

/** Normalised images in the order that tensors want. */
export interface ImageBatch {
  readonly size: number;
  readonly imageSize: number;
  /** [size, imageSize, imageSize, 3] */
  readonly images: Float32Array;
  /** [size] */
  readonly labels: Int32Array;
}

/** Pixels of zero padding that a random crop may shift by. */
const CROP_PADDING = 4;

/**
 * The images at the given positions of a split. With `augmentation`, the standard one: a random crop after padding by 4
 * pixels, and a random mirroring where that keeps the label; each image takes its numbers in order. `cutout` is the side in
 * pixels of a square that is then erased at a random place, 0 for none (DeVries and Taylor 2017).
 */
export function readBatch(split: ImageSplit, positions: ArrayLike<number>, augmentation?: RandomStream, cutout = 0): ImageBatch {
  const { dataset, pool } = split;
  const { imageSize } = dataset;
  const size = positions.length;
  const images = new Float32Array(size * imageSize * imageSize * 3);
  const labels = new Int32Array(size);
  for (let n = 0; n < size; n++) {
    const index = split.indices[positions[n]!];
    if (index === undefined) throw new RangeError(`position ${positions[n]} is outside a split of ${split.indices.length} images`);
    labels[n] = pool.labels[index]!;
    const shiftY = augmentation === undefined ? 0 : augmentation.integer(2 * CROP_PADDING + 1) - CROP_PADDING;
    const shiftX = augmentation === undefined ? 0 : augmentation.integer(2 * CROP_PADDING + 1) - CROP_PADDING;
    const mirror = augmentation !== undefined && dataset.mirrored && augmentation.integer(2) === 1;
    writeImage(dataset, pool, index, { shiftY, shiftX, mirror }, images, n * imageSize * imageSize * 3);
    if (augmentation !== undefined && cutout > 0) {
      const [y, x] = [augmentation.integer(imageSize), augmentation.integer(imageSize)];
      eraseSquare(images.subarray(n * imageSize * imageSize * 3, (n + 1) * imageSize * imageSize * 3), imageSize, { y, x, side: cutout });
    }
  }
  return { size, imageSize, images, labels };
}

function writeImage(
  { imageSize, mean, deviation }: ImageDataset,
  pool: ImagePool,
  index: number,
  { shiftY, shiftX, mirror }: { shiftY: number; shiftX: number; mirror: boolean },
  out: Float32Array, // [imageSize, imageSize, 3] from `at`
  at: number,
): void {
  const { pixels, planes, height, width } = pool;
  const base = index * pool.stride + pool.offset;
  const top = ((imageSize - height) >> 1) - shiftY;
  const left = ((imageSize - width) >> 1) - shiftX;
  for (let channel = 0; channel < 3; channel++) {
    const plane = base + (planes === 1 ? 0 : channel) * height * width;
    const scale = 1 / (255 * deviation[channel]!);
    const zero = -mean[channel]! / deviation[channel]!;
    for (let y = 0; y < imageSize; y++) {
      const row = y - top;
      const inside = row >= 0 && row < height;
      for (let x = 0; x < imageSize; x++) {
        const column = (mirror ? imageSize - 1 - x : x) - left;
        const pixel = inside && column >= 0 && column < width ? pixels[plane + row * width + column]! : 0;
        out[at + (y * imageSize + x) * 3 + channel] = pixel * scale + zero;
      }
    }
  }
}

/** Sets a square around (y, x) to 0, the mean of normalised images; what lies outside the image [size, size, 3] is cut off. */
function eraseSquare(image: Float32Array, size: number, { y, x, side }: { readonly y: number; readonly x: number; readonly side: number }): void {
  const [top, left] = [y - (side >> 1), x - (side >> 1)];
  for (let row = Math.max(0, top); row < Math.min(size, top + side); row++) {
    image.fill(0, (row * size + Math.max(0, left)) * 3, (row * size + Math.min(size, left + side)) * 3);
  }
}

/** Every image of a split once, in order; the last batch may be smaller. */
export function* batchesInOrder(split: ImageSplit, batchSize: number): Generator<ImageBatch> {
  checkBatchSize(batchSize);
  for (let from = 0; from < split.indices.length; from += batchSize) {
    const size = Math.min(batchSize, split.indices.length - from);
    yield readBatch(
      split,
      Array.from({ length: size }, (_, i) => from + i),
    );
  }
}

/** One epoch: shuffled, augmented where asked; a last batch that is not full is left out unless it is the only one. `cutout` as readBatch's. */
export function* trainingBatches(
  split: ImageSplit,
  options: { readonly batchSize: number; readonly random: RandomStream; readonly augment: boolean; readonly cutout?: number },
): Generator<ImageBatch> {
  const { batchSize, random, augment, cutout } = options;
  checkBatchSize(batchSize);
  const order = random.shuffle(Array.from({ length: split.indices.length }, (_, i) => i));
  const steps = Math.max(1, Math.floor(order.length / batchSize));
  for (let step = 0; step < steps; step++) yield readBatch(split, order.slice(step * batchSize, (step + 1) * batchSize), augment ? random : undefined, cutout);
}

/** A batch drawn without replacement, named by its stream alone: the same stream gives the same images. */
export function drawBatch(split: ImageSplit, options: { readonly batchSize: number; readonly random: RandomStream; readonly augment: boolean }): ImageBatch {
  const { batchSize, random, augment } = options;
  checkBatchSize(batchSize);
  const chosen = new Set<number>();
  const size = Math.min(batchSize, split.indices.length);
  // Floyd's sampling: no shuffle of the whole split for one batch.
  for (let i = split.indices.length - size; i < split.indices.length; i++) {
    const position = random.integer(i + 1);
    chosen.add(chosen.has(position) ? i : position);
  }
  return readBatch(split, [...chosen], augment ? random : undefined);
}

function checkBatchSize(batchSize: number): void {
  if (!(Number.isInteger(batchSize) && batchSize >= 1)) throw DomainError.invalid('batchSize', `${batchSize} is not a positive integer`);
}
