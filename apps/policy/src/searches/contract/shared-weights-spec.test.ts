import { evaluation as evaluationWire, search as wire } from '@nat/contracts';
import { isDomainError } from '@nat/base/errors';
import { describe, expect, it } from 'vitest';
import { planEvaluations, weightTaskAt } from '../evaluation/evaluation-requests.ts';
import { completeSpec } from './search-spec.ts';
import { epochOf, weightLearningRateAt, weightRoundsOf } from './shared-weights-spec.ts';

const complete = (spec: Partial<wire.SearchSpec>): wire.SearchSpec =>
  completeSpec(wire.SearchSpec.create({ space: 'darts', evaluator: 'shared-weights', dataset: 'cifar10', ...spec }));
const fieldsRefused = (spec: Partial<wire.SearchSpec>): readonly string[] => {
  try {
    complete(spec);
  } catch (error) {
    if (isDomainError(error)) return error.violations.map(({ field }) => field);
    throw error;
  }
  return [];
};

describe('presets of shared weights', () => {
  it("have the official code's numbers: passes over 40 % and 60 % of what is left of 50,000 images", () => {
    const nat = complete({ preset: 'nat' });
    expect(nat).toMatchObject({ scheme: 'SCHEME_NAT', encoder: 'pair', baseline: 'BASELINE_MOVING_AVERAGE', batch: 1, epochs: 100, shards: 1, imageBatch: 64 });
    expect(nat).toMatchObject({ learningRate: 3e-4, entropyWeight: 0.003, weightLearningRate: 0.01, weightLearningRateMin: 0.01, weightMomentum: 0.9 });
    expect(nat).toMatchObject({ placement: { channels: 20, layers: 8 }, encoderSize: { embedding: 100, features: 1024, graphHidden: 100 } });
    expect(nat).toMatchObject({ weightSteps: 282, policySteps: 422, steps: 42_200, heldOutSources: 64, heldOutImages: 2_000 });
    expect(complete({ preset: 'nat++' })).toMatchObject({ scheme: 'SCHEME_NAT_PLUS_PLUS', epochs: 200, steps: 84_400, encoder: 'pair' });
    expect(complete({ preset: 'nat', split: evaluationWire.SearchSplit.SEARCH_SPLIT_OFFICIAL })).toMatchObject({
      weightSteps: 313,
      policySteps: 469,
      heldOutSources: 0,
    });
    expect(complete({ preset: 'nat', scheme: nat.scheme, space: 'DARTS' }).encoder).toBe('pair');
  });

  it('are small where asked, and every number can be overridden', () => {
    const small = complete({ preset: 'small', space: 'resblock' });
    expect(small).toMatchObject({ encoder: 'edge', baseline: 'BASELINE_SELF_CRITICAL', shards: 2, batch: 16 });
    expect(small.steps).toBe((small.epochs - small.policyStartEpoch!) * small.policySteps);
    // NAT's first release.
    const first = {
      preset: 'nat',
      epochs: 50,
      weightLearningRateMin: 1e-3,
      entropyWeight: 0.005,
      placement: wire.SearchSpec.fromJSON({ placement: { channels: 16 } }).placement,
    };
    expect(complete(first)).toMatchObject({ epochs: 50, steps: 50 * 422, entropyWeight: 0.005, placement: { channels: 16, layers: 8 } });
    expect(complete({ preset: 'nat', encoderSize: wire.EncoderSize.create({ features: 64 }) }).encoderSize).toMatchObject({
      embedding: 100,
      features: 64,
      graphHidden: 100,
    });
    // Steps decide over epochs.
    expect(complete({ preset: 'small', steps: 7, policySteps: 3, policyStartEpoch: 0 })).toMatchObject({ steps: 7, policySteps: 3, epochs: 3 });
  });

  it('are completed the same again', () => {
    const once = complete({ preset: 'small', seed: 4 });
    expect(completeSpec({ ...once, epochs: 0 })).toEqual(once);
  });

  it('refuse what does not go together, by field', () => {
    expect(fieldsRefused({ steps: 10, epochs: 2 })).toEqual(['spec.epochs']);
    expect(fieldsRefused({ epochs: 4, policyStartEpoch: 4 })).toEqual(['spec.policy_start_epoch']);
    expect(fieldsRefused({ weightLearningRateMin: 0.1 })).toEqual(['spec.weight_learning_rate_min']);
    expect(fieldsRefused({ heldOutSources: 8, split: evaluationWire.SearchSplit.SEARCH_SPLIT_OFFICIAL })).toEqual(['spec.held_out_sources']);
    expect(fieldsRefused({ heldOutImages: 6_000 })).toEqual(['spec.held_out_images']);
    expect(fieldsRefused({ evaluator: 'from-scratch' })).toEqual(['spec.steps']);
    expect(fieldsRefused({ evaluator: 'from-scratch', epochs: 3 })).toEqual(['spec.epochs', 'spec.steps']);
  });
});

