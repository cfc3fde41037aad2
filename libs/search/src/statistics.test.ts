import { describe, expect, it } from 'vitest';
import { differsFromZero, meanInterval, pairedDifference } from './statistics.ts';

describe('intervals', () => {
  it('are those of the t distribution', () => {
    // Worked by hand: s = 1, t(0.975, 2) = 4.302653.
    const { n, mean, half } = meanInterval([1, 2, 3]);
    expect([n, mean]).toEqual([3, 2]);
    expect(half).toBeCloseTo(4.302653 / Math.sqrt(3), 5);
    // t(0.975, 7) = 2.364624
    expect(meanInterval([0, 0, 0, 0, 1, 1, 1, 1]).half).toBeCloseTo((2.364624 * Math.sqrt(2 / 7)) / Math.sqrt(8), 5);
  });

  it('say nothing about a single value', () => {
    expect(meanInterval([3])).toEqual({ n: 1, mean: 3, half: NaN });
    expect(differsFromZero(meanInterval([3]))).toBe(false);
    expect(() => meanInterval([])).toThrow(RangeError);
  });

  it('of pairs see the difference that scatter between pairs hides', () => {
    const before = [10, 50, 90];
    const after = [11, 51.5, 91];
    expect(pairedDifference(before, after).mean).toBeCloseTo(3.5 / 3, 12);
    expect(differsFromZero(pairedDifference(before, after))).toBe(true);
    expect(pairedDifference(before, after).half).toBeLessThan(meanInterval(before).half / 50);
    expect(() => pairedDifference(before, [1])).toThrow(RangeError);
  });
});
