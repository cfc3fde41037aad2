import { createHash } from 'node:crypto';
import type { Architecture } from '@nat/cells';
import { evaluation } from '@nat/contracts';
import { splitDataset } from '@nat/datasets';
import { DomainError, isDomainError } from '@nat/base/errors';
import { trainFromScratch, type FromScratchOptions, type FromScratchReport } from '@nat/training';
import { decodeTensors, encodeTensors } from '@nat/tensor';
import type { BlobStore } from '@nat/storage';
import { architectureFromRef, placementFromWire } from '@nat/convert';
import { blobsOfReport } from '@nat/convert';
import { pairFault } from '../job/failure.ts';
import type { StoredCheckpoint } from '../job/job.ts';
import { fingerprintOf, readCheckpoint, writeCheckpoint, type Checkpoint, type FinishedChild, type RunningChild } from './child-checkpoint.ts';
import { positive, recipeFromWire } from './recipe.ts';
import type { TrainingContext, TrainingHooks } from '../trainer/training.ts';

/** Which images are held out does not depend on a run: what one run was selected on, no other run has fitted. */
const SPLIT_SEED = 0;

/**
 * Trains source and result of every pair with the same seed, images and budget. An architecture that occurs again is trained once. After each child,
 * and after epochs of one, what is done so far is a checkpoint that another attempt goes on from, to the same bits.
 */
export async function trainPairs(
  context: TrainingContext,
  spec: evaluation.EvaluationSpec,
  work: evaluation.FromScratchEvaluation,
  hooks: TrainingHooks,
): Promise<Partial<evaluation.Succeeded>> {
  const { blobs } = context;
  const pairs = planPairs(spec, work);
  const keys = new Set(pairs.flatMap(({ children }) => children.map(({ key }) => key)));
  const fingerprint = fingerprintOf(spec);
  const { finished, running } = await startFrom(context, { resumeFrom: spec.resumeFrom, continued: hooks.continued, fingerprint, keys });
  const shared = { ...childOptions(context, spec, work), ...(await sourceOf(context, work)) };

  const train = async ({ key, role, architecture }: PlannedChild, pairId: string): Promise<FinishedChild> => {
    let storedAt = context.now();
    try {
      const report = await trainFromScratch({
        ...shared,
        architecture,
        ...(running?.key === key ? { resumeFrom: running.state } : {}),
        onEpoch: async ({ epoch, trainLoss, trainAccuracy, validationAccuracy, learningRate }, { ended, state }) => {
          const time = context.wallClock();
          const numbers = { trainLoss, trainAccuracy, validationAccuracy, learningRate };
          hooks.observe(Object.entries(numbers).map(([metric, value]) => ({ metric: `${role}/${metric}`, value, step: epoch, time, pairId })));
          if (ended || context.now() - storedAt < context.checkpointMs) return;
          hooks.checkpoint(await storeCheckpoint(blobs, { fingerprint, finished, running: { key, state: state() } }));
          storedAt = context.now();
        },
      });
      return { report: await toWire(context, key, report), errorMessage: '' };
    } catch (error) {
      const errorMessage = pairFault(error);
      if (errorMessage === undefined) throw error;
      return { errorMessage };
    }
  };

  const values: evaluation.PairValue[] = [];
  for (const pair of pairs) {
    const reports: Partial<Record<Role, evaluation.ChildReport>> = {};
    let { errorMessage } = pair;
    for (const child of pair.children) {
      let done = finished.get(child.key);
      if (done === undefined) {
        done = await train(child, pair.id);
        finished.set(child.key, done);
        if (finished.size < keys.size) hooks.checkpoint(await storeCheckpoint(blobs, { fingerprint, finished }));
      }
      ({ errorMessage } = done);
      if (done.report === undefined) break;
      reports[child.role] = done.report;
    }
    const { source, result } = errorMessage === '' ? reports : {};
    values.push({
      pairId: pair.id,
      sourceValue: source?.validationAccuracy ?? 0,
      resultValue: result?.validationAccuracy ?? 0,
      sourceReport: source,
      resultReport: result,
      errorMessage,
    });
  }
  return { values };
}

async function storeCheckpoint(blobs: BlobStore, checkpoint: Checkpoint): Promise<StoredCheckpoint> {
  const named = [...checkpoint.finished.values()].flatMap(({ report }) => blobsOfReport(report));
  return { key: await writeCheckpoint(blobs, checkpoint), blobs: named };
}

type Role = 'source' | 'result';

interface PlannedChild {
  readonly role: Role;
  readonly architecture: Architecture;
  /** The same for whatever trains the same child the same way, however far. */
  readonly key: string;
}

interface PlannedPair {
  readonly id: string;
  /** None when one of them is no architecture: a result that is none costs no training of its source. */
  readonly children: readonly PlannedChild[];
  readonly errorMessage: string;
}

