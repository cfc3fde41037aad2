import { randomBlockArchitecture, randomOfficialArchitecture, zooArchitecture, type Architecture } from '@nat/cells';
import type { evaluation } from '@nat/contracts';
import { isDomainError, DomainError } from '@nat/base/errors';
import type { RandomStream } from '@nat/base/random';
import { trainShard, type Supernet } from '@nat/training';
import { fingerprintOf } from './child-checkpoint.ts';
import type { TrainingContext, TrainingHooks } from './context.ts';
import { putSearchWeights } from './search-weights.ts';
import { readShardCheckpoint, writeShardCheckpoint, type ShardCheckpoint } from './shard-checkpoint.ts';
import { requiredSupernet, spaceOf, splitsOf, type Supernets } from './supernets.ts';

/** Steps that one observation sums up. */
const OBSERVED_STEPS = 50;
/** Most time between two checkpoints of a shard: its state is small, and a round waits for its last shard. */
const CHECKPOINT_MS = 5_000;

/** Steps of local SGD; gives the key of the new weights. The same work gives the same key, however often it was cut off. */
export async function trainWeights(
  context: TrainingContext,
  supernets: Supernets,
  spec: evaluation.EvaluationSpec,
  work: evaluation.TrainShardEvaluation,
  hooks: TrainingHooks,
): Promise<Partial<evaluation.Succeeded>> {
  const supernet = requiredSupernet(work.supernet);
  const fingerprint = fingerprintOf(spec);
  const checkpoint = await checkpointOf(context, spec, fingerprint, hooks);
  const shared = checkpoint === undefined ? await supernets.toTrain(supernet, work.weights) : supernets.open(supernet, checkpoint.state);
  try {
    const metrics = await trainSteps(context, { shared, supernet, work, fingerprint, checkpoint, hooks });
    const weights = await putSearchWeights(context.blobs, spec, shared.exportState());
    supernets.keep(supernet, weights, shared);
    return { weights, metrics };
  } catch (error) {
    shared.dispose();
    throw error;
  }
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
  if (resumeFrom === undefined) return undefined;
  const checkpoint = await readShardCheckpoint(blobs, resumeFrom, fingerprint).catch((error: unknown) => {
    if (continued && isDomainError(error)) return undefined;
    throw error;
  });
  if (checkpoint === undefined && !continued) throw DomainError.invalid('resume_from', `${resumeFrom} is no checkpoint of this shard`, 'OTHER_SHARD');
  return checkpoint;
}

interface ShardWork {
  readonly shared: Supernet;
  readonly supernet: evaluation.Supernet;
  readonly work: evaluation.TrainShardEvaluation;
  readonly fingerprint: string;
  readonly checkpoint: ShardCheckpoint | undefined;
  readonly hooks: TrainingHooks;
}

/** Makes the steps that are left; tells of every 50 of them, and stores a checkpoint every few seconds. Gives the means over all steps. */
async function trainSteps(context: TrainingContext, { shared, supernet, work, fingerprint, checkpoint, hooks }: ShardWork): Promise<Record<string, number>> {
  const { steps, seed, shard, shards } = work;
  const start = context.now();
  let storedAt = start;
  let [loss, accuracy, since] = [0, 0, 0];
  const total = await trainShard(shared, {
    split: splitsOf(context, supernet).weights,
    batchSize: supernet.imageBatch,
    drawPath: pathsOf(supernet),
    steps,
    seed,
    shard,
    shards,
    begun: checkpoint?.progress,
    onStep: async (report, progress) => {
      loss += report.loss;
      accuracy += report.accuracy;
      since++;
      const ended = progress.made === steps;
      if (since === OBSERVED_STEPS || ended) {
        const time = context.wallClock();
        const numbers = { trainLoss: loss / since, trainAccuracy: accuracy / since };
        hooks.observe(Object.entries(numbers).map(([metric, value]) => ({ metric, value, step: report.step, time, candidateId: '' })));
        [loss, accuracy, since] = [0, 0, 0];
      }
      if (ended || context.now() - storedAt < Math.min(CHECKPOINT_MS, context.checkpointMs)) return;
      hooks.checkpoint({ blob: await writeShardCheckpoint(context.blobs, fingerprint, { state: shared.exportState(), progress }), namedBlobs: [] });
      storedAt = context.now();
    },
  });
  const seconds = (context.now() - start) / 1000;
  return { steps: shared.steps, trainLoss: total.loss / steps, trainAccuracy: total.accuracy / steps, seconds };
}

/** Where training paths come from: the space around a block, or all cells uniformly. */
function pathsOf(supernet: evaluation.Supernet): (random: RandomStream) => Architecture {
  const space = spaceOf(supernet);
  if (supernet.block === undefined) return (random) => randomOfficialArchitecture(space, random);
  const block = zooArchitecture(supernet.block);
  return (random) => randomBlockArchitecture(block, space, random);
}
