/** Names of children: the same for whatever trains the same child in the same way, however far. */
import { createHash } from 'node:crypto';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { formatArchitecture, type Architecture } from '@nat/cells';
import { architecture as wire, evaluation, wkt } from '@nat/contracts';

/** What all children of an evaluation have in common. */
export type ChildTraining = Pick<evaluation.FromScratchEvaluation, 'dataset' | 'placement' | 'recipe' | 'inherit'> & Pick<evaluation.EvaluationSpec, 'budget'>;

export function childKeyOf({ dataset, placement, recipe, inherit, budget }: ChildTraining, architecture: Architecture): string {
  const identity = {
    dataset,
    placement: placement && wire.Placement.toJSON(placement),
    recipe: recipe && evaluation.TrainingRecipe.toJSON({ ...recipe, stopAfterEpochs: undefined }),
    inherit: inherit && evaluation.Inheritance.toJSON(inherit),
    limits: [budget?.epochs ?? 0, budget?.steps ?? 0],
    architecture: formatArchitecture(architecture).text,
  };
  return createHash('sha256').update(JSON.stringify(identity, sortedKeys)).digest('hex');
}

/** Objects with their keys in one order, whatever wrote them. */
function sortedKeys(_: string, value: unknown): unknown {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * The key that the same child had in checkpoints of the version that evaluated pairs: over the bytes of its FromScratchEvaluation, and over the cells as that
 * version had them.
 */
export function pairVersionKeyOf({ dataset, placement, recipe, inherit, budget }: ChildTraining, { cells, skeleton }: Architecture): string {
  const training = new BinaryWriter();
  const message = (number: number, bytes: Uint8Array | undefined): void => {
    if (bytes !== undefined) training.uint32(8 * number + 2).bytes(bytes);
  };
  if (dataset !== '') training.uint32(10).string(dataset);
  message(2, placement && pairVersionPlacement(placement));
  message(3, recipe && pairVersionRecipe(recipe));
  message(8, inherit && pairVersionInheritance(inherit));
  return createHash('sha256')
    .update(training.finish())
    .update(JSON.stringify([budget?.epochs ?? 0, budget?.steps ?? 0]))
    .update(JSON.stringify([cells, skeleton]))
    .digest('hex');
}

/** Images were square, and their size a number. */
function pairVersionPlacement({ network, channels, layers, imageSize, classes }: wire.Placement): Uint8Array {
  const writer = new BinaryWriter();
  const numbers = [wire.networkToNumber(network), channels, layers, imageSize?.height, classes];
  numbers.forEach((value = 0, i) => {
    if (value !== 0) writer.uint32(8 * (i + 1)).uint32(value);
  });
  return writer.finish();
}

const PAIR_VERSION_PRESETS: Readonly<Partial<Record<evaluation.RecipePreset, string>>> = {
  RECIPE_PRESET_OFFICIAL: 'official',
  RECIPE_PRESET_FINE_TUNE: 'fine-tune',
};

function pairVersionRecipe(recipe: evaluation.TrainingRecipe): Uint8Array {
  const writer = new BinaryWriter();
  const integer = (number: number, value = 0): void => {
    if (value !== 0) writer.uint32(8 * number).uint64(value);
  };
  const double = (number: number, value: number | undefined): void => {
    if (value !== undefined) writer.uint32(8 * number + 1).double(value);
  };
  const { epochs, maxSteps, maxTime, batch, learningRate, momentum, weightDecay, seed, threads, trainImages, validationImages, preset } = recipe;
  integer(1, epochs);
  integer(2, maxSteps);
  if (maxTime !== undefined) writer.uint32(26).bytes(wkt.Duration.encode(maxTime).finish());
  integer(4, batch);
  double(5, learningRate);
  // Zeros stood for what was left out.
  double(6, momentum === 0 ? undefined : momentum);
  double(7, weightDecay === 0 ? undefined : weightDecay);
  integer(8, seed);
  integer(9, threads);
  integer(10, trainImages);
  integer(11, validationImages);
  const name = PAIR_VERSION_PRESETS[preset];
  if (name !== undefined) writer.uint32(98).string(name);
  double(13, recipe.clipNorm);
  double(14, recipe.labelSmoothing);
  double(15, recipe.dropPath);
  double(16, recipe.auxiliaryWeight);
  if (recipe.cutout !== undefined) writer.uint32(136).uint32(recipe.cutout);
  integer(18, recipe.patience);
  return writer.finish();
}

function pairVersionInheritance({ weights, source }: evaluation.Inheritance): Uint8Array {
  const writer = new BinaryWriter();
  if (weights !== '') writer.uint32(10).string(weights);
  if (source !== undefined) writer.uint32(18).bytes(wire.ArchitectureRef.encode(source).finish());
  return writer.finish();
}