describe('rounds of weight training', () => {
  const spec = complete({ preset: 'small', epochs: 5, policyStartEpoch: 2, policySteps: 3, weightSteps: 50, warmupWeightSteps: 10, roundSteps: 20, shards: 2 });

  it('come before the first policy step of an epoch, and those of the epochs without a policy before the first of all', () => {
    expect(spec.steps).toBe(9);
    expect([1, 3, 4, 7, 9, 10].map((step) => epochOf(spec, step))).toEqual([2, 2, 3, 4, 4, 4]);
    expect(weightRoundsOf(spec, 1).map(({ epoch, steps }) => [epoch, steps])).toEqual([
      [0, 20], [0, 20], [0, 20], [1, 20], [1, 20], [1, 10], [2, 20], [2, 20], [2, 10],
    ]); // prettier-ignore
    expect(weightRoundsOf(spec, 2)).toEqual([]);
    expect(weightRoundsOf(spec, 10)).toEqual([]);
    const numbers = [1, 4, 7].flatMap((step) => weightRoundsOf(spec, step).map(({ round }) => round));
    expect(numbers).toEqual(numbers.map((_, i) => i));
  });

  it('are asked for shard by shard, then as an average, under names of their own', () => {
    const planned = planEvaluations(spec, { namespace: 'default', searchId: 's', step: 4 }, ['a', 'b']);
    expect(planned.map(({ name, kind }) => [name.slice(name.lastIndexOf('/') + 1), kind])).toEqual([
      ['s.4.weights-9-0', 'weights'],
      ['s.4.weights-9-1', 'weights'],
      ['s.4.average-9', 'average'],
      ['s.4.weights-10-0', 'weights'],
      ['s.4.weights-10-1', 'weights'],
      ['s.4.average-10', 'average'],
      ['s.4.weights-11-0', 'weights'],
      ['s.4.weights-11-1', 'weights'],
      ['s.4.average-11', 'average'],
      ['s.4.0', 'candidates'],
    ]);
    expect(weightTaskAt(spec, 4, 4)).toEqual({ round: 10, epoch: 3, steps: 20, shard: 1 });
    expect(weightTaskAt(spec, 4, 8)).toEqual({ round: 11, epoch: 3, steps: 10, shard: undefined });
    const alone = complete({ ...spec, steps: 0, shards: 1 });
    expect(planEvaluations(alone, { namespace: 'default', searchId: 's', step: 4 }, []).map(({ kind }) => kind)).toEqual(['weights', 'weights', 'weights']);
  });

  it('follow a cosine over the epochs, or a constant', () => {
    const cosine = { ...spec, epochs: 4, weightLearningRate: 0.1, weightLearningRateMin: 0.02 };
    expect([0, 1, 2, 3].map((epoch) => weightLearningRateAt(cosine, epoch))).toEqual(
      [0, 1, 2, 3].map((epoch) => expect.closeTo(0.02 + (0.08 * (1 + Math.cos((Math.PI * epoch) / 4))) / 2, 12) as number),
    );
    expect(weightLearningRateAt({ ...cosine, weightLearningRateMin: 0.1 }, 3)).toBeCloseTo(0.1, 12);
  });
});
