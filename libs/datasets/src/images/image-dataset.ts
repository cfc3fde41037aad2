import { DomainError } from '@nat/base/errors';
import { RandomStream } from '@nat/base/random';
import type { DatasetName } from './dataset-names.ts';

/** Images as they lie in memory after reading: 8-bit planes, one record an image. */
export interface ImagePool {
  readonly count: number;
  /** [count], 0..classes-1. */
  readonly labels: Uint8Array;
  /** Image i is `pixels[i*stride+offset ...]`, [planes, height, width]. */
  readonly pixels: Uint8Array;
  readonly stride: number;
  readonly offset: number;
  /** One plane is repeated into all three channels. */
  readonly planes: 1 | 3;
  readonly height: number;
  readonly width: number;
}

/** Images that stay in their files until they are asked for. */
export interface ImageFiles {
  readonly count: number;
  /** [count], 0..classes-1. */
  readonly labels: Uint16Array;
  /**
   * Image `index` as [imageSize, imageSize, 3] bytes; with `augmentation`, cropped and mirrored at random.
   * @throws DomainError DATA_LOSS naming the file
   */
  readonly read: (index: number, augmentation?: RandomStream) => Promise<Uint8Array>;
}

/** Labelled images that a network is trained and judged on. */
export interface ImageDataset {
  readonly name: DatasetName;
  readonly classes: number;
  /** Height and width that batches have; smaller images are padded with zero pixels around. */
  readonly imageSize: number;
  /** Of each channel, for pixels in [0, 1]. */
  readonly mean: readonly [number, number, number];
  readonly deviation: readonly [number, number, number];
  /** Whether a mirrored image keeps its label. */
  readonly mirrored: boolean;
  readonly train: ImagePool | ImageFiles;
  readonly test: ImagePool | ImageFiles;
}

/** Some images of a data set. */
export interface ImageSplit {
  readonly dataset: ImageDataset;
  readonly pool: ImagePool | ImageFiles;
  /** Positions in the pool. */
  readonly indices: Uint32Array;
}

/** What training fits, what selection may look at, and what nothing may select on. */
export interface ImageSplits {
  readonly train: ImageSplit;
  readonly validation: ImageSplit;
  readonly test: ImageSplit;
}

export interface SplitOptions {
  readonly seed: number;
  /** Share of the training images held out; the official search uses 0.5. @default 0.1 */
  readonly validationFraction?: number;
  /** At most so many images in each split, the first of its order; for short runs. */
  readonly limit?: { readonly train?: number; readonly validation?: number; readonly test?: number };
}

/** Splits a data set: the same seed and fraction give the same images, whatever the limits are. */
export function splitDataset(dataset: ImageDataset, { seed, validationFraction = 0.1, limit = {} }: SplitOptions): ImageSplits {
  if (!(validationFraction > 0 && validationFraction < 1)) throw DomainError.invalid('validationFraction', `${validationFraction} is not between 0 and 1`);
  for (const [name, value] of Object.entries<number | undefined>(limit)) {
    if (value !== undefined && !(Number.isInteger(value) && value >= 1)) throw DomainError.invalid(`limit.${name}`, `${value} is not a positive integer`);
  }
  const order = RandomStream.of(seed, 'split', dataset.name).shuffle(Array.from({ length: dataset.train.count }, (_, i) => i));
  const held = Math.max(1, Math.round(dataset.train.count * validationFraction));
  const test = RandomStream.of('test-order', dataset.name).shuffle(Array.from({ length: dataset.test.count }, (_, i) => i));
  return {
    validation: { dataset, pool: dataset.train, indices: Uint32Array.from(order.slice(0, Math.min(held, limit.validation ?? held))) },
    train: { dataset, pool: dataset.train, indices: Uint32Array.from(order.slice(held, held + (limit.train ?? order.length))) },
    test: { dataset, pool: dataset.test, indices: Uint32Array.from(limit.test === undefined ? test : test.slice(0, limit.test)) },
  };
}

/** What a search on shared weights sees: `weights` are fitted to one split, policies learn from another, and selection has its own. */
export interface SearchSplits {
  readonly weights: ImageSplit;
  readonly policy: ImageSplit;
  /** Empty in the official split. */
  readonly selection: ImageSplit;
  readonly test: ImageSplit;
}

/** Images set aside for selection, and the share of the others that weights are fitted to (the papers' 40 %). */
const SET_ASIDE = 5_000;
const WEIGHTS_SHARE = 0.4;

/**
 * Splits a data set for a search. `set-aside` first takes 5,000 training images away for selection (a tenth, where there are fewer than 50,000);
 * of the rest 40 % are for weights and 60 % for policies. `official` splits all of them 40 to 60, as the official code does.
 */
export function splitForSearch(dataset: ImageDataset, kind: 'set-aside' | 'official'): SearchSplits {
  const { train } = dataset;
  const order = RandomStream.of('search-split', dataset.name).shuffle(Array.from({ length: train.count }, (_, i) => i));
  const aside = kind === 'official' ? 0 : Math.min(SET_ASIDE, Math.floor(train.count / 10));
  const fitted = aside + Math.floor((train.count - aside) * WEIGHTS_SHARE);
  const part = (from: number, to: number): ImageSplit => ({ dataset, pool: train, indices: Uint32Array.from(order.slice(from, to)) });
  return {
    selection: part(0, aside),
    weights: part(aside, fitted),
    policy: part(fitted, train.count),
    test: { dataset, pool: dataset.test, indices: Uint32Array.from({ length: dataset.test.count }, (_, i) => i) },
  };
}
