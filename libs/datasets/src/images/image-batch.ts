import { RandomStream } from '@nat/base/random';
import type { ImageDataset, ImageFiles, ImagePool, ImageSplit } from './image-dataset.ts';

/** Normalised images in the order that tensors want. */
export interface ImageBatch {
  readonly size: number;
  readonly imageSize: number;
  /** [size, imageSize, imageSize, 3] */
  readonly images: Float32Array;
  /** [size] */
  readonly labels: Int32Array;
}

/** How training images are changed at random. */
export interface Augmentation {
  readonly random: RandomStream;
  /** Side in pixels of a square that is erased at a random place, 0 for none (DeVries and Taylor 2017). */
  readonly cutout: number;
}

/** Pixels of zero padding that a random crop may shift by. */
const CROP_PADDING = 4;

/** A batch of images in memory. Augmentation is a random crop after padding by 4 pixels and a random mirroring where that keeps the label; each image takes its numbers in order. */
export function readPooled({ dataset, indices }: ImageSplit, pool: ImagePool, positions: ArrayLike<number>, augmentation?: Augmentation): ImageBatch {
  const { imageSize, mirrored } = dataset;
  const batch = emptyBatch(positions.length, imageSize);
  for (let n = 0; n < batch.size; n++) {
    const index = indexAt(indices, positions[n]!);
    const image = imageOf(batch, n);
    batch.labels[n] = pool.labels[index]!;
    if (augmentation === undefined) {
      writeImage(dataset, pool, index, { shiftY: 0, shiftX: 0, mirror: false }, image);
      continue;
    }
    const { random, cutout } = augmentation;
    const shiftY = random.integer(2 * CROP_PADDING + 1) - CROP_PADDING;
    const shiftX = random.integer(2 * CROP_PADDING + 1) - CROP_PADDING;
    writeImage(dataset, pool, index, { shiftY, shiftX, mirror: mirrored && random.integer(2) === 1 }, image);
    if (cutout > 0) eraseSquare(image, imageSize, { y: random.integer(imageSize), x: random.integer(imageSize), side: cutout });
  }
  return batch;
}

/**
 * A batch of images in files, all of them decoded at once. What is random about an image comes from `augmentation.key` and its index alone, in whatever
 * order images arrive.
 * @throws DomainError DATA_LOSS naming a file that is no image
 */
export async function readFiles(
  { dataset, indices }: ImageSplit,
  files: ImageFiles,
  positions: ArrayLike<number>,
  augmentation?: { readonly key: readonly number[]; readonly cutout: number },
): Promise<ImageBatch> {
  const { imageSize } = dataset;
  const batch = emptyBatch(positions.length, imageSize);
  const read = async (n: number): Promise<void> => {
    const index = indexAt(indices, positions[n]!);
    const image = imageOf(batch, n);
    batch.labels[n] = files.labels[index]!;
    const random = augmentation && RandomStream.of(...augmentation.key, index);
    normalise(dataset, await files.read(index, random), image);
    if (augmentation !== undefined && random !== undefined && augmentation.cutout > 0) {
      eraseSquare(image, imageSize, { y: random.integer(imageSize), x: random.integer(imageSize), side: augmentation.cutout });
    }
  };
  await Promise.all(Array.from({ length: batch.size }, (_, n) => read(n)));
  return batch;
}

function emptyBatch(size: number, imageSize: number): ImageBatch {
  return { size, imageSize, images: new Float32Array(size * imageSize * imageSize * 3), labels: new Int32Array(size) };
}

function imageOf({ images, imageSize }: ImageBatch, n: number): Float32Array {
  const length = imageSize * imageSize * 3;
  return images.subarray(n * length, (n + 1) * length);
}

function indexAt(indices: Uint32Array, position: number): number {
  const index = indices[position];
  if (index === undefined) throw new RangeError(`position ${position} is outside a split of ${indices.length} images`);
  return index;
}

/** [size, size, 3] bytes to (x / 255 - mean) / deviation. */
function normalise({ mean, deviation }: ImageDataset, bytes: Uint8Array, out: Float32Array): void {
  for (let channel = 0; channel < 3; channel++) {
    const scale = 1 / (255 * deviation[channel]!);
    const zero = -mean[channel]! / deviation[channel]!;
    for (let i = channel; i < out.length; i += 3) out[i] = bytes[i]! * scale + zero;
  }
}

function writeImage(
  { imageSize, mean, deviation }: ImageDataset,
  pool: ImagePool,
  index: number,
  { shiftY, shiftX, mirror }: { shiftY: number; shiftX: number; mirror: boolean },
  out: Float32Array, // [imageSize, imageSize, 3]
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
        out[(y * imageSize + x) * 3 + channel] = pixel * scale + zero;
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
