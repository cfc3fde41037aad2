import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { checkMd5, dataPath, invalidData, missingData } from './data-directory.ts';
import type { ImageDataset, ImagePool } from './image-dataset.ts';

/** A record: one label byte, then three planes (red, green, blue) of 32x32. */
const IMAGE_BYTES = 3 * 32 * 32;
const RECORD_BYTES = 1 + IMAGE_BYTES;
const RECORDS_PER_FILE = 10_000;
const CLASSES = 10;
const FOLDER = 'cifar-10-batches-bin';
/** Files of the official archive with their md5. */
const TRAIN_FILES = {
  'data_batch_1.bin': '5dd7e06a14cb22eb9f671a540d1b7c25',
  'data_batch_2.bin': '5ea93a67294ea407fff1d09f752e9692',
  'data_batch_3.bin': '942cd6a4bcdd0dd3c604fbe906cb4421',
  'data_batch_4.bin': 'ae636b3ba5c66a11e91e8cb52e771fcb',
  'data_batch_5.bin': '53f37980c15c3d472c316c40844f3f0d',
};
const TEST_FILES = { 'test_batch.bin': '803d5f7f4d78ea53de84dbe85f74fb6d' };

/**
 * CIFAR-10, the binary version (Krizhevsky 2009), from `<dataDir>/cifar-10-batches-bin`.
 * @throws DomainError FAILED_PRECONDITION when it isn't there; DATA_LOSS naming the file and the record when it isn't CIFAR-10
 */
export function loadCifar10(dataDir: string | undefined): ImageDataset {
  const folder = dataPath(dataDir, 'CIFAR-10', FOLDER);
  const train = readPool(folder, TRAIN_FILES);
  const test = readPool(folder, TEST_FILES);
  return {
    name: 'cifar10',
    classes: CLASSES,
    imageSize: 32,
    mean: [0.49139968, 0.48215827, 0.44653124],
    deviation: [0.24703233, 0.24348505, 0.26158768],
    mirrored: true,
    train,
    test,
  };
}

function readPool(folder: string, md5: Readonly<Record<string, string>>): ImagePool {
  const files = Object.entries(md5);
  const count = files.length * RECORDS_PER_FILE;
  const pixels = new Uint8Array(count * RECORD_BYTES);
  const labels = new Uint8Array(count);
  for (const [i, [file, published]] of files.entries()) {
    const path = join(folder, file);
    const records = pixels.subarray(i * RECORDS_PER_FILE * RECORD_BYTES, (i + 1) * RECORDS_PER_FILE * RECORD_BYTES);
    readWhole(path, records);
    for (let record = 0; record < RECORDS_PER_FILE; record++) {
      const n = i * RECORDS_PER_FILE + record;
      const label = pixels[n * RECORD_BYTES]!;
      if (label >= CLASSES) throw invalidData(path, `record ${record} has the label ${label}, CIFAR-10 has 0 to ${CLASSES - 1}`);
      labels[n] = label;
    }
    checkMd5(path, records, published);
  }
  return { count, labels, pixels, stride: RECORD_BYTES, offset: 1, planes: 3, height: 32, width: 32 };
}

function readWhole(path: string, target: Uint8Array): void {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (cause) {
    throw missingData('CIFAR-10', path, cause);
  }
  try {
    const { size } = fstatSync(file);
    if (size !== target.length)
      throw invalidData(path, `${size} bytes, a CIFAR-10 batch has ${target.length} (${RECORDS_PER_FILE} records of ${RECORD_BYTES})`);
    let done = 0;
    while (done < target.length) {
      const read = readSync(file, target, done, target.length - done, done);
      if (read === 0) throw invalidData(path, `ended after ${done} of ${target.length} bytes`);
      done += read;
    }
  } finally {
    closeSync(file);
  }
}
