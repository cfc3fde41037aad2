import { createHash } from 'node:crypto';
import {
  cpSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
  closeSync,
  mkdirSync,
  symlinkSync,
  readdirSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadCifar, type CifarFormat } from './cifar.ts';
import { CIFAR10 } from './cifar10.ts';
import { CIFAR100 } from './cifar100.ts';
import { readBatch } from '../images/batches.ts';
import { splitDataset } from '../images/image-dataset.ts';
import { findDatasets, loadDataset } from './load-dataset.ts';
import { loadMnist } from './mnist.ts';

const dataDir = process.env['NAT_DATA_DIR'];

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nat-datasets-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

describe('loadDataset', () => {
  it('names what it knows, and what to set', () => {
    expect(() => loadDataset('imagenet', undefined)).toThrow(/imagenet is unknown.*mnist.*cifar10/);
    expect(() => loadDataset('cifar10', undefined)).toThrow(/set NAT_DATA_DIR/);
    expect(() => loadDataset('cifar10', folder)).toThrow(/data_batch_1.bin/);
    expect(() => loadDataset('cifar100', folder)).toThrow(/CIFAR-100 was not found at .*cifar-100-binary.train.bin/);
  });
});

describe('findDatasets', () => {
  it('looks which files are there', () => {
    expect(findDatasets(undefined)).toEqual(['mnist']);
    mkdirSync(join(folder, 'cifar-100-binary'));
    writeFileSync(join(folder, 'cifar-100-binary', 'train.bin'), '');
    expect(findDatasets(folder)).toEqual(['mnist', 'cifar100']);
  });
});

describe('CIFAR-100', () => {
  /** Three records: coarse label, fine label, then red 10, green 20, blue 30 a record, plus 1 in the first pixel. */
  const record = (coarse: number, fine: number): number[] => [
    coarse,
    fine,
    ...Array.from({ length: 3072 }, (_, i) => 10 * (1 + Math.floor(i / 1024)) + (i === 0 ? 1 : 0)),
  ];
  const train = Uint8Array.from([record(11, 19), record(19, 99), record(0, 0)].flat());
  const test = Uint8Array.from(record(4, 51));
  const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex');
  /** The format with few records and their sums: the real files cannot be made. */
  const few: CifarFormat = {
    ...CIFAR100,
    train: [{ file: 'train.bin', records: 3, md5: md5(train) }],
    test: [{ file: 'test.bin', records: 1, md5: md5(test) }],
  };
  const write = (file: string, bytes: Uint8Array): void => {
    mkdirSync(join(folder, 'cifar-100-binary'), { recursive: true });
    writeFileSync(join(folder, 'cifar-100-binary', file), bytes);
  };

  it('takes the fine label, and the pixels behind both', async () => {
    write('train.bin', train);
    write('test.bin', test);
    const cifar = loadCifar(few, folder);
    expect([cifar.name, cifar.classes, cifar.imageSize, cifar.train.count, cifar.test.count]).toEqual(['cifar100', 100, 32, 3, 1]);
    expect([[...cifar.train.labels], [...cifar.test.labels]]).toEqual([[19, 99, 0], [51]]);
    const { images } = await readBatch(
      { dataset: { ...cifar, mean: [0, 0, 0], deviation: [1 / 255, 1 / 255, 1 / 255] }, pool: cifar.train, indices: Uint32Array.of(1) },
      [0],
    );
    expect([...images.slice(0, 6)].map(Math.round)).toEqual([11, 20, 30, 10, 20, 30]);
  });

  it('refuses wrong labels, sizes and sums by the name of the file', () => {
    write('test.bin', test);
    const refuses = (bytes: Uint8Array, message: RegExp, format = few): void => {
      write('train.bin', bytes);
      expect(() => loadCifar(format, folder)).toThrow(message);
    };
    refuses(train.with(2 * 3074, 20), /train.bin: record 2 has the coarse label 20, CIFAR-100 has 0 to 19/);
    refuses(train.with(3075, 100), /train.bin: record 1 has the fine label 100, CIFAR-100 has 0 to 99/);
    refuses(train.subarray(1), /train.bin: 9221 bytes, this file of CIFAR-100 has 9222 \(3 records of 3074\)/);
    refuses(train.with(100, 77), /train.bin: its md5 is [0-9a-f]{32}, the published file has/);
    refuses(train, /train.bin: 9222 bytes, this file of CIFAR-100 has 153700000 \(50000 records of 3074\)/, CIFAR100);
  });

  it('refuses files of the published size that are not the published ones', () => {
    write('train.bin', new Uint8Array(50_000 * 3074));
    expect(() => loadDataset('cifar100', folder)).toThrow(/train.bin: its md5 is [0-9a-f]{32}, the published file has 6172c7755cfe09b2fe270c85cebc1b15/);
  });
});

