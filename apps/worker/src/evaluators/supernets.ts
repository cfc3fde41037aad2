import { officialSpace, randomBlockArchitecture, randomOfficialArchitecture, zooArchitecture, type Architecture, type OfficialSpace } from '@nat/cells';
import { evaluation } from '@nat/contracts';
import { drawBatch, readBatch, splitForSearch, type ImageBatch, type ImageSplit, type SearchSplits } from '@nat/datasets';
import { DomainError, isDomainError } from '@nat/base/errors';
import { Supernet, trainShard, type ShardProgress } from '@nat/training';
import { decodeTensors, type TensorFile } from '@nat/tensor';
import { RandomStream } from '@nat/base/random';
import { architectureFromRef } from '@nat/convert';
import { pairFault } from '../job/failure.ts';
import { fingerprintOf } from './child-checkpoint.ts';
import { putSearchWeights } from './search-weights.ts';
import { readShardCheckpoint, writeShardCheckpoint, type ShardCheckpoint } from './shard-checkpoint.ts';
import type { TrainingContext, TrainingHooks } from '../trainer/training.ts';

/** Steps that one observation sums up. */
const OBSERVED_STEPS = 50;
/** Most time between two checkpoints of a shard: its state is small, and a round waits for its last shard. */
const CHECKPOINT_MS = 5_000;

export interface Supernets {
  /** Accuracies of pairs on the same held-out images with the same weights. */
  readonly score: (work: evaluation.SharedWeightsEvaluation) => Promise<Partial<evaluation.Succeeded>>;
  /** Steps of local SGD; gives the key of the new weights. The same work gives the same key, however often it was cut off. */
  readonly trainShard: (spec: evaluation.EvaluationSpec, work: evaluation.TrainShardEvaluation, hooks: TrainingHooks) => Promise<Partial<evaluation.Succeeded>>;
  /** Key of the weights that are kept; empty: none, or fresh ones. */
  readonly loadedWeights: () => string;
}

/** A supernet that stays in memory. */
interface Kept {
  readonly identity: string;
  readonly weights: string;
  readonly shared: Supernet;
  /** Scoring brings parameters up to date in another place than undisturbed training does, which rounds otherwise. */
  scored: boolean;
}

/** Supernets in this process. The one that was used last is kept: a search trains, then scores with what came out or trains on. */
export function createSupernets(context: TrainingContext): Supernets {
  let kept: Kept | undefined;
  const identityOf = (supernet: evaluation.Supernet, weights: string): string => JSON.stringify([supernet, weights]);
  const keep = (supernet: evaluation.Supernet, weights: string, shared: Supernet): Kept => {
    kept?.shared.dispose();
    return (kept = { identity: identityOf(supernet, weights), weights, shared, scored: false });
  };
  /** The kept one to train on, where that gives the bits of the stored weights; it is kept no longer. */
  const takeKept = (supernet: evaluation.Supernet, weights: string): Supernet | undefined => {
    if (kept === undefined || kept.scored || kept.identity !== identityOf(supernet, weights)) return undefined;
    const { shared } = kept;
    kept = undefined;
    return shared;
  };
  const splitsOf = ({ dataset, split }: evaluation.Supernet): SearchSplits =>
    splitForSearch(context.dataset(dataset), split === evaluation.SearchSplit.SEARCH_SPLIT_OFFICIAL ? 'official' : 'set-aside');

  const stored = async (weights: string): Promise<TensorFile | undefined> => (weights === '' ? undefined : decodeTensors(await context.blobs.get(weights)));

  const open = (supernet: evaluation.Supernet, file: TensorFile | undefined): Supernet => {
    const { classes, imageSize } = context.dataset(supernet.dataset);
    const shared = new Supernet({
      tf: context.tensorflow(),
      space: spaceOf(supernet),
      channels: supernet.channels,
      layers: supernet.layers,
      imageSize,
      classes,
      seed: supernet.seed,
      ...(supernet.learningRate === 0 ? {} : { learningRate: supernet.learningRate }),
      ...(supernet.momentum === undefined ? {} : { momentum: supernet.momentum }),
      ...(supernet.weightDecay === undefined ? {} : { weightDecay: supernet.weightDecay }),
      ...(supernet.clipNorm === undefined ? {} : { clipNorm: supernet.clipNorm }),
    });
    if (file !== undefined) shared.importState(file);
    return shared;
  };

  return {
    score: async (work) => {
      const supernet = required(work.supernet);
      const used = kept?.identity === identityOf(supernet, work.weights) ? kept : keep(supernet, work.weights, open(supernet, await stored(work.weights)));
      used.scored = true;
      return { values: await scorePairs(used.shared, work.pairs, await scoredBatches(splitsOf(supernet), supernet, work)) };
    },

    trainShard: async (spec, work, hooks) => {
      const supernet = required(work.supernet);
      const fingerprint = fingerprintOf(spec);
      const checkpoint = await checkpointOf(context, spec, fingerprint, hooks);
      const shared =
        checkpoint === undefined ? (takeKept(supernet, work.weights) ?? open(supernet, await stored(work.weights))) : open(supernet, checkpoint.state);
      try {
        const shard = { ...work, supernet, split: splitsOf(supernet), fingerprint, begun: checkpoint?.progress };
        const metrics = await trainSteps(context, shared, shard, hooks);
        const weights = await putSearchWeights(context.blobs, spec, shared.exportState());
        keep(supernet, weights, shared);
        return { weights, metrics };
      } catch (error) {
        shared.dispose();
        throw error;
      }
    },

    loadedWeights: () => kept?.weights ?? '',
  };
}

