import { architectureCost, lower, zooArchitecture } from '@nat/cells';
import { describe, expect, it } from 'vitest';
import { evaluationBatch } from './evaluation-batch.ts';

const GIB = 2 ** 30;

describe('images of an evaluation pass', () => {
  const vgg = lower(zooArchitecture('vgg16'));

  it('are 200 on a CPU, whatever its memory: stored numbers depend on them in the last digit', () => {
    expect(evaluationBatch(vgg, undefined)).toBe(200);
  });

  it('are the largest power of two that fits a quarter of the memory', () => {
    const { peakActivationBytes } = architectureCost(zooArchitecture('vgg16'));
    for (const exponent of [0, 3, 10]) {
      const justFits = 4 * peakActivationBytes * 2 ** exponent;
      expect(evaluationBatch(vgg, justFits)).toBe(2 ** exponent);
      expect(evaluationBatch(vgg, 1.99 * justFits)).toBe(2 ** exponent);
    }
  });

  it('are at least one and at most 4,096', () => {
    expect(evaluationBatch(vgg, 1)).toBe(1);
    expect(evaluationBatch(vgg, 80 * GIB)).toBe(4_096);
  });
});
