import { describe, expect, it } from 'vitest';
import { RandomStream, deriveKey } from './random-stream.ts';

describe('RandomStream', () => {
  it('agrees with the published Philox4x32-10 vector for a zero counter and key', () => {
    const stream = new RandomStream([0, 0]);
    expect([stream.uint32(), stream.uint32(), stream.uint32(), stream.uint32()]).toEqual([0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
  });

  it('gives the same numbers for the same key and others for another', () => {
    const draw = (...words: (number | string)[]): number[] => Array.from({ length: 8 }, () => RandomStream.of(...words).uint32());
    expect(draw(7, 'draw', 3)).toEqual(draw(7, 'draw', 3));
    expect(draw(7, 'draw', 3)).not.toEqual(draw(7, 'draw', 4));
    expect(deriveKey('ab', 'c')).not.toEqual(deriveKey('a', 'bc'));
  });

  it('has the moments of its distributions', () => {
    const stream = RandomStream.of(1);
    const n = 20_000;
    let mean = 0;
    let square = 0;
    const counts = [0, 0, 0];
    for (let i = 0; i < n; i++) {
      const x = stream.normal();
      mean += x / n;
      square += (x * x) / n;
      counts[stream.categorical([1, 0, 3])]! += 1 / n;
    }
    expect(mean).toBeCloseTo(0, 1);
    expect(square).toBeCloseTo(1, 1);
    expect(counts[1]).toBe(0);
    expect(counts[2]).toBeCloseTo(0.75, 1);
  });

  it('refuses impossible bounds and weights', () => {
    const stream = RandomStream.of(1);
    expect(() => stream.integer(0)).toThrow(RangeError);
    expect(() => stream.categorical([0, 0])).toThrow(RangeError);
  });
});
