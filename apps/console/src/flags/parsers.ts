import { DATASET_CHOICES, isDatasetName, type DatasetName } from '@nat/datasets';
import { InvalidArgumentError } from 'commander';

/** A parser for commander: an integer in [min, max]. */
export function integer(min: number, max: number = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isSafeInteger(value) || value < min || value > max || text.trim() === '') {
      throw new InvalidArgumentError(max === Number.MAX_SAFE_INTEGER ? `Give an integer of at least ${min}.` : `Give an integer from ${min} to ${max}.`);
    }
    return value;
  };
}

/** A parser for commander: the name of an evaluation. */
export function evaluationId(text: string): string {
  if (!/^[a-zA-Z0-9._-]{1,150}$/.test(text)) throw new InvalidArgumentError('Give 1 to 150 of A-Z a-z 0-9 . _ -');
  return text;
}

/** A parser for commander: a finite number in [min, max]. */
export function number(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isFinite(value) || value < min || value > max || text.trim() === '') throw new InvalidArgumentError(`Give a number from ${min} to ${max}.`);
    return value;
  };
}

/** At most a number, or a share of the source's. */
export type BoundFlag = { readonly most: number } | { readonly share: number };

/** A parser for commander: `100e6`, or `60%` of the source's. */
export function bound(text: string): BoundFlag {
  const [, digits = '', percent] = /^\s*([^%]*[^%\s])\s*(%)?\s*$/.exec(text) ?? [];
  const value = Number(digits);
  if (digits !== '' && percent === undefined && value >= 0 && value <= Number.MAX_SAFE_INTEGER) return { most: Math.floor(value) };
  if (digits !== '' && percent !== undefined && value > 0 && value <= 100) return { share: value / 100 };
  throw new InvalidArgumentError("Give a number from 0, or a percentage of the source's above 0 and at most 100, such as 60%.");
}

/** A parser for commander: a data set of images. */
export function datasetName(text: string): DatasetName {
  if (!isDatasetName(text)) throw new InvalidArgumentError(`Give one of ${DATASET_CHOICES}.`);
  return text;
}
