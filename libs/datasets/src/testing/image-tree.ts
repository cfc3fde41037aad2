import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { RandomStream } from '@nat/base/random';
import sharp from 'sharp';

/** Writes `<dataDir>/<name>/{train,val}/{rows,columns}`: JPEG and PNG files of noise that is the same along each row, or each column. */
export async function writeImageTree(dataDir: string, name: string, { train = 12, val = 4, size = 40 } = {}): Promise<void> {
  for (const [part, count] of Object.entries({ train, val })) {
    for (const label of ['rows', 'columns']) {
      const folder = join(dataDir, name, part, label);
      await mkdir(folder, { recursive: true });
      for (let n = 0; n < count; n++) {
        const random = RandomStream.of('image-tree', part, label, n);
        const line = Array.from({ length: size }, () => [0, 1, 2].map(() => random.integer(256)));
        const pixels = Array.from({ length: size }, (_, y) => Array.from({ length: size }, (_, x) => line[label === 'rows' ? y : x]!));
        const image = sharp(Buffer.from(pixels.flat(2)), { raw: { width: size, height: size, channels: 3 } });
        await (n % 2 === 0 ? image.png().toFile(join(folder, `${n}.png`)) : image.jpeg({ quality: 95 }).toFile(join(folder, `${n}.jpg`)));
      }
    }
  }
}
