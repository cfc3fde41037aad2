/**
 * Counter-based random numbers: a stream is named by a key (seed, step, index, ...), so a draw does not depend on who
 * draws it or when. Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
 */
const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;

/** High 32 bits of the 64-bit product of two unsigned 32-bit numbers. */
function mulHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(carry / 0x10000)) >>> 0;
}

function philox(counter: readonly [number, number, number, number], key: readonly [number, number], out: Uint32Array): void {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const high0 = mulHigh(M0, c0);
    const low0 = Math.imul(M0, c0) >>> 0;
    const high1 = mulHigh(M1, c2);
    const low1 = Math.imul(M1, c2) >>> 0;
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + W0) >>> 0;
    k1 = (k1 + W1) >>> 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/** A 64-bit key from any words: numbers (32-bit unsigned and their high part) and strings, order matters. */
export function deriveKey(...words: readonly (number | string)[]): readonly [number, number] {
  let key: readonly [number, number] = [0x243f6a88, 0x85a308d3];
  const block = new Uint32Array(4);
  const absorb = (word: number, tag: number): void => {
    philox([word >>> 0, Math.floor(Math.abs(word) / 0x1_0000_0000) >>> 0, tag, word < 0 ? 1 : 0], key, block);
    key = [block[0]!, block[1]!];
  };
  for (const word of words) {
    if (typeof word === 'number') absorb(word, 1);
    else {
      for (let i = 0; i < word.length; i++) absorb(word.charCodeAt(i), 2);
      absorb(word.length, 3);
    }
  }
  return key;
}

/** One stream of random numbers. Two streams with the same key give the same numbers on every machine. */
export class RandomStream {
  readonly #key: readonly [number, number];
  readonly #block = new Uint32Array(4);
  #counter = 0;
  #used = 4;
  #spareNormal: number | undefined;

  constructor(key: readonly [number, number]) {
    this.#key = key;
  }

  /** `RandomStream.of(seed, step, index)`; words as in `deriveKey`. */
  static of(...words: readonly (number | string)[]): RandomStream {
    return new RandomStream(deriveKey(...words));
  }

  /** A uniform unsigned 32-bit integer. */
  uint32(): number {
    if (this.#used === 4) {
      philox([this.#counter >>> 0, Math.floor(this.#counter / 0x1_0000_0000) >>> 0, 0, 0], this.#key, this.#block);
      this.#counter++;
      this.#used = 0;
    }
    return this.#block[this.#used++]!;
  }

  /** Uniform in [0, 1), 53 bits. */
  uniform(): number {
    const high = this.uint32() >>> 5;
    const low = this.uint32() >>> 6;
    return (high * 0x4000000 + low) / 0x20000000000000;
  }

  /** Uniform integer in [0, bound), without bias. @throws RangeError unless 1 <= bound <= 2^32 */
  integer(bound: number): number {
    if (!(Number.isInteger(bound) && bound >= 1 && bound <= 0x1_0000_0000)) throw new RangeError(`bound ${bound} is not an integer in [1, 2^32]`);
    const limit = 0x1_0000_0000 - (0x1_0000_0000 % bound);
    for (;;) {
      const value = this.uint32();
      if (value < limit) return value % bound;
    }
  }

  /** Standard normal (Box-Muller). */
  normal(): number {
    if (this.#spareNormal !== undefined) {
      const spare = this.#spareNormal;
      this.#spareNormal = undefined;
      return spare;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    const angle = 2 * Math.PI * this.uniform();
    this.#spareNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** An index drawn with the given non-negative weights (need not sum to 1). @throws RangeError when they sum to 0 or NaN */
  categorical(weights: ArrayLike<number>): number {
    let total = 0;
    for (let i = 0; i < weights.length; i++) total += weights[i]!;
    if (!(total > 0)) throw new RangeError('categorical weights must have a positive sum');
    let rest = this.uniform() * total;
    let last = 0;
    for (let i = 0; i < weights.length; i++) {
      if (weights[i]! > 0) {
        last = i;
        rest -= weights[i]!;
        if (rest < 0) return i;
      }
    }
    return last;
  }

  /** Fisher-Yates shuffle in place. */
  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      [items[i], items[j]] = [items[j]!, items[i]!];
    }
    return items;
  }
}
