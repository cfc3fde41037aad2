import { formatArchitecture, networkCost, lower, zooArchitecture, type Architecture } from '@nat/cells';
import { EDGE_POLICY, searchHyperparameters } from '@nat/nat';
import { RandomStream } from '@nat/base/random';
import { describe, expect, it } from 'vitest';
import { chooseRewardModel } from './choose-model.ts';
import { searchWithRewardModel, type ModelBasedSearchOptions } from './model-based-search.ts';
import { RIDGE, type Observation } from './reward-model.ts';

const placement = { channels: 4, layers: 3 };

/** A value that likes skips from the first input and dislikes losing convolutions, with noise that belongs to the architecture. */
function valueOf(architecture: Architecture): number {
  const edges = architecture.cells.flatMap((cell) => cell.edges);
  const skips = edges.filter(({ from, operation }) => from === 0 && operation.name === 'skip_connect').length;
  const convolutions = edges.filter(({ operation }) => operation.name === 'conv_3x3').length;
  return 0.3 + 0.02 * skips + 0.05 * convolutions + 0.003 * RandomStream.of('noise', formatArchitecture(architecture).text).normal();
}

function options(overrides: Partial<ModelBasedSearchOptions> = {}): ModelBasedSearchOptions {
  const steps = 60;
  const hyperparameters = searchHyperparameters({ preset: 'tabular', steps, baseline: 'self-critical' });
  return {
    spec: { space: 'ResBlock', scheme: 'nat', mode: 'cost-masked', placement, config: EDGE_POLICY, seed: 3, batch: 32, hyperparameters, threads: 1 },
    evaluations: 32,
    rounds: 2,
    policyUpdates: steps,
    evaluate: (architecture) => Promise.resolve(valueOf(architecture)),
    ...overrides,
  };
}

describe('searchWithRewardModel', () => {
  it('finds edits that are worth it with a few dozen evaluations, and repeats to the bit', async () => {
    const asked: string[] = [];
    const evaluate = (architecture: Architecture): Promise<number> => {
      asked.push(formatArchitecture(architecture).text);
      return Promise.resolve(valueOf(architecture));
    };
    const found = await searchWithRewardModel(options({ evaluate }));
    const source = zooArchitecture('ResBlock');
    expect(asked[0]).toBe(formatArchitecture(source).text);
    expect(asked).toHaveLength(32);
    expect(new Set(asked).size).toBe(32);
    expect(found.observations.map(({ architecture }) => formatArchitecture(architecture).text)).toEqual(asked);
    expect(found.chosen.agreement).toBeGreaterThan(0.7);

    const costOf = (architecture: Architecture): number => networkCost(lower(architecture, placement)).macs;
    const greedy = found.candidates[0]!;
    expect(valueOf(greedy)).toBeGreaterThan(valueOf(source) + 0.03);
    for (const candidate of found.candidates) expect(costOf(candidate)).toBeLessThanOrEqual(costOf(source));

    const again = await searchWithRewardModel(options());
    expect(Buffer.compare(again.checkpoint, found.checkpoint)).toBe(0);
    expect(again.candidates).toEqual(found.candidates);
  });

  it('fails as its evaluation fails', async () => {
    const evaluate = (): Promise<number> => Promise.reject(new RangeError('no images'));
    await expect(searchWithRewardModel(options({ evaluate }))).rejects.toThrow('no images');
  });
});

describe('chooseRewardModel', () => {
  const source = zooArchitecture('ResBlock');
  const observe = (value: (skips: number) => number, count: number): readonly Observation[] =>
    Array.from({ length: count }, (_, i) => {
      const stream = RandomStream.of('observe', i);
      const cells = source.cells.map((cell) => ({
        ...cell,
        edges: cell.edges.map((edge) =>
          stream.uniform() < 0.4 ? { ...edge, operation: { kind: 'primitive' as const, name: 'skip_connect' as const } } : edge,
        ),
      }));
      const skips = cells.flatMap(({ edges }) => edges).filter(({ operation }) => operation.name === 'skip_connect').length;
      return { architecture: { ...source, cells }, value: value(skips) };
    });

  it('tells what can be learned from what is noise', () => {
    const learnable = chooseRewardModel(observe((skips) => skips, 48), RandomStream.of('folds')); // prettier-ignore
    const noise = RandomStream.of('values');
    const random = chooseRewardModel(observe(() => noise.normal(), 48), RandomStream.of('folds'), [RIDGE]); // prettier-ignore
    expect(learnable.agreement).toBeGreaterThan(0.85);
    expect(Math.abs(random.agreement - 0.5)).toBeLessThan(0.2);
  });

  it('wants two observations a fold', () => {
    expect(() => chooseRewardModel(observe(() => 1, 15), RandomStream.of(0))).toThrow(expect.objectContaining({ reason: 'TOO_FEW_OBSERVATIONS' })); // prettier-ignore
  });
});
