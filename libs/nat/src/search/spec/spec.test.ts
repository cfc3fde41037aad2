import { isDomainError } from '@nat/base/errors';
import { describe, expect, it } from 'vitest';
import { epochOf, weightLearningRateAt, weightRoundsOf } from './alternation.ts';
import { checkSearch } from './check-search.ts';
import { fillDefaults } from './fill-defaults.ts';
import type { EffectiveSearchSpec, SearchSpec, SharedWeightsReward } from './search-spec.ts';
import { sessionSpecOf } from './session-spec.ts';

type Shared = Extract<SearchSpec['reward'], { readonly kind: 'shared-weights' }>;

const shared = (reward: Omit<Shared, 'kind'> = {}, rest: Partial<SearchSpec> = {}): SearchSpec => ({
  sources: { kind: 'space', space: 'darts' },
  reward: { kind: 'shared-weights', dataset: 'cifar10', ...reward },
  ...rest,
});
const rewardOf = ({ reward }: EffectiveSearchSpec): SharedWeightsReward => {
  if (reward.kind !== 'shared-weights') throw new TypeError('another kind of reward');
  return reward;
};
const fieldsRefused = (spec: SearchSpec): readonly string[] => {
  try {
    checkSearch(spec, fillDefaults(spec));
  } catch (error) {
    if (isDomainError(error)) return error.violations.map(({ field }) => field);
    throw error;
  }
  return [];
};

describe('presets of shared weights', () => {
  it("have the official code's numbers: passes over 40 % and 60 % of what is left of 50,000 images", () => {
    const nat = fillDefaults(shared({}, { preset: 'nat' }));
    expect(nat).toMatchObject({
      actions: { scheme: 'nat', masking: 'cost-masked', placement: { network: 'supernet', channels: 20, layers: 8 } },
      policy: { encoder: { kind: 'gcn', embedding: 100, features: 1024, hidden: 100 } },
      learner: { steps: 42_200, batch: 1, baseline: { kind: 'moving-average', decay: 0.99 }, learningRate: 3e-4, entropyWeight: 0.003 },
      pipelining: { roundsInFlight: 1, maxStaleness: 2, importanceClip: 2 },
      heldOutComparison: { sources: 64, images: 2_000 },
      seed: 0,
      threads: 1,
    });
    expect(nat.learner.adam).toEqual({ beta1: 0.5, beta2: 0.999, epsilon: 1e-8, weightDecay: 5e-4 });
    expect(rewardOf(nat)).toMatchObject({ epochs: 100, policyStepsPerEpoch: 422, split: 'set-aside', scoreBatches: 1 });
    expect(rewardOf(nat).weightTraining).toEqual({
      stepsPerEpoch: 282,
      warmupSteps: 0,
      shards: 1,
      stepsPerRound: 100,
      imageBatch: 64,
      learningRate: 0.01,
      minLearningRate: 0.01,
      momentum: 0.9,
      weightDecay: 3e-4,
      clipNorm: 5,
    });
    expect(fillDefaults(shared({}, { preset: 'nat++' }))).toMatchObject({
      actions: { scheme: 'nat++' },
      learner: { steps: 84_400 },
      reward: { epochs: 200 },
      policy: { encoder: { kind: 'gcn' } },
    });
    const official = fillDefaults(shared({ split: 'official' }, { preset: 'nat' }));
    expect(rewardOf(official)).toMatchObject({ policyStepsPerEpoch: 469, weightTraining: { stepsPerEpoch: 313 } });
    expect(official.heldOutComparison).toMatchObject({ sources: 0 });
    expect(fillDefaults(shared({}, { preset: 'nat', sources: { kind: 'zoo', name: 'DARTS' } })).policy.encoder.kind).toBe('gcn');
  });

  it('are small where asked, and every number can be overridden', () => {
    const small = fillDefaults(shared({}, { preset: 'small', sources: { kind: 'space', space: 'resblock' } }));
    expect(small).toMatchObject({ policy: { encoder: { kind: 'edge-gnn' } }, learner: { baseline: { kind: 'self-critical' }, batch: 16 } });
    const { epochs, policyStartEpoch, policyStepsPerEpoch, weightTraining } = rewardOf(small);
    expect(weightTraining.shards).toBe(2);
    expect(small.learner.steps).toBe((epochs - policyStartEpoch) * policyStepsPerEpoch);
    // NAT's first release.
    const first = fillDefaults(
      shared(
        { epochs: 50, weightTraining: { minLearningRate: 1e-3 } },
        { preset: 'nat', learner: { entropyWeight: 0.005 }, actions: { placement: { channels: 16 } } },
      ),
    );
    expect(first).toMatchObject({ learner: { steps: 50 * 422, entropyWeight: 0.005 }, actions: { placement: { channels: 16, layers: 8 } } });
    expect(rewardOf(first)).toMatchObject({ epochs: 50, weightTraining: { learningRate: 0.01, minLearningRate: 1e-3 } });
    expect(fillDefaults(shared({}, { preset: 'nat', policy: { encoder: { kind: 'gcn', features: 64 } } })).policy.encoder).toEqual({
      kind: 'gcn',
      embedding: 100,
      features: 64,
      hidden: 100,
    });
    // Epochs follow from steps.
    const counted = fillDefaults(shared({ policyStepsPerEpoch: 3, policyStartEpoch: 0 }, { preset: 'small', learner: { steps: 7 } }));
    expect([counted.learner.steps, rewardOf(counted).epochs]).toEqual([7, 3]);
  });
});

