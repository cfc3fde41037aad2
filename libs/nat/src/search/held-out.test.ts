import { PolicyInference } from '../policy/inference/policy-inference.ts';
import { createCheckpoint } from '../policy/checkpoint.ts';
import { EDGE_POLICY } from '../policy/policy-config.ts';
import { RandomStream } from '@nat/base/random';
import { describe, expect, it } from 'vitest';
import { compareHeldOut, sampleHeldOut } from './held-out.ts';
import { blockSpace } from './spaces/block-spaces.ts';
import { EnvironmentCache } from './environment-cache.ts';

const space = blockSpace('resblock', 'nat');
const environments = new EnvironmentCache({ scheme: 'nat', mode: 'cost-masked' });
const policyOf = (name: string): PolicyInference => new PolicyInference(createCheckpoint(EDGE_POLICY, RandomStream.of(name)));

describe('the comparison with the untrained policy', () => {
  it('draws one transform of every source by either policy, always of the same sources', () => {
    const [trained, untrained] = [policyOf('a'), policyOf('b')];
    const trials = sampleHeldOut({ space, environments, trained, untrained, sources: 12 });
    expect(trials.map(({ index }) => index)).toEqual(trials.map((_, i) => i));
    for (let i = 0; i < 24; i += 2) expect(trials[i + 1]!.source).toBe(trials[i]!.source);
    expect(new Set(trials.map(({ source }) => source)).size).toBeGreaterThan(6);
    expect(trials.some(({ result }, i) => i % 2 === 0 && result !== trials[i + 1]!.result)).toBe(true);

    const swapped = sampleHeldOut({ space, environments, trained: untrained, untrained: trained, sources: 12 });
    expect(swapped.map(({ result }) => result)).toEqual(trials.map((_, i) => trials[i % 2 === 0 ? i + 1 : i - 1]!.result));
    const itself = sampleHeldOut({ space, environments, trained, untrained: trained, sources: 12 });
    expect(itself.every(({ result }, i) => result === itself[i - (i % 2)]!.result)).toBe(true);
  });

  it('pairs by source and leaves out what failed', () => {
    // Of each source what it is worth, its result by the trained policy and its result by the untrained.
    const compare = (...sources: readonly (readonly [number, number | undefined, number])[]) =>
      compareHeldOut(
        {
          texts: [],
          trials: sources.flatMap((_, i) => [
            { source: 3 * i, result: 3 * i + 1 },
            { source: 3 * i, result: 3 * i + 2 },
          ]),
        },
        sources.flat().map((value) => (value === undefined ? { failure: 'LOST: no' } : { value })),
      );
    const comparison = compare([0.5, 0.6, 0.4], [0.1, undefined, 0.9], [0.3, 0.34, 0.3]);
    expect(comparison).toMatchObject({ sources: 2, sourceAccuracy: 0.4 });
    expect(comparison?.trainedAccuracy).toBeCloseTo(0.47, 12);
    expect(comparison?.untrainedAccuracy).toBeCloseTo(0.35, 12);
    // Differences 0.2 and 0.04: mean 0.12, standard error 0.08, t(1) = 12.706.
    expect(comparison?.difference.mean).toBeCloseTo(0.12, 12);
    expect(comparison?.difference.half).toBeCloseTo(12.7062 * 0.08, 4);
    expect(comparison?.gain.mean).toBeCloseTo(0.07, 12);
    expect(compare([0.5, 0.6, 0.4], [0.1, undefined, 0.9])).toBeUndefined();
  });
});
