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
import { loadCifar10 } from './cifar10.ts';
import { splitDataset, readBatch } from './image-dataset.ts';
import { loadDataset } from './load-dataset.ts';
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
  });
});

describe('loadMnist', () => {
  it('reads the packaged digits', () => {
    const mnist = loadMnist();
    expect(mnist.train.count).toBe(60_000);
    expect(mnist.test.count).toBe(10_000);
    expect([...mnist.train.labels.subarray(0, 10)]).toEqual([5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
    const { images } = readBatch(
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

describe.skipIf(dataDir === undefined)('loadCifar10 (skipped without NAT_DATA_DIR)', () => {
  it('reads all images in the official order', () => {
    const cifar = loadCifar10(dataDir);
    expect(cifar.train.count).toBe(50_000);
    expect(cifar.test.count).toBe(10_000);
    expect([...cifar.train.labels.subarray(0, 10)]).toEqual([6, 9, 9, 4, 1, 1, 2, 7, 8, 3]);
    expect([...cifar.test.labels.subarray(0, 10)]).toEqual([3, 8, 8, 0, 6, 6, 1, 6, 3, 1]);
    const { images } = readBatch(
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
    expect(() => loadCifar10(folder)).toThrow(/data_batch_2.bin: record 1234 has the label 77/);
    overwrite(labelOf(1234), 1234);
    expect(loadCifar10(folder).train.count).toBe(50_000);
    flipBit(1234);
    expect(() => loadCifar10(folder)).toThrow(/data_batch_2.bin: its md5 is [0-9a-f]{32}, the published file has 5ea93a67294ea407fff1d09f752e9692/);
    truncateSync(broken, 1000);
    expect(() => loadCifar10(folder)).toThrow(/data_batch_2.bin: 1000 bytes, a CIFAR-10 batch has 30730000/);
  });
});
