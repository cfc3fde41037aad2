import { evaluation as wire } from '@nat/contracts';
import { PRESET_EPOCHS, type RecipePreset } from '@nat/training';
import { Option } from 'commander';
import { integer, number } from './parsers.ts';

export interface RecipeFlags {
  readonly recipe?: 'short' | RecipePreset;
  readonly epochs?: number;
  readonly steps?: number;
  readonly batch?: number;
  readonly learningRate?: number;
  readonly momentum?: number;
  readonly weightDecay?: number;
  readonly clipNorm?: number;
  readonly labelSmoothing?: number;
  readonly dropPath?: number;
  readonly auxiliary?: number;
  readonly cutout?: number;
  readonly patience?: number;
  readonly trainImages?: number;
  readonly validationImages?: number;
  readonly seed: number;
  readonly threads?: number;
}

/** What a training that is only meant to be short has of its own; the official recipe's numbers are the workers'. */
const SHORT = { epochs: 1, batch: 64 };
const SMALLEST = 1e-12;

/** How a child is trained. Each of them overrides what the recipe says. */
export function recipeOptions(): readonly Option[] {
  return [
    new Option(
      '--recipe <recipe>',
      'short: 1 epoch, no regulariser but weight decay; official: the papers on CIFAR-10; fine-tune: with --inherit-from; see below',
    )
      .choices(['short', 'official', 'fine-tune'])
      .default('short'),
    new Option('--epochs <n>', 'passes over the training images').argParser(integer(1, 100_000)),
    new Option('--steps <n>', 'at most this many steps').argParser(integer(1)),
    new Option('--batch <n>', 'images a step').argParser(integer(1, 4096)),
    new Option('--learning-rate <x>', 'at the first step; it falls to 0 along half a cosine').argParser(number(SMALLEST, 10)),
    new Option('--momentum <x>', 'of SGD').argParser(number(0, 0.999999)),
    new Option('--weight-decay <x>', 'added to gradients as so much of the weights').argParser(number(0, 1)),
    new Option('--clip-norm <x>', 'gradients are scaled down to this norm, all together').argParser(number(SMALLEST, 1_000_000)),
    new Option('--label-smoothing <x>', 'share of a label spread over all classes').argParser(number(0, 0.999999)),
    new Option('--drop-path <x>', 'probability that an edge is dropped, at the end; it rises from 0').argParser(number(0, 0.999999)),
    new Option('--auxiliary <weight>', 'weight of the loss of a second classifier at two thirds of the network; 0: none').argParser(number(0, 1000)),
    new Option('--cutout <pixels>', 'side of the square erased from every training image; 0: none').argParser(integer(0, 1024)),
    new Option('--patience <epochs>', 'end after so many epochs without a higher validation accuracy; the best epoch then counts').argParser(
      integer(1, 100_000),
    ),
    new Option('--train-images <n>', 'use only this many training images').argParser(integer(1)),
    new Option('--validation-images <n>', 'score only this many held-out images').argParser(integer(1)),
    new Option('--seed <n>', 'of weights, batches and augmentation').argParser(integer(0)).default(0),
    new Option('--threads <n>', 'TensorFlow threads; the same count repeats the same bits').argParser(integer(1, 256)),
  ];
}

/** The recipes in words, for help. */
export const RECIPE_HELP = `
Recipes, in each of which single options override:
                    short   fine-tune   official
  --epochs              1   ${PRESET_EPOCHS['fine-tune']}          ${PRESET_EPOCHS.official}, both unless --steps is given
  --batch              64   96          96
  --learning-rate   0.025   0.0025      0.025
  --drop-path           0   0           0.2
  --auxiliary           0   0           0.4, where the network has such a head
  --cutout              0   0           16
  all: a cosine schedule, momentum 0.9, weight decay 0.0003, gradients clipped to norm 5, no label smoothing;
  random crops after padding by 4 pixels, and mirroring where it keeps the label. Of the official recipe's 50,000 training images a tenth is held
  out here for validation. Its network is --channels 36 --layers 20, which is the default for cells.`;

/** A number of steps is another end: the schedule is then as long as they are. */
function presetEpochs(preset: RecipePreset, { steps }: RecipeFlags): number | undefined {
  return steps === undefined ? PRESET_EPOCHS[preset] : undefined;
}

const PRESETS = {
  official: wire.RecipePreset.RECIPE_PRESET_OFFICIAL,
  'fine-tune': wire.RecipePreset.RECIPE_PRESET_FINE_TUNE,
} as const satisfies Record<RecipePreset, wire.RecipePreset>;

export function readRecipe(flags: RecipeFlags): wire.TrainingRecipe {
  const preset = flags.recipe === undefined || flags.recipe === 'short' ? undefined : flags.recipe;
  return {
    preset: preset === undefined ? wire.RecipePreset.RECIPE_PRESET_UNSPECIFIED : PRESETS[preset],
    epochs: flags.epochs ?? (preset === undefined ? SHORT.epochs : presetEpochs(preset, flags)),
    maxSteps: flags.steps,
    batch: flags.batch ?? (preset === undefined ? SHORT.batch : undefined),
    learningRate: flags.learningRate,
    momentum: flags.momentum,
    weightDecay: flags.weightDecay,
    clipNorm: flags.clipNorm,
    labelSmoothing: flags.labelSmoothing,
    dropPath: flags.dropPath,
    auxiliaryWeight: flags.auxiliary,
    cutout: flags.cutout,
    seed: flags.seed,
    threads: flags.threads,
    trainImages: flags.trainImages,
    validationImages: flags.validationImages,
    patience: flags.patience,
  };
}
