import { zooArchitecture } from '@nat/cells';
import { evaluation, type architecture } from '@nat/contracts';
import { describe, expect, it } from 'vitest';
import { childKeyOf, pairVersionKeyOf, type ChildTraining } from './child-key.ts';

const placement: architecture.Placement = { network: 'NETWORK_EVALUATION', channels: 8, layers: 5 };
const recipe = evaluation.TrainingRecipe.create({
  preset: 'RECIPE_PRESET_OFFICIAL',
  epochs: 4,
  maxSteps: 100,
  maxTime: { seconds: 3, nanos: 500_000_000 },
  batch: 32,
  learningRate: 0.1,
  momentum: 0.8,
  weightDecay: 0.001,
  seed: 7,
  threads: 2,
  trainImages: 640,
  validationImages: 320,
  clipNorm: 3,
  labelSmoothing: 0,
  dropPath: 0.1,
  auxiliaryWeight: 0,
  cutout: 0,
  patience: 2,
  stopAfterEpochs: 3,
});
const inherit: evaluation.Inheritance = { weights: 'e'.repeat(64), source: { ref: { $case: 'zoo', value: 'DARTS' } } };
const full: ChildTraining = { dataset: 'cifar10', placement, recipe, inherit, budget: { epochs: 9 } };

describe('names of children', () => {
  it('are those of the version that evaluated pairs, in its checkpoints', () => {
    const plain = { dataset: 'cifar10', placement, recipe: evaluation.TrainingRecipe.create({ epochs: 1, batch: 8 }), inherit: undefined, budget: undefined };
    expect(pairVersionKeyOf(full, zooArchitecture('DARTS'))).toBe('6a3db0b039ca863976de9d954624d956b0bb5480a3294eae062cc1ad47e4d810');
    expect(pairVersionKeyOf(plain, zooArchitecture('NAT_DARTS'))).toBe('05caafa237a11ffe1137e3d117053b0eb9e83778d43c4624794ed4cbdb22a584');
  });

  it('hold all that decides the training, but not how far it goes', () => {
    const key = childKeyOf(full, zooArchitecture('DARTS'));
    expect(childKeyOf({ ...full, recipe: { ...recipe, stopAfterEpochs: 1 } }, zooArchitecture('DARTS'))).toBe(key);
    const others: readonly ChildTraining[] = [
      { ...full, dataset: 'cifar100' },
      { ...full, placement: { ...placement, channels: 9 } },
      { ...full, recipe: { ...recipe, seed: 8 } },
      { ...full, recipe: { ...recipe, epochs: 5 } },
      { ...full, recipe: { ...recipe, cutout: undefined } },
      { ...full, inherit: { ...inherit, weights: 'f'.repeat(64) } },
      { ...full, inherit: undefined },
      { ...full, budget: { steps: 9 } },
    ];
    const keys = [...others.map((one) => childKeyOf(one, zooArchitecture('DARTS'))), childKeyOf(full, zooArchitecture('ENAS'))];
    expect(new Set([key, ...keys]).size).toBe(keys.length + 1);
  });
});
