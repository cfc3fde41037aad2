import { describe, expect, it } from 'vitest';
import { planRungs, survivors } from './successive-halving.ts';

describe('planRungs', () => {
  it.each([
    [
      { candidates: 9, epochs: 9, reduction: 3 },
      [
        [1, 9],
        [3, 3],
        [9, 1],
      ],
    ],
    [
      { candidates: 27, epochs: 600, reduction: 3, rungs: 3 },
      [
        [66, 27],
        [200, 9],
        [600, 3],
      ],
    ],
    [
      { candidates: 5, epochs: 8, reduction: 2 },
      [
        [2, 5],
        [4, 2],
        [8, 1],
      ],
    ],
    [
      { candidates: 100, epochs: 4, reduction: 2 },
      [
        [1, 100],
        [2, 50],
        [4, 25],
      ],
    ],
    [{ candidates: 2, epochs: 10, reduction: 3 }, [[10, 2]]],
    [{ candidates: 1, epochs: 10, reduction: 3 }, [[10, 1]]],
  ])('%j', (options, expected) => {
    expect(planRungs(options).map(({ epochs, candidates }) => [epochs, candidates])).toEqual(expected);
  });

  it('refuses rungs for which there are no candidates, or no epochs', () => {
    expect(() => planRungs({ candidates: 4, epochs: 100, reduction: 3, rungs: 3 })).toThrow(/4 candidates and 100 epochs at a reduction of 3 allow 2, not 3/);
    expect(() => planRungs({ candidates: 100, epochs: 3, reduction: 3, rungs: 3 })).toThrow(/allow 2/);
  });
});

describe('survivors', () => {
  it('are the most accurate, of equals the cheaper, then the first, in their order', () => {
    const judged = [
      { accuracy: 0.5, cost: 2 },
      { accuracy: 0.7, cost: 9 },
      { accuracy: 0.5, cost: 1 },
      { accuracy: 0.5, cost: 1 },
    ];
    expect(survivors(judged, 1)).toEqual([1]);
    expect(survivors(judged, 2)).toEqual([1, 2]);
    expect(survivors(judged, 3)).toEqual([1, 2, 3]);
  });

  it('were judged', () => {
    expect(survivors([undefined, { accuracy: 0.1, cost: 1 }, undefined], 2)).toEqual([1]);
    expect(survivors([undefined], 1)).toEqual([]);
  });
});
