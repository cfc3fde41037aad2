/** Images in a tree of folders, as ImageNet is unpacked: `<dataDir>/NAME/train/CLASS/*` and `<dataDir>/NAME/val/CLASS/*`. */
import { existsSync, readdirSync, type Dirent } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { DomainError } from '@nat/base/errors';
import type { RandomStream } from '@nat/base/random';
import type sharpModule from 'sharp';
import { dataPath, invalidData, missingData } from '../data-directory.ts';
import { parseImageFolder, type ImageFolderName } from '../images/dataset-names.ts';
import { centralCrop, randomResizedCrop } from '../images/image-crops.ts';
import type { ImageDataset, ImageFiles } from '../images/image-dataset.ts';

const SUFFIXES = ['.jpg', '.jpeg', '.png'];
/** Broken files that a check goes on after. */
const MAX_BROKEN = 20;
/** Images that a check decodes at once. */
const CHECKED_AT_ONCE = 16;

/**
 * A folder tree by its name. Classes are numbered in the order of their folders' names, which `train` and `val` have in common; `val` is what
 * nothing may be selected by. Only names are read here, images when they are asked for.
 * @throws DomainError FAILED_PRECONDITION when it isn't there; DATA_LOSS naming a folder or file that should not be there or is empty
 */
export function loadImageFolder(name: ImageFolderName, dataDir: string | undefined): ImageDataset {
  const parsed = parseImageFolder(name);
  if (parsed === undefined) throw DomainError.invalid('dataset', `${name} is not imagefolder:NAME[@SIZE]`, 'UNKNOWN_DATASET');
  const { folder, imageSize } = parsed;
  const root = dataPath(dataDir, `The image folder ${folder}`, folder);
  const trainClasses = classesOf(join(root, 'train'));
  const testClasses = classesOf(join(root, 'val'));
  for (const [there, classes, others] of [
    ['train', trainClasses, testClasses],
    ['val', testClasses, trainClasses],
  ] as const) {
    const alone = classes.find((each) => !others.includes(each));
    if (alone !== undefined) throw invalidData(join(root, there, alone), `the class is in ${there} alone`);
  }
  return {
    name,
    classes: trainClasses.length,
    imageSize,
    mean: [0.485, 0.456, 0.406],
    deviation: [0.229, 0.224, 0.225],
    mirrored: true,
    train: imageFiles(join(root, 'train'), trainClasses, imageSize),
    test: imageFiles(join(root, 'val'), testClasses, imageSize),
  };
}

/** Names of the image folders of a data directory. */
export function findImageFolders(dataDir: string): ImageFolderName[] {
  if (!existsSync(dataDir)) return [];
  const names = entriesOf(dataDir).map((entry): ImageFolderName => `imagefolder:${entry.name}`);
  return names.filter((name) => {
    const folder = parseImageFolder(name)?.folder;
    return folder !== undefined && existsSync(join(dataDir, folder, 'train')) && existsSync(join(dataDir, folder, 'val'));
  });
}

/** Decodes every image of a data set that lies in files. Gives what is wrong with each broken one, the first 20 of them. */
export async function findBrokenImages({ train, test }: ImageDataset, onImage?: (done: number) => void): Promise<readonly string[]> {
  const broken: string[] = [];
  let done = 0;
  for (const pool of [train, test]) {
    if (!('read' in pool)) continue;
    let next = 0;
    const check = async (): Promise<void> => {
      while (next < pool.count && broken.length < MAX_BROKEN) {
        await pool.read(next++).catch((error: unknown) => {
          broken.push(error instanceof Error ? error.message : String(error));
        });
        onImage?.(++done);
      }
    };
    await Promise.all(Array.from({ length: CHECKED_AT_ONCE }, check));
  }
  return broken.sort();
}

