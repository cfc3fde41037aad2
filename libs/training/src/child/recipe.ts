/** How children are trained: what can be chosen, what the papers chose, and when training ends. */
import type { LoweredArchitecture } from '@nat/cells';
import { DomainError, type FieldViolation } from '@nat/base/errors';

/** What is left out is as `preset` says, and else the base recipe's: the official one without its regularisers and without an end. */
export interface TrainingRecipe {
  /** `official`: how both papers judge networks on CIFAR-10. `fine-tune`: for a network that starts from its source's weights. */
  readonly preset?: RecipePreset;
  /** Training ends at the first of `epochs`, `maxSteps` and `maxSeconds`; without a preset, one of them is needed. @default official: 600, fine-tune: 40, if no other end is given */
  readonly epochs?: number;
  readonly maxSteps?: number;
  /** Seconds of training, validation after each epoch included. A run that this ends is not repeatable. */
  readonly maxSeconds?: number;
  /** Pause after this epoch, whatever the schedule still has: the state then goes on to the same end. @default never */
  readonly stopAfterEpochs?: number;
  /** End after so many epochs in a row without a higher validation accuracy. The best epoch then counts, not the last one. @default never */
  readonly patience?: number;
  /** @default 96 */
  readonly batchSize?: number;
  /** First learning rate; it follows half a cosine down to 0 over the epochs and steps, or else over the seconds. @default 0.025; fine-tune: 0.0025 */
  readonly learningRate?: number;
  /** @default 0.9 */
  readonly momentum?: number;
  /** @default 3e-4 */
  readonly weightDecay?: number;
  /** Global norm that gradients are clipped to. @default 5 */
  readonly clipNorm?: number;
  /** Share of a label that is spread over all classes. @default 0 */
  readonly labelSmoothing?: number;
  /** Probability that an edge is dropped at the end of training; it rises from 0. @default 0; official: 0.2 */
  readonly dropPath?: number;
  /** Weight of the auxiliary head's loss; 0: no such head. @default 0; official: 0.4, where the network has one */
  readonly auxiliaryWeight?: number;
  /** Side in pixels of the square that is erased from every training image; 0: none. @default 0; official: 16 */
  readonly cutout?: number;
}

type Limits = Pick<TrainingRecipe, 'epochs' | 'maxSteps' | 'maxSeconds' | 'stopAfterEpochs' | 'patience'>;
/** A recipe with everything decided. */
export type ResolvedRecipe = Limits & Required<Omit<TrainingRecipe, keyof Limits | 'preset'>>;

const BASE = {
  batchSize: 96,
  learningRate: 0.025,
  momentum: 0.9,
  weightDecay: 3e-4,
  clipNorm: 5,
  labelSmoothing: 0,
  dropPath: 0,
  auxiliaryWeight: 0,
  cutout: 0,
};
/** The training script of the official code for CIFAR-10, which is that of DARTS (Liu et al. 2019). */
const OFFICIAL = { ...BASE, dropPath: 0.2, auxiliaryWeight: 0.4, cutout: 16 };
/**
 * A tenth of the learning rate, as for students that start from their teacher's weights (Net2Net, Chen et al. 2016), for as many epochs as pruned networks
 * are retrained on CIFAR-10 (Li et al. 2017); no warm-up and no regulariser that training from nothing needs.
 */
const FINE_TUNE = { ...BASE, learningRate: BASE.learningRate / 10 };
const PRESETS = { official: OFFICIAL, 'fine-tune': FINE_TUNE } as const;
export type RecipePreset = keyof typeof PRESETS;
/** Epochs of each preset, where no other end is given. */
export const PRESET_EPOCHS: Readonly<Record<RecipePreset, number>> = { official: 600, 'fine-tune': 40 };

/**
 * Decides what a recipe leaves open for a network.
 * @throws DomainError INVALID_ARGUMENT for numbers out of range, for a recipe without an end, and for an auxiliary head asked of a network without one
 */
export function resolveRecipe({ preset, ...given }: TrainingRecipe, network: Pick<LoweredArchitecture, 'hasAuxiliary'>): ResolvedRecipe {
  const stated = Object.fromEntries(Object.entries<number | undefined>(given).filter(([, value]) => value !== undefined));
  const endless = given.epochs === undefined && given.maxSteps === undefined && given.maxSeconds === undefined;
  const recipe: ResolvedRecipe =
    preset === undefined
      ? { ...BASE, ...stated }
      : {
          ...PRESETS[preset],
          ...(!network.hasAuxiliary ? { auxiliaryWeight: 0 } : {}),
          ...(endless ? { epochs: PRESET_EPOCHS[preset] } : {}),
          ...stated,
        };
  const violations = violationsOf(recipe);
  if (endless && preset === undefined) violations.push({ field: 'recipe', description: 'one of epochs, maxSteps and maxSeconds says when training ends' });
  if (recipe.auxiliaryWeight > 0 && !network.hasAuxiliary) {
    violations.push({
      field: 'recipe.auxiliaryWeight',
      description: 'the network has no auxiliary head: only cells in an evaluation network of 32 x 32 images do',
    });
  }
  if (violations.length > 0) throw DomainError.invalidFields(violations, 'INVALID_RECIPE');
  return recipe;
}

/** Which numbers each field may have, in words. */
const RANGES: Readonly<Record<keyof ResolvedRecipe, readonly [accepts: (value: number) => boolean, range: string]>> = {
  epochs: [isCount, 'a positive integer'],
  maxSteps: [isCount, 'a positive integer'],
  maxSeconds: [(value) => value > 0, 'positive'],
  stopAfterEpochs: [isCount, 'a positive integer'],
  patience: [isCount, 'a positive integer'],
  batchSize: [isCount, 'a positive integer'],
  learningRate: [(value) => value > 0 && Number.isFinite(value), 'positive'],
  momentum: [isShare, 'at least 0 and below 1'],
  weightDecay: [(value) => value >= 0 && Number.isFinite(value), 'at least 0'],
  clipNorm: [(value) => value > 0, 'positive'],
  labelSmoothing: [isShare, 'at least 0 and below 1'],
  dropPath: [isShare, 'at least 0 and below 1'],
  auxiliaryWeight: [(value) => value >= 0 && Number.isFinite(value), 'at least 0'],
  cutout: [(value) => value === 0 || isCount(value), '0 or a positive integer'],
};

function violationsOf(recipe: ResolvedRecipe): FieldViolation[] {
  return Object.entries(RANGES).flatMap(([name, [accepts, range]]) => {
    const value = recipe[name as keyof ResolvedRecipe];
    return value === undefined || accepts(value) ? [] : [{ field: `recipe.${name}`, description: `${value} is not ${range}` }];
  });
}

function isCount(value: number): boolean {
  return Number.isInteger(value) && value >= 1;
}

function isShare(value: number): boolean {
  return value >= 0 && value < 1;
}

export interface Schedule {
  /** Undefined: time alone ends it. */
  readonly totalSteps: number | undefined;
  readonly maxSeconds: number;
  /** How much of the training is done, 0 to 1. */
  readonly progress: (step: number, seconds: number) => number;
}

export function planSchedule({ epochs, maxSteps, maxSeconds = Infinity }: Limits, stepsPerEpoch: number): Schedule {
  const limits = [epochs === undefined ? undefined : epochs * stepsPerEpoch, maxSteps].filter((limit) => limit !== undefined);
  const totalSteps = limits.length === 0 ? undefined : Math.min(...limits);
  return { totalSteps, maxSeconds, progress: (step, seconds) => (totalSteps === undefined ? Math.min(1, seconds / maxSeconds) : step / totalSteps) };
}
