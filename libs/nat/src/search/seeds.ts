import { deriveKey, RandomStream } from '@nat/base/random';

/** A seed of its own for one purpose of a search, in [0, 2^53). */
export function derivedSeed(seed: number, ...purpose: readonly (number | string)[]): number {
  const [high, low] = deriveKey(seed, ...purpose);
  return (high >>> 11) * 2 ** 32 + low;
}

/** The stream that a search's fresh policy is initialised from. */
export function initializationStream(seed: number): RandomStream {
  return RandomStream.of(seed, 'policy');
}