function imageFiles(root: string, classes: readonly string[], imageSize: number): ImageFiles {
  const files = classes.map((each) => imagesOf(join(root, each)));
  const first = files.map(() => 0);
  for (let i = 1; i < files.length; i++) first[i] = first[i - 1]! + files[i - 1]!.length;
  const count = first.at(-1)! + files.at(-1)!.length;
  const labels = new Uint16Array(count);
  files.forEach((names, label) => labels.fill(label, first[label], first[label]! + names.length));
  return {
    count,
    labels,
    read: (index, augmentation) => {
      const label = labels[index]!;
      return readImage(join(root, classes[label]!, files[label]![index - first[label]!]!), imageSize, augmentation);
    },
  };
}

/** Folders with images, in order. */
function classesOf(folder: string): readonly string[] {
  const entries = entriesOf(folder);
  const file = entries.find((entry) => entry.isFile());
  if (file !== undefined) throw invalidData(join(folder, file.name), 'a file where only folders of classes should be');
  if (entries.length === 0) throw invalidData(folder, 'has no folders of classes');
  if (entries.length > 0x1_0000) throw invalidData(folder, `has ${entries.length} classes, at most 65536 can be told apart`);
  return entries.map(({ name }) => name);
}

function imagesOf(folder: string): readonly string[] {
  const entries = entriesOf(folder);
  const foreign = entries.find((entry) => entry.isDirectory() || !SUFFIXES.includes(extname(entry.name).toLowerCase()));
  if (foreign !== undefined) throw invalidData(join(folder, foreign.name), `is no ${SUFFIXES.join(', ')} file`);
  if (entries.length === 0) throw invalidData(folder, 'is a class without images');
  return entries.map(({ name }) => name);
}

/** What lies in a folder, by name as Python sorts it; hidden files are left out. */
function entriesOf(folder: string): Dirent[] {
  let entries: Dirent[];
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch (cause) {
    throw missingData('A folder of images', folder, cause);
  }
  return entries.filter(({ name }) => !name.startsWith('.')).sort((a, b) => (a.name < b.name ? -1 : 1));
}

type Decoder = typeof sharpModule;

/** Loaded by the first image: whoever reads none pays nothing. */
let decoder: Promise<Decoder> | undefined;

async function loadDecoder(): Promise<Decoder> {
  const { default: sharp } = await import('sharp');
  // Images are decoded side by side and each once: neither threads within one nor a cache would help.
  sharp.concurrency(1);
  sharp.cache(false);
  return sharp;
}

/**
 * One image as [imageSize, imageSize, 3] bytes, decoded and scaled outside this thread. With `augmentation` a random crop, mirrored
 * every second time; else the central one.
 * @throws DomainError DATA_LOSS naming the file
 */
async function readImage(path: string, imageSize: number, augmentation: RandomStream | undefined): Promise<Uint8Array> {
  const sharp = await (decoder ??= loadDecoder());
  // Read here: the decoder tells a file that is not there from one that is no image by errno, which is stale at times.
  const bytes = await readFile(path).catch((error: unknown) => {
    throw invalidData(path, `cannot be read: ${reasonOf(error)}`);
  });
  try {
    const image = sharp(bytes, { failOn: 'error' });
    const { width, height } = await image.metadata();
    if (augmentation === undefined) {
      const { scaled, crop } = centralCrop(width, height, imageSize);
      image.resize({ ...scaled, ...BILINEAR }).extract(crop);
    } else {
      image.extract(randomResizedCrop(width, height, augmentation)).resize({ width: imageSize, height: imageSize, ...BILINEAR });
      image.flop(augmentation.integer(2) === 1);
    }
    return await image.toColourspace('srgb').removeAlpha().raw().toBuffer();
  } catch (error) {
    throw invalidData(path, `cannot be decoded: ${reasonOf(error)}`);
  }
}

/** Triangles as wide as a pixel of the result, as PIL scales. */
const BILINEAR = { fit: 'fill', kernel: 'linear' } as const;

/** What the decoder says. Its messages are one a process: another image decoded at the same time may have taken it. */
function reasonOf(error: unknown): string {
  const [first = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
  return first === 'Unknown error' ? 'it is truncated or damaged' : first;
}
