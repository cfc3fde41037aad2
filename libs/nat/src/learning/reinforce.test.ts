import { officialSpace, readNasBench201, zooArchitecture, type Architecture } from '@nat/cells';
import { loadTensorflow } from '@nat/tensor';
import { RandomStream } from '@nat/base/random';
import { describe, expect, it } from 'vitest';
import { createCheckpoint, parseCheckpoint, policySha256, serializeCheckpoint, type PolicyCheckpoint } from '../policy/checkpoint.ts';
import { PolicyInference } from '../policy/inference/policy-inference.ts';
import { officialGcnPolicy, type PolicyConfig } from '../policy/policy-config.ts';
import { Learner, lossAndGradients, prepareBatch, type Trial } from './reinforce.ts';
import { presets, type Hyperparameters } from './presets.ts';
import { createEnvironment, type Environment } from '../mdp/environment.ts';
import { gradientErrors, lossInDouble, shaken } from '../testing/double-precision.ts';

const tf = loadTensorflow();
const cell = (text: string): Architecture => readNasBench201(text);
const edge: PolicyConfig = { encoder: 'edge', hidden: 6, layers: 2 };
const lstm: PolicyConfig = { encoder: 'lstm', hidden: 5, layers: 3 };
const pair: PolicyConfig = {
  ...officialGcnPolicy('nat++', officialSpace('NATv2', 'FULLY_CONCAT_PRIMITIVES').primitives),
  embedding: 5,
  features: 7,
  hidden: 6,
};

const mixed: readonly Environment[] = [
  createEnvironment(cell('|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|none~1|nor_conv_1x1~2|'), { scheme: 'nat', mode: 'cost-masked' }),
  createEnvironment(zooArchitecture('DARTS'), { scheme: 'nat++', mode: 'cost-masked' }),
  createEnvironment(zooArchitecture('resnet20'), { scheme: 'nat', mode: 'cost-masked' }),
  createEnvironment(zooArchitecture('ENAS'), { scheme: 'nat', mode: 'official' }),
];
const official: readonly Environment[] = ['DARTS', 'VGG'].map((name) => createEnvironment(zooArchitecture(name), { scheme: 'nat++', mode: 'cost-masked' }));

function sampled(checkpoint: PolicyCheckpoint, environments: readonly Environment[], each: number): Trial[] {
  const policy = new PolicyInference(checkpoint);
  return environments.flatMap((environment, s) =>
    Array.from({ length: each }, (_, i): Trial => {
      const stream = RandomStream.of('trial', s, i);
      const { actions } = policy.sample(environment, { mode: 'sample', stream });
      return { environment, actions, reward: stream.normal(), greedyReward: 0 };
    }),
  );
}

describe('gradients', () => {
  it.each([
    ['edge', edge, mixed],
    ['lstm', lstm, mixed],
    ['pair', pair, official],
  ] as const)('of every parameter of the %s encoder agree with finite differences in double precision', (_, config, environments) => {
    const checkpoint = shaken(config, 3);
    const { parameters } = checkpoint;
    const trials = sampled(checkpoint, environments, 2);
    const weights = Float64Array.from(trials, ({ reward }) => reward / trials.length);
    const entropyWeight = 0.1 / trials.length;
    const { gradients, loss } = lossAndGradients(tf, config, parameters, prepareBatch(trials), weights, [entropyWeight]);
    expect(loss).toBeCloseTo(lossInDouble(config, parameters, trials, weights, entropyWeight), 4);

    const at = (moved: PolicyCheckpoint['parameters']): number => lossInDouble(config, moved, trials, weights, entropyWeight);
    for (const { name, length, relative } of gradientErrors(parameters, gradients, at)) {
      expect(length, `${name} has a gradient`).toBeGreaterThan(1e-5);
      expect(relative, name).toBeLessThanOrEqual(1e-4);
    }
  });

  it('of a batch are the mean of those of its trials', () => {
    const checkpoint = shaken(edge, 4);
    const trials = sampled(checkpoint, mixed, 1);
    const weights = Float64Array.from(trials, ({ reward }) => reward / trials.length);
    const whole = lossAndGradients(tf, edge, checkpoint.parameters, prepareBatch(trials), weights, [0.01]);
    const parts = trials.map((trial, t) => lossAndGradients(tf, edge, checkpoint.parameters, prepareBatch([trial]), weights.subarray(t, t + 1), [0.01]));
    expect(whole.loss).toBeCloseTo(parts.reduce((sum, { loss }) => sum + loss, 0), 4); // prettier-ignore
    for (const [name, gradient] of whole.gradients) {
      const largest = gradient.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
      gradient.forEach((value, i) => {
        const sum = parts.reduce((total, { gradients }) => total + gradients.get(name)![i]!, 0);
        expect(Math.abs(value - sum)).toBeLessThanOrEqual(1e-5 * largest + 1e-7);
      });
    }
  });
});

