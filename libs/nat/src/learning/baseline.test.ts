import { describe, expect, it } from 'vitest';
import { advantages, scaleAdvantages } from './baseline.ts';

const trials = [{ reward: 1 }, { reward: 3 }];

describe('baselines', () => {
  it('official: the average is fed what is left after the subtraction', () => {
    const first = advantages({ kind: 'moving-average-official', decay: 0.9 }, 0, 0, trials);
    expect([...first.advantages]).toEqual([1, 3]);
    expect(first.baseline).toBeCloseTo(0.2);
    const second = advantages({ kind: 'moving-average-official', decay: 0.9 }, first.baseline, 1, trials);
    expect(second.advantages[0]).toBeCloseTo(0.8);
    expect(second.baseline).toBeCloseTo(0.9 * 0.2 + 0.1 * 1.8);
  });

  it('corrected: the average is fed the rewards and starts at the first mean', () => {
    const first = advantages({ kind: 'moving-average', decay: 0.9 }, 0, 0, trials);
    expect([...first.advantages]).toEqual([-1, 1]);
    expect(first.baseline).toBeCloseTo(2);
    const second = advantages({ kind: 'moving-average', decay: 0.9 }, first.baseline, 1, [{ reward: 5 }]);
    expect(second.advantages[0]).toBeCloseTo(3);
    expect(second.baseline).toBeCloseTo(2.3);
  });

  it('self-critical: against the greedy reward of the same source, which must be there', () => {
    const options = { kind: 'self-critical' } as const;
    const { advantages: values, baseline } = advantages(options, 4, 9, [{ reward: 1, greedyReward: 3 }]);
    expect([...values]).toEqual([-2]);
    expect(baseline).toBe(4);
    expect(() => advantages(options, 0, 0, trials)).toThrow(/trials\[0\]\.greedyReward/);
  });
});

describe('scaling', () => {
  it('divides by the root mean square, then clips', () => {
    const scaled = scaleAdvantages(Float64Array.of(3, -4, 0, 0), { normalization: 'rms', clip: 1.5 });
    expect(scaled[0]).toBeCloseTo(1.2);
    expect([...scaled.subarray(1)]).toEqual([-1.5, 0, 0]);
  });

  it('takes the signed square root first', () => {
    const scaled = scaleAdvantages(Float64Array.of(4, -9, 0), { shape: 'root' });
    expect([...scaled]).toEqual([2, -3, 0]);
    expect(scaleAdvantages(Float64Array.of(4, -9, 0), { shape: 'root', normalization: 'rms' })[0]).toBeCloseTo(2 / Math.sqrt(13 / 3));
  });

  it('leaves a batch of zeros alone', () => {
    expect([...scaleAdvantages(new Float64Array(3), { normalization: 'rms', clip: 1 })]).toEqual([0, 0, 0]);
    expect([...scaleAdvantages(Float64Array.of(10), {})]).toEqual([10]);
  });
});