function planPairs(
  { budget }: evaluation.EvaluationSpec,
  { pairs, dataset, placement, recipe, inherit }: evaluation.FromScratchEvaluation,
): readonly PlannedPair[] {
  const training = evaluation.FromScratchEvaluation.encode({
    ...evaluation.FromScratchEvaluation.create({ dataset, placement }),
    inherit,
    recipe: recipe && { ...recipe, stopAfterEpochs: 0 },
  }).finish();
  const limits = JSON.stringify([budget?.epochs ?? 0, budget?.steps ?? 0]);
  const keyOf = ({ cells, skeleton }: Architecture): string =>
    createHash('sha256')
      .update(training)
      .update(limits)
      .update(JSON.stringify([cells, skeleton]))
      .digest('hex');
  return pairs.map(({ id, source, result }, i) => {
    try {
      const children = Object.entries({ source, result }).flatMap(([role, subject]) => {
        if (subject === undefined) return [];
        const architecture = architectureFromRef(subject, `pairs[${i}].${role}`);
        return [{ role: role as Role, architecture, key: keyOf(architecture) }];
      });
      return { id, children, errorMessage: '' };
    } catch (error) {
      const errorMessage = pairFault(error);
      if (errorMessage === undefined) throw error;
      return { id, children: [], errorMessage };
    }
  });
}

interface Start {
  readonly finished: Map<string, FinishedChild>;
  readonly running: RunningChild | undefined;
}

interface StartOptions {
  readonly resumeFrom: string;
  readonly continued: boolean;
  readonly fingerprint: string;
  /** Of the children that are to be trained. */
  readonly keys: ReadonlySet<string>;
}

/**
 * What is done already. The checkpoint of an earlier attempt only saves time: when it is lost, everything is done again, to the same bits.
 * @throws DomainError INVALID_ARGUMENT OTHER_CHILD when it is of other children; NOT_FOUND, DATA_LOSS
 */
async function startFrom({ blobs }: TrainingContext, { resumeFrom, continued, fingerprint, keys }: StartOptions): Promise<Start> {
  const nothing: Start = { finished: new Map(), running: undefined };
  if (resumeFrom === '') return nothing;
  const checkpoint = await readCheckpoint(blobs, resumeFrom).catch((error: unknown) => {
    if (continued && isDomainError(error) && (error.kind === 'NOT_FOUND' || error.kind === 'DATA_LOSS')) return undefined;
    throw error;
  });
  if (checkpoint === undefined && continued) return nothing;
  const same = checkpoint?.fingerprint === fingerprint;
  if (!same && !keys.has(checkpoint?.running?.key ?? '')) {
    throw DomainError.invalid('resume_from', `${resumeFrom} is no checkpoint of a child that is trained here in the same way`, 'OTHER_CHILD');
  }
  return { finished: new Map(same ? checkpoint.finished : []), running: checkpoint?.running };
}

/** What all children of an evaluation have in common. */
function childOptions(
  context: TrainingContext,
  { budget }: evaluation.EvaluationSpec,
  { dataset, recipe, placement, reportTest, keepWeights = false, keepCheckpoints = false }: evaluation.FromScratchEvaluation,
): Omit<FromScratchOptions, 'architecture'> {
  return {
    tf: context.tensorflow(),
    placement: placementFromWire(placement),
    splits: splitDataset(context.dataset(dataset), {
      seed: SPLIT_SEED,
      limit: { ...positive('train', recipe?.trainImages), ...positive('validation', recipe?.validationImages) },
    }),
    recipe: recipeFromWire(recipe, budget),
    seed: recipe?.seed ?? 0,
    reportTest,
    keepWeights,
    keepState: keepCheckpoints,
    memoryBytes: context.memoryBytes,
    now: context.now,
  };
}

/** Where all children of an evaluation start from, unless from nothing. @throws DomainError NOT_FOUND, DATA_LOSS */
async function sourceOf({ blobs }: TrainingContext, { inherit }: evaluation.FromScratchEvaluation): Promise<Pick<FromScratchOptions, 'inherit'>> {
  if (inherit?.source === undefined) return {};
  const source = architectureFromRef(inherit.source, 'inherit.source');
  return { inherit: { source, weights: decodeTensors(await blobs.get(inherit.weights)).tensors } };
}

/** A report, its blobs stored before it names them. */
async function toWire({ blobs }: TrainingContext, key: string, report: FromScratchReport): Promise<evaluation.ChildReport> {
  const { validationAccuracy, testAccuracy, judgedEpoch, params, macs, inherited, seconds, imagesPerSecond, epochs, steps, stopped, weights, state } = report;
  return {
    validationAccuracy,
    testAccuracy,
    params,
    macs,
    seconds,
    imagesPerSecond,
    epochs: epochs.length,
    steps,
    judgedEpoch,
    end: ENDS[stopped],
    inheritedParams: inherited?.params,
    initialValidationAccuracy: inherited?.validationAccuracy,
    weights: weights && (await blobs.put(encodeTensors({ ...weights, metadata: { format: 'pt' } }))),
    checkpoint: state && (await writeCheckpoint(blobs, { fingerprint: '', finished: new Map(), running: { key, state } })),
  };
}

const ENDS = {
  finished: 'TRAINING_END_FINISHED',
  time: 'TRAINING_END_TIME',
  patience: 'TRAINING_END_PATIENCE',
  paused: 'TRAINING_END_PAUSED',
  cancelled: 'TRAINING_END_UNSPECIFIED',
} as const;