describe('defaults', () => {
  const given: readonly SearchSpec[] = [
    shared({}, { preset: 'small', seed: 4 }),
    shared({ split: 'official' }, { preset: 'nat++' }),
    { sources: { kind: 'space', space: 'nasbench201' }, reward: { kind: 'tabular' } },
    { sources: { kind: 'zoo', name: 'resnet20' }, reward: { kind: 'from-scratch', steps: 5 }, learner: { steps: 2 }, pipelining: { roundsInFlight: 3 } },
  ];

  it.each(given)('of $reward.kind are filled in once: filling in again, or checking, changes nothing', (spec) => {
    const once = fillDefaults(spec);
    expect(fillDefaults(once)).toEqual(once);
    expect(fieldsRefused(spec)).toEqual([]);
    expect(fieldsRefused(once)).toEqual([]);
    expect(sessionSpecOf(once).hyperparameters.importanceClip).toBe(2);
  });

  it('of tabular rewards are those of the preset tabular, and the learner has its schedule', () => {
    const spec = fillDefaults({ sources: { kind: 'space', space: 'nasbench201' }, reward: { kind: 'tabular' }, learner: { steps: 20 } });
    expect(spec).toMatchObject({
      preset: 'tabular',
      reward: { column: 'c10_valid_200', candidatesPerEvaluation: 1024 },
      learner: { batch: 512, entropyWeight: 0.2 },
    });
    expect(sessionSpecOf(spec)).toMatchObject({
      space: 'nasbench201',
      hyperparameters: { schedule: { kind: 'cosine', steps: 20 }, entropyDecaySteps: 20, baseline: { kind: 'self-critical' }, advantages: { shape: 'root' } },
    });
    const linear = fillDefaults({ ...spec, learner: { ...spec.learner, advantageShape: 'linear' } });
    expect(sessionSpecOf(linear).hyperparameters.advantages).toEqual({ shape: 'linear', normalization: 'rms', clip: 3 });
  });

  it('train a child for one epoch where no budget is given', () => {
    const child = (reward: object) => fillDefaults({ sources: { kind: 'zoo', name: 'resnet20' }, reward: { kind: 'from-scratch', ...reward } }).reward;
    expect(child({})).toMatchObject({ epochs: 1, dataset: 'mnist', imageBatch: 64, candidatesPerEvaluation: 1 });
    expect(child({ steps: 3 })).toMatchObject({ steps: 3, epochs: undefined });
  });
});