describe('Learner', () => {
  const hyperparameters: Hyperparameters = presets.tabular;

  it('repeats bit for bit, also through a serialized checkpoint in the middle', async () => {
    const start = createCheckpoint(edge, RandomStream.of(7));
    const trials = sampled(start, mixed, 2);
    const run = async (interrupt: boolean): Promise<string> => {
      let learner = await Learner.restore(start, hyperparameters);
      for (let step = 0; step < 6; step++) {
        if (interrupt && step === 3) learner = await Learner.restore(parseCheckpoint(serializeCheckpoint(learner.checkpoint())), hyperparameters);
        learner.step(trials);
      }
      return policySha256(learner.checkpoint());
    };
    const undisturbed = await run(false);
    expect(await run(false)).toBe(undisturbed);
    expect(await run(true)).toBe(undisturbed);
    expect(undisturbed).not.toBe(policySha256(start));
  });

  it('does not change the checkpoint it started from, nor let one out that changes', async () => {
    const start = createCheckpoint(edge, RandomStream.of(8));
    const sha = policySha256(start);
    const learner = await Learner.restore(start, hyperparameters);
    const trials = sampled(start, mixed, 1);
    learner.step(trials);
    const taken = learner.checkpoint();
    const takenSha = policySha256(taken);
    learner.step(trials);
    expect(policySha256(start)).toBe(sha);
    expect(policySha256(taken)).toBe(takenSha);
    expect(taken.step).toBe(1);
  });

  it('leaks no tensors', async () => {
    const start = createCheckpoint(edge, RandomStream.of(9));
    const learner = await Learner.restore(start, hyperparameters);
    const trials = sampled(start, mixed, 1);
    learner.step(trials);
    const before = tf.memory().numTensors;
    for (let i = 0; i < 5; i++) learner.step(trials);
    expect(tf.memory().numTensors).toBe(before);
    learner.dispose();
    expect(tf.memory().numTensors).toBe(before);
    expect(() => learner.step(trials)).toThrow(/disposed/);
  });

  it('reports what it did', async () => {
    const start = createCheckpoint(edge, RandomStream.of(10));
    const learner = await Learner.restore(start, { ...hyperparameters, baseline: { kind: 'moving-average', decay: 0.9 }, advantages: {} });
    const trials = sampled(start, [mixed[0]!], 4).map((trial, i) => ({ ...trial, reward: i }));
    const stats = learner.step(trials);
    expect(stats).toMatchObject({
      step: 1,
      meanReward: 1.5,
      meanAdvantage: 0,
      baseline: 1.5,
      learningRate: presets.tabular.learningRate / presets.tabular.schedule.warmup,
    });
    // Untrained: uniform over 3, 2, 2, 3, 2, 3 candidates, where the guard does not forbid one.
    expect(stats.entropy).toBeGreaterThan(4);
    expect(stats.entropy).toBeLessThanOrEqual(3 * Math.log(3) + 3 * Math.log(2) + 1e-5);
    expect(stats.gradientNorm).toBeGreaterThan(0);
    expect(learner.updates).toBe(1);
  });

  it('refuses batches it cannot learn from', async () => {
    const start = createCheckpoint(edge, RandomStream.of(11));
    const learner = await Learner.restore(start, hyperparameters);
    const [trial] = sampled(start, [mixed[0]!], 1);
    const { environment, actions } = trial!;
    const failure = (trials: readonly Trial[]): unknown => {
      try {
        learner.step(trials);
      } catch (error) {
        return error;
      }
      return undefined;
    };
    expect(failure([])).toMatchObject({ kind: 'INVALID_ARGUMENT', reason: 'EMPTY_BATCH' });
    expect(failure([{ environment, actions, reward: NaN, greedyReward: 0 }])).toMatchObject({ reason: 'REWARD', violations: [{ field: 'trials[0].reward' }] });
    expect(failure([{ environment, actions: [1], reward: 0, greedyReward: 0 }])).toMatchObject({
      reason: 'ACTION_NOT_ALLOWED',
      violations: [{ field: 'trials[0].actions' }],
    });
    expect(failure([{ environment, actions: [9, 1, 1, 1, 1, 1], reward: 0, greedyReward: 0 }])).toMatchObject({
      violations: [{ field: 'trials[0].actions[0]' }],
    });
    // Cutting every edge would cut the last path.
    expect(failure([{ environment, actions: [0, 1, 0, 0, 1, 0], reward: 0, greedyReward: 0 }])).toMatchObject({ reason: 'ACTION_NOT_ALLOWED' });
    expect(failure([{ environment, actions, reward: 0 }])).toMatchObject({ reason: 'GREEDY_REWARD_MISSING' });
    expect(learner.updates).toBe(0);
  });

  it('learns which action pays, in one space, and prefers it in another', async () => {
    const learner = await Learner.restore(createCheckpoint({ encoder: 'edge', hidden: 16, layers: 2 }, RandomStream.of(12)), {
      ...presets.tabular,
      learningRate: 1e-2,
    });
    const paying = (environment: Environment, actions: ArrayLike<number>): number =>
      Array.from({ length: environment.decisions }, (_, d) => (environment.target(d, actions[d]!) === 'skip_connect' ? 1 : 0)).reduce<number>(
        (a, b) => a + b,
        0,
      );
    const [source] = mixed;
    for (let step = 0; step < 40; step++) {
      const policy = new PolicyInference(learner.checkpoint());
      const greedy = policy.sample(source!, { mode: 'greedy' });
      learner.step(
        Array.from({ length: 32 }, (_, i) => {
          const { actions } = policy.sample(source!, { mode: 'sample', stream: RandomStream.of('learns', step, i) });
          return { environment: source!, actions, reward: paying(source!, actions), greedyReward: paying(source!, greedy.actions) };
        }),
      );
    }
    const policy = new PolicyInference(learner.checkpoint());
    expect(paying(source!, policy.sample(source!, { mode: 'greedy' }).actions)).toBe(6);
    const elsewhere = createEnvironment(zooArchitecture('DARTS'), { scheme: 'nat', mode: 'cost-masked' });
    const untrained = new PolicyInference(createCheckpoint({ encoder: 'edge', hidden: 16, layers: 2 }, RandomStream.of(12)));
    const greedy = policy.sample(elsewhere, { mode: 'greedy' });
    expect(paying(elsewhere, greedy.actions)).toBeGreaterThan(paying(elsewhere, untrained.sample(elsewhere, { mode: 'greedy' }).actions));
  });
});
