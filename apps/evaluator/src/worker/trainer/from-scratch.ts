import { createHash } from 'node:crypto';
import type { Architecture } from '@nat/architecture';
import { evaluation } from '@nat/contracts';
import { splitDataset } from '@nat/datasets';
import { trainFromScratch, type FromScratchReport, type TrainingRecipe } from '@nat/network';
import { architectureFromSubject, placementFromWire } from '@nat/wire';
import { z } from 'zod';
import { fromDuration } from '../../wire-duration.ts';
import { pairFault } from '../failure.ts';
import type { TrainingContext, TrainingHooks } from './training.ts';

/** Which images are held out does not depend on a run: what one run was selected on, no other run has fitted. */
const SPLIT_SEED = 0;

/**
 * Trains source and result of every pair with the same seed, images and budget. An architecture that occurs again is trained once. After each pair,
 * what is done so far is a checkpoint that another attempt goes on from.
 */
export async function trainPairs(
  context: TrainingContext,
  spec: evaluation.EvaluationSpec,
  work: evaluation.FromScratchEvaluation,
  hooks: TrainingHooks,
): Promise<Partial<evaluation.Succeeded>> {
  const { dataset: name, recipe, pairs, placement, reportTest } = work;
  const dataset = context.dataset(name);
  const splits = splitDataset(dataset, {
    seed: SPLIT_SEED,
    limit: { ...positive('train', recipe?.trainImages), ...positive('validation', recipe?.validationImages) },
  });
  const fingerprint = fingerprintOf(spec);
  const done = spec.resumeFrom === '' ? new Map<string, evaluation.PairValue>() : await readCheckpoint(context, spec.resumeFrom, fingerprint);
  const trained = new Map<string, FromScratchReport>();

  const train = async (architecture: Architecture, pairId: string, role: 'source' | 'result'): Promise<FromScratchReport> => {
    const key = JSON.stringify([architecture.cells, architecture.skeleton]);
    const known = trained.get(key);
    if (known !== undefined) return known;
    const report = await trainFromScratch({
      tf: context.tensorflow(),
      architecture,
      placement: placementFromWire(placement),
      splits,
      recipe: recipeOf(recipe, spec.budget),
      seed: recipe?.seed ?? 0,
      reportTest,
      now: context.now,
      onEpoch: ({ epoch, trainLoss, trainAccuracy, validationAccuracy, learningRate }) => {
        const time = context.wallClock();
        const numbers = { trainLoss, trainAccuracy, validationAccuracy, learningRate };
        hooks.observe(Object.entries(numbers).map(([metric, value]) => ({ metric: `${role}/${metric}`, value, step: epoch, time, pairId })));
      },
    });
    trained.set(key, report);
    return report;
  };

  const values: evaluation.PairValue[] = [];
  for (const [i, pair] of pairs.entries()) {
    values.push(done.get(pair.id) ?? (await trainPair(pair, i, train)));
    if (values.length < pairs.length) hooks.checkpoint(await writeCheckpoint(context, fingerprint, values));
  }
  return { values };
}

async function trainPair(
  { id, source, result }: evaluation.Pair,
  index: number,
  train: (architecture: Architecture, pairId: string, role: 'source' | 'result') => Promise<FromScratchReport>,
): Promise<evaluation.PairValue> {
  const value = { pairId: id, sourceValue: 0, resultValue: 0, sourceReport: undefined, resultReport: undefined, errorMessage: '' };
  try {
    // Both are read before either is trained: a result that is none costs no training of its source.
    const [before, after] = [source, result].map(
      (subject, i) => subject && architectureFromSubject(subject, `pairs[${index}].${i === 0 ? 'source' : 'result'}`),
    );
    const sourceReport = before === undefined ? undefined : await train(before, id, 'source');
    const resultReport = after === undefined ? undefined : await train(after, id, 'result');
    return {
      ...value,
      sourceValue: sourceReport?.validationAccuracy ?? 0,
      resultValue: resultReport?.validationAccuracy ?? 0,
      sourceReport: sourceReport && toWire(sourceReport),
      resultReport: resultReport && toWire(resultReport),
    };
  } catch (error) {
    const errorMessage = pairFault(error);
    if (errorMessage === undefined) throw error;
    return { ...value, errorMessage };
  }
}

function toWire(report: FromScratchReport): evaluation.ChildReport {
  const { validationAccuracy, testAccuracy, params, macs, seconds, imagesPerSecond, epochs, steps } = report;
  return { validationAccuracy, testAccuracy, params, macs, seconds, imagesPerSecond, epochs: epochs.length, steps };
}

/** Zero values of the contract leave the decision to the preset; the budget of the evaluation binds too. */
function recipeOf(recipe: evaluation.TrainingRecipe | undefined, budget: evaluation.Budget | undefined): TrainingRecipe {
  const least = (...limits: readonly (number | undefined)[]): number | undefined => {
    const given = limits.filter((limit) => limit !== undefined && limit > 0);
    return given.length === 0 ? undefined : Math.min(...given.map(Number));
  };
  const { clipNorm, labelSmoothing, dropPath, auxiliaryWeight, cutout } = recipe ?? {};
  const stated = Object.entries({ clipNorm, labelSmoothing, dropPath, auxiliaryWeight, cutout }).filter(([, value]) => value !== undefined);
  return {
    ...(recipe?.preset === 'official' ? { preset: 'official' } : {}),
    ...positive('epochs', least(recipe?.epochs, budget?.epochs)),
    ...positive('maxSteps', least(recipe?.maxSteps, budget?.steps)),
    ...positive('maxSeconds', fromDuration(recipe?.maxTime) / 1000),
    ...positive('batchSize', recipe?.batch),
    ...positive('learningRate', recipe?.learningRate),
    ...positive('momentum', recipe?.momentum),
    ...positive('weightDecay', recipe?.weightDecay),
    ...Object.fromEntries(stated),
  };
}

/** `{ [key]: value }`, or nothing for a zero value. */
function positive<Key extends string>(key: Key, value: number | undefined): { readonly [K in Key]?: number } {
  return value === undefined || value === 0 ? {} : ({ [key]: value } as { readonly [K in Key]?: number });
}

const checkpointSchema = z.object({ fingerprint: z.string(), values: z.string() });

/** The same work has the same fingerprint, wherever it starts from. */
function fingerprintOf(spec: evaluation.EvaluationSpec): string {
  return createHash('sha256')
    .update(evaluation.EvaluationSpec.encode({ ...spec, resumeFrom: '' }).finish())
    .digest('hex');
}

async function writeCheckpoint({ blobs }: TrainingContext, fingerprint: string, values: evaluation.PairValue[]): Promise<string> {
  const bytes = evaluation.Succeeded.encode({ values, weights: '', metrics: {} }).finish();
  return blobs.put(new TextEncoder().encode(JSON.stringify({ fingerprint, values: Buffer.from(bytes).toString('base64') })));
}

/** The finished pairs of a checkpoint; none when it is of other work. @throws DomainError NOT_FOUND, DATA_LOSS */
async function readCheckpoint({ blobs }: TrainingContext, key: string, fingerprint: string): Promise<Map<string, evaluation.PairValue>> {
  const text = new TextDecoder().decode(await blobs.get(key));
  const parsed = checkpointSchema.safeParse(text.startsWith('{') ? JSON.parse(text) : undefined);
  if (!parsed.success || parsed.data.fingerprint !== fingerprint) return new Map();
  const { values } = evaluation.Succeeded.decode(Buffer.from(parsed.data.values, 'base64'));
  return new Map(values.map((value) => [value.pairId, value]));
}
