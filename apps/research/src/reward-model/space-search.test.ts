import { formatArchitecture, networkCost, lower, type Architecture } from '@nat/cells';
import { createEnvironment, parseCheckpoint, PolicyInference, searchHyperparameters } from '@nat/nat';
import { RandomStream } from '@nat/base/random';
import { describe, expect, it } from 'vitest';
import { chooseRewardModel } from './choose-model.ts';
import { fitModel, teachPolicy } from './teach-policy.ts';
import type { Observation } from './reward-model.ts';
import { heldOutSources, sampleSpace, type SampledChild } from './space-search.ts';

const placement = { channels: 4, layers: 3 };
const sample = (space: string, zoo: string): readonly SampledChild[] => sampleSpace({ space, zoo, placement, seed: 5, sources: 8, edits: 3 });
const textOf = (architecture: Architecture): string => formatArchitecture(architecture).text;

/** What an edit is worth: skip connections help, wherever they are. */
function skipsOf({ cells }: Architecture): number {
  return cells.flatMap(({ edges }) => edges).filter(({ operation }) => operation.name === 'skip_connect').length;
}

/** Every source has a level of its own, far larger than what edits do. */
function observe(children: readonly SampledChild[], worth: (architecture: Architecture) => number): readonly Observation[] {
  return children.map(({ source, architecture }) => ({
    source,
    architecture,
    value: 20 * RandomStream.of('level', source).uniform() + worth(architecture) + 0.2 * RandomStream.of('noise', textOf(architecture)).normal(),
  }));
}

describe('sampleSpace', () => {
  it.each([
    ['resblock', 'ResBlock'],
    ['darts', 'DARTS'],
    ['enas', 'ENAS'],
  ])('draws sources of %s with edits that cost no more, each once and always the same', (space, zoo) => {
    const children = sample(space, zoo);
    expect(children).toEqual(sample(space, zoo));
    expect(new Set(children.map(({ architecture }) => textOf(architecture))).size).toBe(32);
    const bySource = Map.groupBy(children, ({ source }) => source);
    expect([...bySource.values()].map(({ length }) => length)).toEqual(Array.from({ length: 8 }, () => 4));
    for (const [source, [first, ...edits]] of bySource) {
      expect(textOf(first!.architecture)).toBe(source);
      const [before, ...after] = [first!, ...edits].map(({ architecture }) => networkCost(lower(architecture, placement)));
      for (const { params, macs } of after) {
        expect(params).toBeLessThanOrEqual(before!.params);
        expect(macs).toBeLessThanOrEqual(before!.macs);
      }
    }
    const heldOut = heldOutSources({ space, seed: 5 }, children, 6).map(textOf);
    expect(new Set([...heldOut, ...children.map(({ architecture }) => textOf(architecture))]).size).toBe(38);
  });

  it('names a space that has too few architectures', () => {
    expect(() => sampleSpace({ space: 'ENAS', zoo: 'ENAS', placement, seed: 5, sources: 2, edits: 1 })).toThrow(
      expect.objectContaining({ reason: 'SPACE_TOO_SMALL' }),
    );
  });
});

describe('a reward model of several sources', () => {
  const children = sample('darts', 'DARTS');

  it('learns what edits do, whatever the level of their source', () => {
    const { chosen, model } = fitModel(observe(children, skipsOf), RandomStream.of('folds'));
    expect(chosen.pairs).toBe(48);
    expect(chosen.agreement).toBeGreaterThan(0.8);
    const others = heldOutSources({ space: 'darts', seed: 5 }, children, 20);
    const byPrediction = others.toSorted((a, b) => model.predict(a) - model.predict(b));
    const [low, high] = [byPrediction.slice(0, 10), byPrediction.slice(10)].map((half) => half.reduce((sum, of) => sum + skipsOf(of), 0));
    expect(high!).toBeGreaterThan(low!);
  });

  it('says that there is nothing to learn from noise', () => {
    const observations = observe(children, () => 0);
    const [fixed] = [{ features: 'operations', kernel: 'linear', lambda: 1, target: 'value' } as const];
    expect(Math.abs(chooseRewardModel(observations, RandomStream.of(0), [fixed]).agreement - 0.5)).toBeLessThan(0.2);
  });
});

describe('teachPolicy', () => {
  it('teaches sources that the model has not seen, and repeats to the bit', async () => {
    const children = sample('resblock', 'ResBlock');
    const { model } = fitModel(observe(children, skipsOf), RandomStream.of('folds'));
    const teach = (): ReturnType<typeof teachPolicy> =>
      teachPolicy(
        {
          space: 'resblock',
          scheme: 'nat++',
          mode: 'cost-masked',
          placement,
          config: { encoder: 'edge', hidden: 12, layers: 1 },
          seed: 1,
          batch: 24,
          hyperparameters: searchHyperparameters({ preset: 'tabular', steps: 60, baseline: 'self-critical', entropyWeight: 0.05 }),
          threads: 1,
        },
        model,
        60,
      );
    const { checkpoint, curve } = await teach();
    expect(curve.reward).toHaveLength(60);
    expect(curve.entropy.at(-1)!).toBeLessThan(curve.entropy[0]!);
    const policy = new PolicyInference(parseCheckpoint(checkpoint));
    const gained = heldOutSources({ space: 'resblock', seed: 5 }, children, 12).map((source) => {
      const { result } = policy.sample(createEnvironment(source, { scheme: 'nat++', mode: 'cost-masked', placement }), { mode: 'greedy' });
      return skipsOf(result) - skipsOf(source);
    });
    expect(gained.reduce((sum, gain) => sum + gain, 0) / gained.length).toBeGreaterThan(1);
    expect(Buffer.compare((await teach()).checkpoint, checkpoint)).toBe(0);
  });
});