describe('loadMnist', () => {
  it('reads the packaged digits', async () => {
    const mnist = loadMnist();
    expect(mnist.train.count).toBe(60_000);
    expect(mnist.test.count).toBe(10_000);
    expect([...mnist.train.labels.subarray(0, 10)]).toEqual([5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
    const { images } = await readBatch(
      splitDataset(mnist, { seed: 0 }).train,
      Array.from({ length: 500 }, (_, i) => i),
    );
    // Mean and deviation over the 28x28 digits are 0 and 1; the frame of zeros pulls the mean of 32x32 below.
    const mean = images.reduce((sum, x) => sum + x, 0) / images.length;
    expect(mean).toBeCloseTo((1 - (28 / 32) ** 2) * (-0.1307 / 0.3081), 1);
  });

  it('refuses a truncated and a foreign file by name', () => {
    const digits = join(folder, 'idx');
    mkdirSync(digits);
    writeFileSync(join(digits, 'train-images-idx3-ubyte'), new Uint8Array(100));
    expect(() => loadMnist(digits)).toThrow(/train-images-idx3-ubyte: 100 bytes, this file of MNIST has 47040016/);
    writeFileSync(join(digits, 'train-images-idx3-ubyte'), new Uint8Array(47_040_016));
    expect(() => loadMnist(digits)).toThrow(/train-images-idx3-ubyte: idx header 0, 0, 0, 0/);
    expect(() => loadMnist(folder)).toThrow(/not found at .*train-images/);
  });
});

describe.skipIf(dataDir === undefined)('CIFAR-10 (skipped without NAT_DATA_DIR)', () => {
  it('reads all images in the official order', async () => {
    const cifar = loadCifar(CIFAR10, dataDir);
    expect(cifar.train.count).toBe(50_000);
    expect(cifar.test.count).toBe(10_000);
    expect([...cifar.train.labels.subarray(0, 10)]).toEqual([6, 9, 9, 4, 1, 1, 2, 7, 8, 3]);
    expect([...cifar.test.labels.subarray(0, 10)]).toEqual([3, 8, 8, 0, 6, 6, 1, 6, 3, 1]);
    const { images } = await readBatch(
      splitDataset(cifar, { seed: 0 }).train,
      Array.from({ length: 2000 }, (_, i) => i),
    );
    expect(images.reduce((sum, x) => sum + x, 0) / images.length).toBeCloseTo(0, 1);
    expect(images.reduce((sum, x) => sum + x * x, 0) / images.length).toBeCloseTo(1, 1);
  });

  it('refuses a truncated and a foreign batch by name', () => {
    const batches = join(folder, 'cifar-10-batches-bin');
    const original = join(dataDir!, 'cifar-10-batches-bin');
    mkdirSync(batches);
    for (const file of readdirSync(original)) if (file !== 'data_batch_2.bin') symlinkSync(join(original, file), join(batches, file));
    const broken = join(batches, 'data_batch_2.bin');
    cpSync(join(original, 'data_batch_2.bin'), broken);
    const overwrite = (label: number, record: number): void => {
      const file = openSync(broken, 'r+');
      writeSync(file, Uint8Array.of(label), 0, 1, record * 3073);
      closeSync(file);
    };
    const whole = readFileSync(join(original, 'data_batch_2.bin'));
    const labelOf = (record: number): number => whole[record * 3073]!;
    const flipBit = (record: number): void => {
      const file = openSync(broken, 'r+');
      const at = record * 3073 + 1000;
      writeSync(file, Uint8Array.of(whole[at]! ^ 1), 0, 1, at);
      closeSync(file);
    };
    overwrite(77, 1234);
    expect(() => loadCifar(CIFAR10, folder)).toThrow(/data_batch_2.bin: record 1234 has the label 77/);
    overwrite(labelOf(1234), 1234);
    expect(loadCifar(CIFAR10, folder).train.count).toBe(50_000);
    flipBit(1234);
    expect(() => loadCifar(CIFAR10, folder)).toThrow(/data_batch_2.bin: its md5 is [0-9a-f]{32}, the published file has 5ea93a67294ea407fff1d09f752e9692/);
    truncateSync(broken, 1000);
    expect(() => loadCifar(CIFAR10, folder)).toThrow(/data_batch_2.bin: 1000 bytes, this file of CIFAR-10 has 30730000/);
  });
});
