import { lower, zooArchitecture } from '@nat/cells';
import { describe, expect, it } from 'vitest';
import { planSchedule, resolveRecipe, type TrainingRecipe } from './recipe.ts';

describe('resolveRecipe', () => {
  const cells = lower(zooArchitecture('DARTS'));
  const whole = lower(zooArchitecture('resnet20'));

  it('has the official numbers, each of which can be replaced', () => {
    expect(resolveRecipe({ preset: 'official' }, cells)).toEqual({
      epochs: 600,
      batchSize: 96,
      learningRate: 0.025,
      momentum: 0.9,
      weightDecay: 3e-4,
      clipNorm: 5,
      labelSmoothing: 0,
      dropPath: 0.2,
      auxiliaryWeight: 0.4,
      cutout: 16,
    });
    expect(resolveRecipe({ preset: 'official', cutout: 0, labelSmoothing: 0.1, epochs: 3 }, cells)).toMatchObject({
      epochs: 3,
      cutout: 0,
      labelSmoothing: 0.1,
      dropPath: 0.2,
    });
  });

  it('fine-tunes with a tenth of the learning rate, and nothing else that is new', () => {
    const { epochs, ...numbers } = resolveRecipe({ preset: 'fine-tune' }, cells);
    const { maxSteps, ...base } = resolveRecipe({ maxSteps: 1 }, cells);
    expect([epochs, maxSteps]).toEqual([40, 1]);
    expect(numbers).toEqual({ ...base, learningRate: base.learningRate / 10 });
    expect(resolveRecipe({ preset: 'fine-tune', epochs: 3, learningRate: 0.1 }, cells)).toMatchObject({ epochs: 3, learningRate: 0.1 });
  });

  it('has no regulariser but weight decay without a preset', () => {
    expect(resolveRecipe({ maxSteps: 5 }, cells)).toMatchObject({ dropPath: 0, auxiliaryWeight: 0, cutout: 0, labelSmoothing: 0, weightDecay: 3e-4 });
  });

  it('keeps the end that is given', () => {
    expect(resolveRecipe({ preset: 'official', maxSteps: 5 }, cells).epochs).toBeUndefined();
    expect(resolveRecipe({ preset: 'official', maxSeconds: 5 }, cells).epochs).toBeUndefined();
  });

  it('asks no auxiliary head of a network without one, unless told to', () => {
    expect(resolveRecipe({ preset: 'official' }, whole).auxiliaryWeight).toBe(0);
    expect(() => resolveRecipe({ preset: 'official', auxiliaryWeight: 0.4 }, whole)).toThrow(/recipe.auxiliaryWeight: the network has no auxiliary head/);
  });

  it.each<[string, TrainingRecipe]>([
    ['epochs', { epochs: 0 }],
    ['maxSteps', { maxSteps: 1.5 }],
    ['maxSeconds', { maxSeconds: 0 }],
    ['stopAfterEpochs', { epochs: 1, stopAfterEpochs: 0 }],
    ['patience', { epochs: 1, patience: 0.5 }],
    ['batchSize', { epochs: 1, batchSize: 0 }],
    ['learningRate', { epochs: 1, learningRate: NaN }],
    ['momentum', { epochs: 1, momentum: 1 }],
    ['weightDecay', { epochs: 1, weightDecay: -1 }],
    ['clipNorm', { epochs: 1, clipNorm: 0 }],
    ['labelSmoothing', { epochs: 1, labelSmoothing: 1 }],
    ['dropPath', { epochs: 1, dropPath: 1 }],
    ['auxiliaryWeight', { epochs: 1, auxiliaryWeight: -0.4 }],
    ['cutout', { epochs: 1, cutout: 0.5 }],
  ])('refuses %s out of its range, by name', (field, recipe) => {
    expect(() => resolveRecipe(recipe, cells)).toThrow(new RegExp(`^recipe\\.${field}: `));
  });

  it('names everything that is wrong', () => {
    expect(() => resolveRecipe({ cutout: -1, dropPath: 2 }, cells)).toThrow(
      /recipe.dropPath: .*recipe.cutout: .*recipe: one of epochs, maxSteps and maxSeconds/,
    );
  });
});

describe('planSchedule', () => {
  it('ends at the first limit, and measures progress by it', () => {
    const schedule = planSchedule({ epochs: 2, maxSteps: 50 }, 10);
    expect([schedule.totalSteps, schedule.maxSeconds, schedule.progress(5, 1000)]).toEqual([20, Infinity, 0.25]);
    expect(planSchedule({ epochs: 2, maxSteps: 5, maxSeconds: 9 }, 10).totalSteps).toBe(5);
  });

  it('measures progress by time where time alone ends it', () => {
    const schedule = planSchedule({ maxSeconds: 8 }, 10);
    expect([schedule.totalSteps, schedule.progress(500, 2), schedule.progress(500, 9)]).toEqual([undefined, 0.25, 1]);
  });
});
