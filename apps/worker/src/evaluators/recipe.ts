import type { evaluation } from '@nat/contracts';
import { fromDuration } from '@nat/convert';
import type { RecipePreset, TrainingRecipe } from '@nat/training';

const PRESETS: Readonly<Partial<Record<evaluation.RecipePreset, RecipePreset>>> = {
  RECIPE_PRESET_OFFICIAL: 'official',
  RECIPE_PRESET_FINE_TUNE: 'fine-tune',
};

/** What the contract leaves out is the preset's to decide; the budget of the evaluation binds too. */
export function recipeFromWire(recipe: evaluation.TrainingRecipe | undefined, budget: evaluation.Budget | undefined): TrainingRecipe {
  const { preset, epochs, maxSteps, maxTime, batch, learningRate, momentum, weightDecay, stopAfterEpochs, patience } = recipe ?? {};
  const { clipNorm, labelSmoothing, dropPath, auxiliaryWeight, cutout } = recipe ?? {};
  const given = {
    preset: preset && PRESETS[preset],
    epochs: least(epochs, budget?.epochs),
    maxSteps: least(maxSteps, budget?.steps),
    maxSeconds: maxTime && fromDuration(maxTime) / 1000,
    stopAfterEpochs,
    patience,
    batchSize: batch,
    learningRate,
    momentum,
    weightDecay,
    clipNorm,
    labelSmoothing,
    dropPath,
    auxiliaryWeight,
    cutout,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function least(...limits: readonly (number | undefined)[]): number | undefined {
  const given = limits.filter((limit) => limit !== undefined);
  return given.length === 0 ? undefined : Math.min(...given);
}
