import type { Architecture } from '@nat/cells';
import type { evaluation } from '@nat/contracts';
import { architectureFromRef, blobsOfReport, costToWire, placementFromWire, toDuration } from '@nat/convert';
import { splitDataset } from '@nat/datasets';
import { DomainError, isDomainError } from '@nat/base/errors';
import { trainFromScratch, type FromScratchOptions, type FromScratchReport } from '@nat/training';
import { decodeTensors, encodeTensors } from '@nat/tensor';
import type { BlobStore } from '@nat/storage';
import { evaluateCandidate, failedCandidate } from '../job/failure.ts';
import { fingerprintOf, readCheckpoint, writeCheckpoint, type ChildCheckpoint, type ChildResult, type RunningChild } from './child-checkpoint.ts';
import { childKeyOf, pairVersionKeyOf } from './child-key.ts';
import type { TrainingContext, TrainingHooks } from './context.ts';
import { recipeFromWire } from './recipe.ts';

/** Which images are held out does not depend on a run: what one run was selected on, no other run has fitted. */
const SPLIT_SEED = 0;

/**
 * Trains all candidates with the same seed, images and budget. After each child, and after epochs of one, what is done so far is a checkpoint that another
 * attempt goes on from, to the same bits.
 */
export async function trainCandidates(
  context: TrainingContext,
  spec: evaluation.EvaluationSpec,
  work: evaluation.FromScratchEvaluation,
  hooks: TrainingHooks,
): Promise<Partial<evaluation.Succeeded>> {
  const { blobs } = context;
  const children = planChildren(spec, work);
  const keys = new Set(children.flatMap((child) => ('key' in child ? child.key : [])));
  const fingerprint = fingerprintOf(spec);
  const { finished, running } = await startFrom(context, { resumeFrom: spec.resumeFrom, continued: hooks.continued, fingerprint, children });
  const shared = { ...childOptions(context, spec, work), ...(await sourceOf(context, work)) };

  const train = async ({ candidate, key, architecture }: PlannedChild) => {
    let storedAt = context.now();
    const report = await trainFromScratch({
      ...shared,
      architecture,
      ...(running?.key === key ? { resumeFrom: running.state } : {}),
      onEpoch: async ({ epoch, trainLoss, trainAccuracy, validationAccuracy, learningRate }, { ended, state }) => {
        const time = context.wallClock();
        const numbers = { trainLoss, trainAccuracy, validationAccuracy, learningRate };
        hooks.observe(Object.entries(numbers).map(([metric, value]) => ({ metric, value, step: epoch, time, candidateId: candidate.id })));
        if (ended || context.now() - storedAt < context.checkpointMs) return;
        hooks.checkpoint(await storeCheckpoint(blobs, { fingerprint, finished, running: { key, state: state() } }));
        storedAt = context.now();
      },
    });
    return { value: report.validationAccuracy, report: await reportToWire(context, key, report) };
  };

  const results: evaluation.CandidateResult[] = [];
  for (const child of children) {
    if ('failure' in child) {
      results.push(child.failure);
      continue;
    }
    let done = finished.get(child.key);
    if (done === undefined) {
      const { result, report } = await evaluateCandidate(child.candidate, () => train(child));
      done = { result, report };
      finished.set(child.key, done);
      if (finished.size < keys.size) hooks.checkpoint(await storeCheckpoint(blobs, { fingerprint, finished }));
    }
    results.push({ candidateId: child.candidate.id, ...done });
  }
  return { results };
}

async function storeCheckpoint(blobs: BlobStore, checkpoint: ChildCheckpoint): Promise<evaluation.Checkpoint> {
  const namedBlobs = [...checkpoint.finished.values()].flatMap(({ report }) => blobsOfReport(report));
  return { blob: await writeCheckpoint(blobs, checkpoint), namedBlobs };
}