/**
 * What an earlier attempt of the same work has got done. It only saves time: when it is lost, everything is done again, to the same bits.
 * @throws DomainError INVALID_ARGUMENT OTHER_SHARD for a checkpoint that was asked for and is of other work
 */
async function checkpointOf(
  { blobs }: TrainingContext,
  { resumeFrom }: evaluation.EvaluationSpec,
  fingerprint: string,
  { continued }: TrainingHooks,
): Promise<ShardCheckpoint | undefined> {
  if (resumeFrom === '') return undefined;
  const checkpoint = await readShardCheckpoint(blobs, resumeFrom, fingerprint).catch((error: unknown) => {
    if (continued && isDomainError(error)) return undefined;
    throw error;
  });
  if (checkpoint === undefined && !continued) throw DomainError.invalid('resume_from', `${resumeFrom} is no checkpoint of this shard`, 'OTHER_SHARD');
  return checkpoint;
}

/** Random batches of the policy's images; of the others the first ones in their order, so that every candidate meets the same. */
async function scoredBatches(
  splits: SearchSplits,
  { imageBatch }: evaluation.Supernet,
  work: evaluation.SharedWeightsEvaluation,
): Promise<readonly ImageBatch[]> {
  switch (work.images) {
    case 'SCORED_IMAGES_SELECTION':
      if (splits.selection.indices.length === 0) throw DomainError.invalid('images', 'the official split sets no images aside', 'NO_SELECTION_IMAGES');
      return firstBatches(splits.selection, imageBatch, work.imageCount);
    case 'SCORED_IMAGES_TEST':
      return firstBatches(splits.test, imageBatch, work.imageCount);
    default:
      return Promise.all(
        Array.from({ length: Math.max(1, work.batches) }, (_, i) =>
          drawBatch(splits.policy, { batchSize: imageBatch, random: RandomStream.of(work.batchSeed, 'score', i), augment: false }),
        ),
      );
  }
}

/** Batches of about `batchSize` images, as even as they can be: a path is normalised by its batch, and a very small last one would distort it. */
function firstBatches(split: ImageSplit, batchSize: number, count: number): Promise<readonly ImageBatch[]> {
  const images = count === 0 ? split.indices.length : Math.min(count, split.indices.length);
  const batches = Math.max(1, Math.round(images / batchSize));
  const positions = Array.from({ length: batches }, (_, i) => {
    const from = Math.floor((i * images) / batches);
    return Array.from({ length: Math.floor(((i + 1) * images) / batches) - from }, (_, n) => from + n);
  });
  return Promise.all(positions.map((batch) => readBatch(split, batch)));
}

