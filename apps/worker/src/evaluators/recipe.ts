import type { evaluation } from '@nat/contracts';
import { PRESET_EPOCHS, type RecipePreset, type TrainingRecipe } from '@nat/training';
import { fromDuration } from '@nat/convert';

/** Zero values of the contract leave the decision to the preset; the budget of the evaluation binds too. */
export function recipeFromWire(recipe: evaluation.TrainingRecipe | undefined, budget: evaluation.Budget | undefined): TrainingRecipe {
  const least = (...limits: readonly (number | undefined)[]): number | undefined => {
    const given = limits.filter((limit) => limit !== undefined && limit > 0);
    return given.length === 0 ? undefined : Math.min(...given.map(Number));
  };
  const preset = recipe?.preset;
  const { clipNorm, labelSmoothing, dropPath, auxiliaryWeight, cutout } = recipe ?? {};
  const stated = Object.entries({ clipNorm, labelSmoothing, dropPath, auxiliaryWeight, cutout }).filter(([, value]) => value !== undefined);
  return {
    ...(isPreset(preset) ? { preset } : {}),
    ...positive('epochs', least(recipe?.epochs, budget?.epochs)),
    ...positive('maxSteps', least(recipe?.maxSteps, budget?.steps)),
    ...positive('maxSeconds', fromDuration(recipe?.maxTime) / 1000),
    ...positive('stopAfterEpochs', recipe?.stopAfterEpochs),
    ...positive('patience', recipe?.patience),
    ...positive('batchSize', recipe?.batch),
    ...positive('learningRate', recipe?.learningRate),
    ...positive('momentum', recipe?.momentum),
    ...positive('weightDecay', recipe?.weightDecay),
    ...Object.fromEntries(stated),
  };
}

function isPreset(name: string | undefined): name is RecipePreset {
  return name !== undefined && Object.hasOwn(PRESET_EPOCHS, name);
}

/** `{ [key]: value }`, or nothing for a zero value. */
export function positive<Key extends string>(key: Key, value: number | undefined): { readonly [K in Key]?: number } {
  return value === undefined || value === 0 ? {} : ({ [key]: value } as { readonly [K in Key]?: number });
}
