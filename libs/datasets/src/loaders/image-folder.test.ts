/** Real JPEG and PNG files, made by the decoder's own encoder. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RandomStream } from '@nat/base/random';
import sharp, { type Sharp } from 'sharp';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { batchesInOrder, readBatch, trainingBatches } from '../images/batches.ts';
import { centralCrop, randomResizedCrop } from '../images/image-crops.ts';
import { splitDataset, type ImageDataset, type ImageSplit } from '../images/image-dataset.ts';
import { findBrokenImages } from './image-folder.ts';
import { findDatasets, loadDataset } from './load-dataset.ts';

/** Pixel (x, y) of every test image: red grows to the right, green downwards, blue is the number of the image. */
const gradient = (width: number, height: number, n: number): Buffer =>
  Buffer.from(Array.from({ length: width * height }, (_, i) => [4 * (i % width), 4 * Math.floor(i / width), n]).flat());

function encode(pixels: Buffer, width: number, height: number): Sharp {
  return sharp(pixels, { raw: { width, height, channels: 3 } });
}

describe('randomResizedCrop', () => {
  it('has the areas, aspect ratios and places of ImageNet training', () => {
    const random = RandomStream.of('crops');
    const crops = Array.from({ length: 4000 }, () => randomResizedCrop(500, 400, random));
    const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
    for (const { left, top, width, height } of crops) {
      expect(Number.isInteger(left) && Number.isInteger(top) && Number.isInteger(width) && Number.isInteger(height)).toBe(true);
      expect(left >= 0 && top >= 0 && left + width <= 500 && top + height <= 400).toBe(true);
      // Rounding to pixels moves both a little.
      expect((width * height) / 200_000).toBeGreaterThan(0.079);
      expect(width / height).toBeGreaterThan(0.74);
      expect(width / height).toBeLessThan(1.35);
    }
    // Large areas fit less often, so the mean lies a little below that of U(0.08, 1).
    expect(mean(crops.map(({ width, height }) => (width * height) / 200_000))).toBeCloseTo(0.5, 1);
    expect(mean(crops.map(({ width, height }) => Math.log(width / height)))).toBeCloseTo(0, 1);
    expect(mean(crops.map(({ left, width }) => left / (500 - width || 1)))).toBeCloseTo(0.5, 1);
  });

  it('takes the middle of what is too long and narrow for it', () => {
    expect(randomResizedCrop(1000, 10, RandomStream.of(1))).toEqual({ width: 13, height: 10, left: 494, top: 0 });
    expect(randomResizedCrop(10, 1000, RandomStream.of(1))).toEqual({ width: 10, height: 13, left: 0, top: 494 });
    expect(randomResizedCrop(1, 1, RandomStream.of(1))).toEqual({ width: 1, height: 1, left: 0, top: 0 });
  });
});

describe('centralCrop', () => {
  it('scales the shorter side to 256 for images of 224', () => {
    expect(centralCrop(500, 375, 224)).toEqual({ scaled: { width: 341, height: 256 }, crop: { width: 224, height: 224, left: 59, top: 16 } });
    expect(centralCrop(100, 200, 224)).toEqual({ scaled: { width: 256, height: 512 }, crop: { width: 224, height: 224, left: 16, top: 144 } });
    expect(centralCrop(50, 50, 7)).toEqual({ scaled: { width: 8, height: 8 }, crop: { width: 7, height: 7, left: 1, top: 1 } });
  });
});