interface ShardWork {
  readonly supernet: evaluation.Supernet;
  readonly round: number;
  readonly shard: number;
  readonly shards: number;
  readonly steps: number;
  readonly seed: number;
  readonly split: SearchSplits;
  readonly fingerprint: string;
  /** What earlier attempts have made of it. */
  readonly begun: ShardProgress | undefined;
}

/** Makes the steps of a shard; tells of every 50 of them, and stores a checkpoint every few seconds. Gives the means over the steps. */
async function trainSteps(context: TrainingContext, shared: Supernet, work: ShardWork, hooks: TrainingHooks): Promise<Record<string, number>> {
  const start = context.now();
  let storedAt = start;
  let [loss, accuracy, since] = [0, 0, 0];
  const { loss: totalLoss, accuracy: totalAccuracy } = await trainShard(shared, {
    ...work,
    split: work.split.weights,
    batchSize: work.supernet.imageBatch,
    drawPath: pathsOf(work.supernet),
    onStep: async (report, progress) => {
      loss += report.loss;
      accuracy += report.accuracy;
      since++;
      const ended = progress.made === work.steps;
      if (since === OBSERVED_STEPS || ended) {
        const time = context.wallClock();
        const numbers = { trainLoss: loss / since, trainAccuracy: accuracy / since };
        hooks.observe(Object.entries(numbers).map(([metric, value]) => ({ metric, value, step: report.step, time, pairId: '' })));
        [loss, accuracy, since] = [0, 0, 0];
      }
      if (ended || context.now() - storedAt < Math.min(CHECKPOINT_MS, context.checkpointMs)) return;
      hooks.checkpoint({ key: await writeShardCheckpoint(context.blobs, work.fingerprint, { state: shared.exportState(), progress }), blobs: [] });
      storedAt = context.now();
    },
  });
  const seconds = (context.now() - start) / 1000;
  return { steps: shared.steps, trainLoss: totalLoss / work.steps, trainAccuracy: totalAccuracy / work.steps, seconds };
}

/** An architecture that occurs again is not run again. */
async function scorePairs(shared: Supernet, pairs: readonly evaluation.Pair[], batches: readonly ImageBatch[]): Promise<evaluation.PairValue[]> {
  const known = new Map<string, number>();
  const accuracyOf = async (architecture: Architecture): Promise<number> => {
    const key = JSON.stringify(architecture.cells);
    const before = known.get(key);
    if (before !== undefined) return before;
    await yieldToEvents();
    const accuracy = shared.accuracy(architecture, batches);
    known.set(key, accuracy);
    return accuracy;
  };
  const values: evaluation.PairValue[] = [];
  for (const [i, { id, source, result }] of pairs.entries()) {
    const value = { pairId: id, sourceValue: 0, resultValue: 0, sourceReport: undefined, resultReport: undefined, errorMessage: '' };
    try {
      const sourceValue = source === undefined ? 0 : await accuracyOf(architectureFromRef(source, `pairs[${i}].source`));
      const resultValue = result === undefined ? 0 : await accuracyOf(architectureFromRef(result, `pairs[${i}].result`));
      values.push({ ...value, sourceValue, resultValue });
    } catch (error) {
      const errorMessage = pairFault(error);
      if (errorMessage === undefined) throw error;
      values.push({ ...value, errorMessage });
    }
  }
  return values;
}

function spaceOf({ wiring, primitives }: evaluation.Supernet): OfficialSpace {
  return officialSpace(primitives === 'nat++' ? 'NATv2' : 'NAT', wiring === 'LOOSE_END' ? 'LOOSE_END_PRIMITIVES' : 'FULLY_CONCAT_PRIMITIVES');
}

/** Where training paths come from: the space around a block, or all cells uniformly. */
function pathsOf(supernet: evaluation.Supernet): (random: RandomStream) => Architecture {
  const space = spaceOf(supernet);
  if (supernet.block === '') return (random) => randomOfficialArchitecture(space, random);
  const block = zooArchitecture(supernet.block);
  return (random) => randomBlockArchitecture(block, space, random);
}

function required(supernet: evaluation.Supernet | undefined): evaluation.Supernet {
  if (supernet === undefined) throw DomainError.invalid('supernet', 'is required');
  return supernet;
}

/** Yields to the event loop: timers and messages of the worker are handled. */
function yieldToEvents(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