interface PlannedChild {
  readonly candidate: evaluation.Candidate;
  readonly architecture: Architecture;
  readonly key: string;
  /** In checkpoints of the version that evaluated pairs. */
  readonly pairVersionKey: string;
}

/** A candidate that is no architecture costs no training. */
type PlannedCandidate = PlannedChild | { readonly failure: evaluation.CandidateResult };

function planChildren({ budget }: evaluation.EvaluationSpec, work: evaluation.FromScratchEvaluation): readonly PlannedCandidate[] {
  const training = { ...work, budget };
  return work.candidates.map((candidate, i) => {
    try {
      const architecture = architectureFromRef(candidate.architecture, `candidates[${i}].architecture`);
      return { candidate, architecture, key: childKeyOf(training, architecture), pairVersionKey: pairVersionKeyOf(training, architecture) };
    } catch (error) {
      return { failure: failedCandidate(candidate, error) };
    }
  });
}

interface Start {
  readonly finished: Map<string, ChildResult>;
  readonly running: RunningChild | undefined;
}

interface StartOptions {
  readonly resumeFrom: string | undefined;
  readonly continued: boolean;
  readonly fingerprint: string;
  readonly children: readonly PlannedCandidate[];
}

/**
 * What is done already. The checkpoint of an earlier attempt only saves time: when it is lost, everything is done again, to the same bits.
 * @throws DomainError INVALID_ARGUMENT OTHER_CHILD when it is of other children; NOT_FOUND, DATA_LOSS
 */
async function startFrom({ blobs }: TrainingContext, { resumeFrom, continued, fingerprint, children }: StartOptions): Promise<Start> {
  const nothing: Start = { finished: new Map(), running: undefined };
  if (resumeFrom === undefined) return nothing;
  const checkpoint = await readCheckpoint(blobs, resumeFrom).catch((error: unknown) => {
    if (continued && isDomainError(error) && (error.kind === 'NOT_FOUND' || error.kind === 'DATA_LOSS')) return undefined;
    throw error;
  });
  const same = checkpoint?.fingerprint === fingerprint;
  const child = children.find((one) => 'key' in one && (one.key === checkpoint?.running?.key || one.pairVersionKey === checkpoint?.running?.key));
  if (!same && child === undefined) {
    if (continued) return nothing; // of an attempt of the version that evaluated pairs
    throw DomainError.invalid('resume_from', `${resumeFrom} is no checkpoint of a child that is trained here in the same way`, 'OTHER_CHILD');
  }
  const running = checkpoint?.running;
  return {
    finished: new Map(same ? checkpoint.finished : []),
    running: running && child && 'key' in child ? { key: child.key, state: running.state } : undefined,
  };
}

/** What all children of an evaluation have in common. */
function childOptions(
  context: TrainingContext,
  { budget }: evaluation.EvaluationSpec,
  { dataset, recipe, placement, reportTest, keepWeights, keepCheckpoints }: evaluation.FromScratchEvaluation,
): Omit<FromScratchOptions, 'architecture'> {
  const { trainImages: train, validationImages: validation } = recipe ?? {};
  return {
    tf: context.tensorflow(),
    placement: placementFromWire(placement),
    splits: splitDataset(context.dataset(dataset), {
      seed: SPLIT_SEED,
      limit: { ...(train === undefined ? {} : { train }), ...(validation === undefined ? {} : { validation }) },
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
async function reportToWire({ blobs }: TrainingContext, key: string, report: FromScratchReport): Promise<evaluation.TrainingReport> {
  const { validationAccuracy, testAccuracy, judgedEpoch, cost, inherited, seconds, imagesPerSecond, epochs, steps, stopped, weights, state } = report;
  return {
    validationAccuracy,
    testAccuracy,
    cost: costToWire(cost),
    duration: toDuration(1000 * seconds),
    imagesPerSecond,
    epochs: epochs.length,
    steps,
    judgedEpoch,
    end: ENDS[stopped],
    inherited,
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
