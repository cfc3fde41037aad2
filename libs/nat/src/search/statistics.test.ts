import { describe, expect, it } from 'vitest';
import { differsFromZero, kendallTau, meanInterval, pairedDifference } from './statistics.ts';

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

describe("Kendall's tau", () => {
  it('counts pairs in the same order against pairs in the other', () => {
    // Five pairs of ten agree more than disagree: 8 concordant, 2 discordant.
    expect(kendallTau([1, 2, 3, 4, 5], [2, 1, 3, 5, 4]).tau).toBeCloseTo(0.6, 12);
    expect(kendallTau([3, 1, 2], [30, 10, 20]).tau).toBe(1);
    expect(kendallTau([1, 2, 3, 4], [4, 3, 2, 1]).tau).toBe(-1);
  });

  it('leaves ties out on either side (tau-b)', () => {
    // Pairs told apart: 5 by a, 5 by b; 4 concordant, none discordant.
    expect(kendallTau([1, 1, 2, 3], [1, 2, 3, 3]).tau).toBeCloseTo(4 / 5, 12);
    expect(kendallTau([1, 1, 1], [1, 2, 3]).tau).toBeNaN();
  });

  it('has an interval that narrows with the sample and stays within -1 and 1', () => {
    const values = Array.from({ length: 20 }, (_, i) => i);
    const swapped = values.map((value) => (value % 2 === 0 ? value + 1 : value - 1));
    const { n, tau, low, high } = kendallTau(values, swapped);
    expect(n).toBe(20);
    expect(tau).toBeCloseTo(170 / 190, 12);
    // atanh(170/190) = ln(18) / 2, half 1.95996 sqrt(0.437/16) = 0.3239
    expect(low).toBeCloseTo(Math.tanh(Math.log(18) / 2 - 0.3239), 4);
    expect(high).toBeCloseTo(Math.tanh(Math.log(18) / 2 + 0.3239), 4);
    expect(kendallTau([1, 2, 3], [1, 3, 2]).low).toBeNaN();
    expect(() => kendallTau([1], [])).toThrow(RangeError);
  });
});
