import { readNasBench201, zooArchitecture } from '@nat/cells';
import { Episode } from '../mdp/episode.ts';
import { loadTensorflow } from '@nat/tensor';
import { RandomStream } from '@nat/base/random';
import { describe, expect, it } from 'vitest';
import { policySha256, type PolicyCheckpoint } from '../policy/checkpoint.ts';
import { PolicyInference } from '../policy/inference/policy-inference.ts';
import type { PolicyConfig } from '../policy/policy-config.ts';
import { DEFAULT_IMPORTANCE_CLIP, importanceWeights } from './importance.ts';
import { Learner, lossAndGradients, prepareBatch, type Trial } from './reinforce.ts';
import { presets } from './presets.ts';
import { createEnvironment, type Environment } from '../mdp/environment.ts';
import { gradientErrors, lossInDouble, shaken, termsInDouble } from '../testing/double-precision.ts';

const tf = loadTensorflow();
const edge: PolicyConfig = { encoder: 'edge', hidden: 6, layers: 2 };
const cell = createEnvironment(readNasBench201('|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|none~1|nor_conv_1x1~2|'), {
  scheme: 'nat',
  mode: 'cost-masked',
});
const environments: readonly Environment[] = [cell, createEnvironment(zooArchitecture('DARTS'), { scheme: 'nat++', mode: 'cost-masked' })];
/** The policy that learns, and one that it could have been a few steps ago. */
const now = shaken(edge, 3);
const earlier: PolicyCheckpoint = {
  ...now,
  parameters: new Map(
    [...now.parameters].map(([name, { shape, data }]) => {
      const stream = RandomStream.of('earlier', name);
      return [name, { shape, data: data.map((value) => value + 0.1 * stream.normal()) }];
    }),
  ),
};

function drawnBy(checkpoint: PolicyCheckpoint, each: number, stale: boolean): Trial[] {
  const policy = new PolicyInference(checkpoint);
  return environments.flatMap((environment, s) =>
    Array.from({ length: each }, (_, i): Trial => {
      const stream = RandomStream.of('trial', s, i);
      const { actions, logProb } = policy.sample(environment, { mode: 'sample', stream });
      return { environment, actions, reward: stream.normal(), greedyReward: 0, ...(stale ? { behaviourLogProb: logProb } : {}) };
    }),
  );
}

const behaviourOf = (trials: readonly Trial[]): (number | undefined)[] => trials.map(({ behaviourLogProb }) => behaviourLogProb);

describe('importance weights', () => {
  it('are the ratio of probabilities, up to the bound, and 1 where there is no earlier policy', () => {
    const { weights, clipped } = importanceWeights(Float64Array.of(-1, -1, -1, -1000, 0), { behaviour: [-2, -0.5, undefined, -1, -1000], clip: 2 });
    expect([...weights]).toEqual([2, Math.exp(-0.5), 1, 0, 2]);
    expect(clipped).toBe(2);
    expect([...importanceWeights(Float64Array.of(-1, -1), { behaviour: [-2, -1], clip: 4 }).weights]).toEqual([Math.E, 1]);
  });

  it('weigh the gradient of each trial: it agrees with finite differences in double precision, with the weights held constant', () => {
    const trials = drawnBy(earlier, 8, true).map(({ behaviourLogProb, ...trial }, i) => ({ ...trial, ...(i % 4 === 3 ? {} : { behaviourLogProb }) }));
    const advantages = Float64Array.from(trials, ({ reward }) => reward / trials.length);
    const importance = { behaviour: behaviourOf(trials), clip: 1 };
    const result = lossAndGradients(tf, edge, now.parameters, prepareBatch(trials), advantages, [0.1 / trials.length], importance);

    const { weights, clipped } = importanceWeights(termsInDouble(edge, now.parameters, trials).logProb, importance);
    expect(clipped).toBeGreaterThan(0);
    expect(clipped).toBeLessThan(trials.length);
    expect(result.importance!.clipped).toBe(clipped);
    result.importance!.weights.forEach((weight, t) => expect(weight).toBeCloseTo(weights[t]!, 4)); // prettier-ignore
    const constant = advantages.map((advantage, t) => advantage * weights[t]!);
    const at = (parameters: PolicyCheckpoint['parameters']): number => lossInDouble(edge, parameters, trials, constant, 0.1 / trials.length);
    expect(result.loss).toBeCloseTo(at(now.parameters), 4);
    for (const { name, length, relative } of gradientErrors(now.parameters, result.gradients, at)) {
      expect(length, `${name} has a gradient`).toBeGreaterThan(1e-5);
      expect(relative, name).toBeLessThanOrEqual(1e-4);
    }
  });

  it('make the expected gradient under the earlier policy that of the expected reward under this one; a bound makes it smaller', () => {
    const every = everyTransform(cell);
    const rewards = every.map((_, i) => RandomStream.of('reward', i).normal());
    const probabilities = (parameters: PolicyCheckpoint['parameters']): Float64Array => termsInDouble(edge, parameters, every).logProb.map(Math.exp);
    const mu = probabilities(earlier.parameters);
    expect(mu.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 10);
    const gradientWith = (clip: number): ReadonlyMap<string, Float32Array> =>
      lossAndGradients(
        tf,
        edge,
        now.parameters,
        prepareBatch(every),
        mu.map((p, i) => p * rewards[i]!),
        [0],
        { behaviour: [...mu].map(Math.log), clip },
      ).gradients;
    const minusExpectedReward = (parameters: PolicyCheckpoint['parameters']): number =>
      -probabilities(parameters).reduce((sum, p, i) => sum + p * rewards[i]!, 0);
    const worst = (gradients: ReadonlyMap<string, Float32Array>): number =>
      Math.max(...gradientErrors(now.parameters, gradients, minusExpectedReward).map(({ relative }) => relative));
    expect(worst(gradientWith(1e9))).toBeLessThan(1e-3);
    expect(worst(gradientWith(1))).toBeGreaterThan(1e-2);
    // Left out of the correction altogether, it is another gradient still.
    const uncorrected = lossAndGradients(tf, edge, now.parameters, prepareBatch(every), mu.map((p, i) => p * rewards[i]!), [0]); // prettier-ignore
    expect(worst(uncorrected.gradients)).toBeGreaterThan(1e-2);
  });
});

