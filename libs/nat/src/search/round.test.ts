import { readArchitecture } from '@nat/cells';
import { PolicyInference } from '../policy/inference/policy-inference.ts';
import { createCheckpoint } from '../policy/checkpoint.ts';
import { EDGE_POLICY } from '../policy/policy-config.ts';
import { RandomStream } from '@nat/base/random';
import { describe, expect, it } from 'vitest';
import { collateRound, sampleRound, learnerTrials, candidatesOfRound, type SampledTrial } from './round.ts';
import { officialCellsSpace } from './spaces/official-spaces.ts';
import { EnvironmentCache } from './environment-cache.ts';

const options = { scheme: 'nat', mode: 'cost-masked' } as const;
const space = officialCellsSpace('darts', 'nat');
const policy = new PolicyInference(createCheckpoint(EDGE_POLICY, RandomStream.of('round')));
const round = (step: number, batch = 6): readonly SampledTrial[] =>
  sampleRound({ space, environments: new EnvironmentCache(options), policy, seed: 5, step, batch, withGreedy: true });

describe('drawing a round', () => {
  it('depends on seed, step and index alone', () => {
    const trials = round(3);
    round(2);
    expect(round(3)).toEqual(trials);
    expect(round(3, 3)).toEqual(trials.slice(0, 3));
    expect(round(4)).not.toEqual(trials);
    expect(sampleRound({ space, environments: new EnvironmentCache(options), policy, seed: 6, step: 3, batch: 6, withGreedy: true })).not.toEqual(trials);
  });

  it('stores texts and actions that can be learned from again', () => {
    const trials = round(1);
    const environments = new EnvironmentCache(options);
    const again = learnerTrials(trials.map((trial) => ({ trial, reward: 1, greedyReward: 0 })), environments); // prettier-ignore
    trials.forEach(({ source, result, actions, logProb }, i) => {
      const { environment } = again[i]!;
      expect(logProb).toBeLessThan(0);
      expect(actions).toHaveLength(environment.decisions);
      const after = readArchitecture(result).cells.flatMap(({ edges }) => edges.map(({ operation }) => operation.name));
      const decided = actions.map((action, d) => environment.target(d, action));
      expect(after).toEqual(decided);
      expect(readArchitecture(source).cells.length).toBe(2);
    });
  });
});

describe('candidates and outcomes', () => {
  const trial = (index: number, source: string, result: string, greedyResult: string): SampledTrial => ({
    index,
    source,
    actions: [],
    result,
    logProb: -1,
    greedyResult,
  });
  const trials = [trial(0, 'a', 'x', 'y'), trial(1, 'a', 'y', 'y'), trial(2, 'b', 'y', 'y'), trial(3, 'a', 'z', 'w'), trial(4, 'a', 'q', 'w')];

  it('asks for every architecture once, as they first occur', () => {
    expect(candidatesOfRound(trials)).toEqual({
      texts: ['a', 'x', 'y', 'b', 'z', 'w', 'q'],
      trials: [
        { source: 0, result: 1, greedyResult: 2 },
        { source: 0, result: 2, greedyResult: 2 },
        { source: 3, result: 2, greedyResult: 2 },
        { source: 0, result: 4, greedyResult: 5 },
        { source: 0, result: 6, greedyResult: 5 },
      ],
    });
    const [{ greedyResult: _, ...plain }] = [trials[0]!];
    expect(candidatesOfRound([plain, { ...plain, result: plain.source }])).toEqual({
      texts: ['a', 'x'],
      trials: [
        { source: 0, result: 1 },
        { source: 0, result: 0 },
      ],
    });
  });

  it('counts rewards in trial order and leaves out what has no value, or whose greedy result has none', () => {
    const values: Readonly<Record<string, number>> = { a: 1, x: 2, y: 4, z: NaN, q: 8 };
    const candidates = candidatesOfRound(trials);
    const outcomes = candidates.texts.map((text) => (values[text] === undefined ? { failure: `LOST: ${text}` } : { value: values[text] }));
    const { counted, leftOut } = collateRound(trials, candidates, outcomes);
    expect(counted).toEqual([
      { trial: trials[0], reward: 1, greedyReward: 3 },
      { trial: trials[1], reward: 3, greedyReward: 3 },
    ]);
    expect(leftOut.map(({ trial: { index }, failure }) => [index, failure])).toEqual([
      [2, 'LOST: b'],
      [3, 'NOT_FINITE: a value is not a finite number'],
      [4, 'greedy result: LOST: w'],
    ]);
  });
});