describe('what does not go together', () => {
  it('is refused by field', () => {
    expect(fieldsRefused(shared({ epochs: 2 }, { learner: { steps: 10 } }))).toEqual(['reward.epochs']);
    expect(fieldsRefused(shared({ epochs: 1 }, { learner: { steps: 10 } }))).toEqual([]);
    expect(fieldsRefused(shared({ epochs: 4, policyStartEpoch: 4 }))).toEqual(['reward.policyStartEpoch']);
    expect(fieldsRefused(shared({ weightTraining: { minLearningRate: 0.1 } }))).toEqual(['reward.weightTraining.minLearningRate']);
    expect(fieldsRefused(shared({ split: 'official' }, { heldOutComparison: { sources: 8 } }))).toEqual(['heldOutComparison.sources']);
    expect(fieldsRefused(shared({}, { heldOutComparison: { images: 6_000 } }))).toEqual(['heldOutComparison.images']);
    expect(fieldsRefused(shared({}, { heldOutComparison: { sources: 1 } }))).toEqual(['heldOutComparison.sources']);
    expect(fieldsRefused(shared({ dataset: 'imagefolder:leaves' }))).toEqual(['reward.weightTraining.stepsPerEpoch', 'reward.policyStepsPerEpoch']);
    expect(fieldsRefused(shared({ dataset: 'nothing' }))).toContain('reward.dataset');
    expect(fieldsRefused(shared({}, { pipelining: { roundsInFlight: 4 } }))).toEqual(['pipelining.roundsInFlight']);
    expect(fieldsRefused(shared({}, { actions: { placement: { network: 'imagenet' } } }))).toEqual(['actions.placement.network']);
    const table = { sources: { kind: 'space', space: 'nasbench201' } as const, reward: { kind: 'tabular' } as const };
    expect(fieldsRefused({ ...table, actions: { scheme: 'nat++' } })).toEqual(['actions.scheme']);
    expect(fieldsRefused({ ...table, preset: 'nat' })).toEqual(['learner.steps']);
    expect(fieldsRefused({ ...table, pipelining: { roundsInFlight: 4, maxStaleness: 2 } })).toEqual(['pipelining.maxStaleness']);
    expect(fieldsRefused({ ...table, heldOutComparison: { sources: 4 } })).toEqual(['heldOutComparison']);
    expect(fieldsRefused({ ...table, policy: { encoder: { kind: 'gcn' } } })).toEqual(['policy.encoder']);
    expect(fieldsRefused({ ...table, sources: { kind: 'zoo', name: 'nobody' } })).toEqual(['sources.name']);
    expect(fieldsRefused({ ...table, sources: { kind: 'space', space: 'darts' } })).toEqual(['reward']);
    expect(fieldsRefused({ ...table, reward: { kind: 'shared-weights' } })).toEqual(['reward']);
    expect(fieldsRefused({ ...table, reward: { kind: 'from-scratch', dataset: 'nothing' } })).toEqual(['reward.dataset', 'learner.steps']);
  });
});

describe('rounds of weight training', () => {
  const spec = fillDefaults(
    shared(
      { epochs: 5, policyStartEpoch: 2, policyStepsPerEpoch: 3, weightTraining: { stepsPerEpoch: 50, warmupSteps: 10, stepsPerRound: 20 } },
      { preset: 'small' },
    ),
  );
  const reward = rewardOf(spec);

  it('come before the first policy step of an epoch, and those of the epochs without a policy before the first of all', () => {
    expect(spec.learner.steps).toBe(9);
    expect([1, 3, 4, 7, 9, 10].map((step) => epochOf(reward, step))).toEqual([2, 2, 3, 4, 4, 4]);
    expect(weightRoundsOf(spec, 1).map(({ epoch, steps }) => [epoch, steps])).toEqual([
      [0, 20], [0, 20], [0, 20], [1, 20], [1, 20], [1, 10], [2, 20], [2, 20], [2, 10],
    ]); // prettier-ignore
    expect(weightRoundsOf(spec, 2)).toEqual([]);
    expect(weightRoundsOf(spec, 10)).toEqual([]);
    const numbers = [1, 4, 7].flatMap((step) => weightRoundsOf(spec, step).map(({ round }) => round));
    expect(numbers).toEqual(numbers.map((_, i) => i));
  });

  it('follow a cosine over the epochs, or a constant', () => {
    const cosine = { ...reward, epochs: 4, weightTraining: { ...reward.weightTraining, learningRate: 0.1, minLearningRate: 0.02 } };
    expect([0, 1, 2, 3].map((epoch) => weightLearningRateAt(cosine, epoch))).toEqual(
      [0, 1, 2, 3].map((epoch) => expect.closeTo(0.02 + (0.08 * (1 + Math.cos((Math.PI * epoch) / 4))) / 2, 12) as number),
    );
    expect(weightLearningRateAt({ ...cosine, weightTraining: { ...cosine.weightTraining, minLearningRate: 0.1 } }, 3)).toBeCloseTo(0.1, 12);
  });
});