describe('a learner with trials of an earlier policy', () => {
  const step = async (trials: readonly Trial[], importanceClip?: number) => {
    const learner = await Learner.restore(now, { ...presets.tabular, ...(importanceClip === undefined ? {} : { importanceClip }) });
    return { stats: learner.step(trials), sha: policySha256(learner.checkpoint()) };
  };

  it('makes the same update, to the bit, where nothing is stale, whatever the bound', async () => {
    const fresh = await step(drawnBy(now, 4, false));
    expect(fresh.stats).toMatchObject({ meanWeight: 1, clippedShare: 0 });
    expect((await step(drawnBy(now, 4, false), 3)).sha).toBe(fresh.sha);
    // Said to be stale though it is the same policy, weights are 1 up to the rounding of float32.
    const said = await step(drawnBy(now, 4, true), 3);
    expect(said.stats.meanWeight).toBeCloseTo(1, 4);
    expect(said.stats.loss).toBeCloseTo(fresh.stats.loss, 4);
  });

  it('says how they were weighted', async () => {
    const trials = drawnBy(earlier, 8, true);
    const loose = await step(trials, 1e6);
    const tight = await step(trials, 1);
    expect(loose.stats.clippedShare).toBe(0);
    expect(tight.stats.clippedShare).toBeGreaterThan(0);
    expect(tight.stats.clippedShare).toBeLessThan(1);
    expect(tight.stats.meanWeight).toBeLessThan(1);
    expect(tight.stats.meanWeight).toBeLessThan(loose.stats.meanWeight);
    expect((await step(trials)).sha).toBe((await step(trials, DEFAULT_IMPORTANCE_CLIP)).sha);
    // The entropy is of this policy, and not weighted.
    expect(tight.stats.entropy).toBe(loose.stats.entropy);
  });

  it('refuses a log-probability that is none', async () => {
    const [trial] = drawnBy(now, 1, false);
    await expect(step([{ ...trial!, behaviourLogProb: NaN }])).rejects.toMatchObject({
      reason: 'BEHAVIOUR_LOG_PROB',
      violations: [{ field: 'trials[0].behaviourLogProb' }],
    });
  });
});

/** One trial for each transform of a environment. */
function everyTransform(environment: Environment): readonly Trial[] {
  const found: Trial[] = [];
  const extend = (actions: readonly number[]): void => {
    if (actions.length === environment.decisions) {
      found.push({ environment, actions, reward: 0 });
      return;
    }
    const sequence = new Episode(environment.space);
    for (const action of actions) sequence.step(action);
    const bits = sequence.legalActions();
    bits.forEach((isLegal, action) => {
      if (isLegal === 1) extend([...actions, action]);
    });
  };
  extend([]);
  return found;
}