describe('an image folder', () => {
  let dataDir: string;
  let dataset: ImageDataset;
  const add = async (path: string, width: number, height: number, n: number): Promise<void> => {
    const file = join(dataDir, path);
    const image = encode(gradient(width, height, n), width, height);
    await (path.endsWith('.png') ? image.png() : image.jpeg({ quality: 95 })).toFile(file);
  };

  beforeAll(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'nat-images-'));
    for (const folder of ['train/cat', 'train/dog', 'val/cat', 'val/dog']) mkdirSync(join(dataDir, 'pets', folder), { recursive: true });
    for (let i = 0; i < 6; i++) await add(`pets/train/cat/${i}.${i % 2 === 0 ? 'png' : 'JPEG'}`, 48 + i, 40, 10 * i);
    for (let i = 0; i < 4; i++) await add(`pets/train/dog/${i}.png`, 40, 60, 100 + 10 * i);
    await add('pets/val/cat/0.png', 64, 64, 200);
    await add('pets/val/dog/0.png', 60, 40, 210);
    writeFileSync(join(dataDir, 'pets/train/.hidden'), 'no class');
  });
  afterAll(() => {
    rmSync(dataDir, { recursive: true });
  });
  beforeEach(() => {
    dataset = loadDataset('imagefolder:pets@32', dataDir);
  });

  const whole = (pool: ImageDataset['train']): ImageSplit => ({ dataset, pool, indices: Uint32Array.from({ length: pool.count }, (_, i) => i) });
  /** A pixel's bytes, with normalisation taken back. */
  const byteAt = (images: Float32Array, n: number, y: number, x: number): number[] =>
    [0, 1, 2].map((channel) => (images[((n * 32 + y) * 32 + x) * 3 + channel]! * dataset.deviation[channel]! + dataset.mean[channel]!) * 255);

  it('is found, and has classes in the order of their names', () => {
    expect(findDatasets(dataDir)).toEqual(['mnist', 'imagefolder:pets']);
    expect(dataset).toMatchObject({ name: 'imagefolder:pets@32', classes: 2, imageSize: 32, train: { count: 10 }, test: { count: 2 } });
    expect([...dataset.train.labels]).toEqual([0, 0, 0, 0, 0, 0, 1, 1, 1, 1]);
    expect(loadDataset('imagefolder:pets', dataDir).imageSize).toBe(224);
  });

  it('evaluates the scaled central part, in any format', async () => {
    const { images, labels } = await readBatch(whole(dataset.test), [0, 1]);
    expect([...labels]).toEqual([0, 1]);
    // 64 pixels become 37 (32 * 256 / 224); pixel x of the crop is pixel x + 3 of those, (x + 3.5) * 64 / 37 - 0.5 of the image.
    const [red, green, blue] = byteAt(images, 0, 20, 5);
    expect(red).toBeCloseTo(4 * ((5 + 3.5) * (64 / 37) - 0.5), -1);
    expect(Math.abs(red! - 4 * ((5 + 3.5) * (64 / 37) - 0.5))).toBeLessThan(3);
    expect(Math.abs(green! - 4 * ((20 + 3.5) * (64 / 37) - 0.5))).toBeLessThan(3);
    expect(blue).toBeCloseTo(200, 3);
    const jpeg = await readBatch(whole(dataset.train), [1]);
    expect(Math.abs(byteAt(jpeg.images, 0, 16, 16)[2]! - 10)).toBeLessThan(6);
  });

  it('gives grey, transparent, deep and palette images three channels of bytes', async () => {
    const source = encode(gradient(32, 32, 40), 32, 32);
    mkdirSync(join(dataDir, 'kinds/train/a'), { recursive: true });
    mkdirSync(join(dataDir, 'kinds/val/a'), { recursive: true });
    const at = (name: string): string => join(dataDir, 'kinds/train/a', name);
    await source.clone().png().toFile(at('0-plain.png'));
    await source.clone().ensureAlpha(1).png().toFile(at('1-alpha.png'));
    await source.clone().toColourspace('rgb16').png().toFile(at('2-deep.png'));
    await source.clone().toColourspace('cmyk').jpeg({ quality: 100 }).toFile(at('3-cmyk.jpg'));
    await source.clone().greyscale().png().toFile(at('4-grey.png'));
    await source.clone().png().toFile(join(dataDir, 'kinds/val/a/0.png'));
    const kinds = loadDataset('imagefolder:kinds@32', dataDir);
    const { images } = await readBatch(whole(kinds.train), [0, 1, 2, 3, 4]);
    const plain = byteAt(images, 0, 10, 20);
    for (const [n, tolerance] of [
      [1, 2],
      [2, 2],
      [3, 40],
    ] as const) {
      byteAt(images, n, 10, 20).forEach((byte, channel) => expect(Math.abs(byte - plain[channel]!)).toBeLessThan(tolerance));
    }
    const [r, g, b] = byteAt(images, 4, 10, 20);
    expect(Math.max(r!, g!, b!) - Math.min(r!, g!, b!)).toBeLessThan(0.01);
  });

  it('trains on crops that do not depend on when they were decoded', async () => {
    const { train } = splitDataset(dataset, { seed: 1, validationFraction: 0.2 });
    const epoch = (seed: number) => Array.fromAsync(trainingBatches(train, { batchSize: 3, random: RandomStream.of(seed), augment: true }));
    const first = await epoch(1);
    expect(first.map(({ size }) => size)).toEqual([3, 3]);
    expect(await epoch(1)).toEqual(first);
    expect(await epoch(2)).not.toEqual(first);
    // Ten epochs at once, in whatever order their files come.
    for (const batches of await Promise.all(Array.from({ length: 10 }, () => epoch(1)))) expect(batches).toEqual(first);
    // Of every image both ways round are seen, and different parts.
    const sides = new Set<boolean>();
    const starts = new Set<number>();
    for (let seed = 0; seed < 20; seed++) {
      const { images } = await readBatch(train, [0], RandomStream.of(seed));
      sides.add(byteAt(images, 0, 16, 31)[0]! > byteAt(images, 0, 16, 0)[0]!);
      starts.add(Math.round(byteAt(images, 0, 0, 0)[1]!));
    }
    expect(sides.size).toBe(2);
    expect(starts.size).toBeGreaterThan(5);
  });

  it('erases a square where cutout is asked for', async () => {
    const split = whole(dataset.train);
    const plain = await readBatch(split, [0], RandomStream.of(3));
    const { images } = await readBatch(split, [0], RandomStream.of(3), 8);
    const changed = [...images].filter((value, i) => value !== plain.images[i]);
    expect(changed.length).toBeGreaterThan(0);
    expect(changed.length).toBeLessThanOrEqual(8 * 8 * 3);
    expect(changed.every((value) => value === 0)).toBe(true);
  });

  it('begins batches ahead, a few of them, and none after its reader has left', async () => {
    let begun = 0;
    const counted: ImageDataset = {
      ...dataset,
      train: {
        ...dataset.train,
        read: () => {
          begun++;
          return Promise.resolve(new Uint8Array(32 * 32 * 3));
        },
      },
    };
    const batches = batchesInOrder({ ...whole(counted.train), dataset: counted }, 1);
    await batches.next();
    expect(begun).toBe(3);
    await batches.next();
    expect(begun).toBe(4);
    await batches.return(undefined);
    expect(begun).toBe(4);
  });

  describe('refuses by the name of the file', () => {
    const broken = async (path: string, content: (file: string) => void, message: RegExp): Promise<void> => {
      const file = join(dataDir, 'pets', path);
      content(file);
      try {
        const damaged = loadDataset('imagefolder:pets@32', dataDir);
        await Array.fromAsync(
          batchesInOrder({ dataset: damaged, pool: damaged.train, indices: Uint32Array.from({ length: damaged.train.count }, (_, i) => i) }, 4),
        );
        throw new Error('nothing was refused');
      } catch (error) {
        expect(error).toMatchObject({ message: expect.stringMatching(message) as string });
      } finally {
        rmSync(file, { recursive: true, force: true });
      }
    };

    it('text under the name of an image', () =>
      broken(
        'train/cat/note.jpg',
        (file) => writeFileSync(file, 'this is no image'),
        /note\.jpg: cannot be decoded: Input buffer contains unsupported image format/,
      ));
    it('a truncated JPEG', async () => {
      const noise = Buffer.from(Array.from({ length: 200 * 200 * 3 }, (_, i) => RandomStream.of(i).integer(256)));
      const bytes = await encode(noise, 200, 200).jpeg().toBuffer();
      await broken(
        'train/cat/cut.jpg',
        (file) => writeFileSync(file, bytes.subarray(0, bytes.length / 2)),
        /cut\.jpg: cannot be decoded: (it is truncated or damaged|VipsJpeg: premature end of JPEG image)/,
      );
    });
    it('a truncated PNG', () =>
      broken(
        'train/dog/cut.png',
        (file) => writeFileSync(file, readFileSync(join(dataDir, 'pets/train/dog/0.png')).subarray(0, 200)),
        /cut\.png: cannot be decoded: (it is truncated or damaged|.*png)/,
      ));
    it('a file that cannot be read', () => broken('train/dog/gone.png', (file) => symlinkSync('nowhere', file), /gone\.png: cannot be read: ENOENT/));
    it('a file of another kind', () => broken('train/dog/notes.txt', (file) => writeFileSync(file, ''), /notes\.txt: is no \.jpg, \.jpeg, \.png file/));
    it('a folder where images should be', () => broken('train/dog/more.png', (file) => mkdirSync(file), /more\.png: is no \.jpg/));
    it('an empty class', () =>
      broken(
        'train/eel',
        (file) => {
          mkdirSync(file);
          mkdirSync(join(dataDir, 'pets/val/eel'), { recursive: true });
        },
        /train.eel: is a class without images/,
      ).finally(() => {
        rmSync(join(dataDir, 'pets/val/eel'), { recursive: true });
      }));
    it('a class of one part alone', () => broken('val/fox', (file) => mkdirSync(file), /val.fox: the class is in val alone/));
    it('an image beside the classes', () => broken('train/stray.png', (file) => writeFileSync(file, ''), /stray\.png: a file where only folders/));
  });

  it('lists every broken image of a check', async () => {
    const files = ['train/cat/b.jpg', 'val/dog/a.png'].map((path) => join(dataDir, 'pets', path));
    for (const file of files) writeFileSync(file, 'text');
    const seen: number[] = [];
    const broken = await findBrokenImages(loadDataset('imagefolder:pets@32', dataDir), (done) => seen.push(done));
    for (const file of files) rmSync(file);
    expect(broken).toEqual(files.map((file) => `${file}: cannot be decoded: Input buffer contains unsupported image format`));
    expect(seen.at(-1)).toBe(14);
    expect(await findBrokenImages(dataset)).toEqual([]);
  });

  it('has a name that stays in the data directory', () => {
    for (const name of ['imagefolder:../etc', 'imagefolder:', 'imagefolder:a/b', 'imagefolder:.hidden', 'imagefolder:pets@0', 'imagefolder:pets@x']) {
      expect(() => loadDataset(name, dataDir)).toThrow(/is unknown, one of .*imagefolder:NAME/);
    }
    expect(() => loadDataset('imagefolder:birds', dataDir)).toThrow(/A folder of images was not found at .*birds.train/);
    expect(() => loadDataset('imagefolder:pets', undefined)).toThrow(/set NAT_DATA_DIR/);
  });
});
