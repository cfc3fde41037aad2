import type { ImageDataset, ImagePool } from '@nat/datasets';
import { RandomStream } from '@nat/base/random';

/** A small data set for tests that a network learns in a few steps: class 0 has rows of noise, class 1 columns, class 2 both. */
export function stripedImages({ imageSize = 8, train = 96, test = 48 }: { imageSize?: number; train?: number; test?: number } = {}): ImageDataset {
  const random = RandomStream.of('striped-images');
  const pool = (count: number): ImagePool => {
    const area = imageSize * imageSize;
    const pixels = new Uint8Array(count * area);
    const labels = new Uint8Array(count);
    for (let n = 0; n < count; n++) {
      labels[n] = n % 3;
      const line = (): number[] => Array.from({ length: imageSize }, () => 255 * random.integer(2));
      const [rows, columns] = [line(), line()];
      for (let y = 0; y < imageSize; y++) {
        for (let x = 0; x < imageSize; x++) {
          const pixel = labels[n] === 0 ? rows[y]! : labels[n] === 1 ? columns[x]! : (rows[y]! + columns[x]!) / 2;
          pixels[n * area + y * imageSize + x] = pixel;
        }
      }
    }
    return { count, labels, pixels, stride: area, offset: 0, planes: 1, height: imageSize, width: imageSize };
  };
  return {
    name: 'mnist',
    classes: 3,
    imageSize,
    mean: [0.5, 0.5, 0.5],
    deviation: [0.5, 0.5, 0.5],
    mirrored: true,
    train: pool(train),
    test: pool(test),
  };
}
