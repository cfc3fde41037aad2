import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { checkMd5, dataPath, invalidData, missingData } from '../data-directory.ts';
import type { ImageDataset, ImagePool } from '../images/image-dataset.ts';

/** Pixels of a record: three planes (red, green, blue) of 32x32. */
const IMAGE_BYTES = 3 * 32 * 32;

export interface CifarFile {
  readonly file: string;
  readonly records: number;
  /** Of the published file. */
  readonly md5: string;
}

/** A binary version of CIFAR (Krizhevsky 2009). A record is a byte for each kind of label, then the pixels. */
export interface CifarFormat {
  readonly name: 'cifar10' | 'cifar100';
  readonly title: string;
  readonly folder: string;
  /** How many classes each label byte tells apart; networks learn the last kind. */
  readonly labels: readonly { readonly what: string; readonly classes: number }[];
  readonly mean: ImageDataset['mean'];
  readonly deviation: ImageDataset['deviation'];
  readonly train: readonly CifarFile[];
  readonly test: readonly CifarFile[];
}

/** @throws DomainError FAILED_PRECONDITION when it isn't there; DATA_LOSS naming the file and the record when it isn't what was published */
export function loadCifar(format: CifarFormat, dataDir: string | undefined): ImageDataset {
  const folder = dataPath(dataDir, format.title, format.folder);
  const { name, mean, deviation } = format;
  const train = readPool(format, folder, format.train);
  const test = readPool(format, folder, format.test);
  return { name, classes: format.labels.at(-1)!.classes, imageSize: 32, mean, deviation, mirrored: true, train, test };
}

function readPool(format: CifarFormat, folder: string, files: readonly CifarFile[]): ImagePool {
  const stride = format.labels.length + IMAGE_BYTES;
  const count = files.reduce((sum, { records }) => sum + records, 0);
  const pixels = new Uint8Array(count * stride);
  const labels = new Uint8Array(count);
  let first = 0;
  for (const { file, records, md5 } of files) {
    const path = join(folder, file);
    const bytes = pixels.subarray(first * stride, (first + records) * stride);
    readWhole(format, path, bytes, records);
    for (let record = 0; record < records; record++) {
      format.labels.forEach(({ what, classes }, kind) => {
        const label = bytes[record * stride + kind]!;
        if (label >= classes) throw invalidData(path, `record ${record} has the ${what} ${label}, ${format.title} has 0 to ${classes - 1}`);
        labels[first + record] = label;
      });
    }
    checkMd5(path, bytes, md5);
    first += records;
  }
  return { count, labels, pixels, stride, offset: format.labels.length, planes: 3, height: 32, width: 32 };
}

function readWhole({ title, labels }: CifarFormat, path: string, target: Uint8Array, records: number): void {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (cause) {
    throw missingData(title, path, cause);
  }
  try {
    const { size } = fstatSync(file);
    if (size !== target.length) {
      throw invalidData(path, `${size} bytes, this file of ${title} has ${target.length} (${records} records of ${labels.length + IMAGE_BYTES})`);
    }
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
