/** A shard of a round of local SGD on the supernet (Stich 2019). */
import type { Architecture } from '@nat/cells';
import { drawBatch, type ImageSplit } from '@nat/datasets';
import { RandomStream } from '@nat/base/random';
import type { StepReport, Supernet } from './supernet.ts';

/** The steps that a shard has made, with the sums of their losses and accuracies. */
export interface ShardProgress {
  readonly made: number;
  readonly loss: number;
  readonly accuracy: number;
}

export interface ShardTraining {
  /** Images that weights are fitted to. */
  readonly split: ImageSplit;
  readonly batchSize: number;
  /** Steps of the shard, those of `begun` included. */
  readonly steps: number;
  readonly seed: number;
  /** Which of the shards this is, from 0. */
  readonly shard: number;
  readonly shards: number;
  /** Draws the path of a step. */
  readonly drawPath: (random: RandomStream) => Architecture;
  /** What was made of the shard before: its state has been imported. @default nothing */
  readonly begun?: ShardProgress | undefined;
  /** Awaited after every step. */
  readonly onStep?: (report: StepReport, progress: ShardProgress) => void | Promise<void>;
}

/**
 * Makes the steps of a shard that are left. Step t draws its path and images from (seed, t) and, where there are several shards, the shard: rounds of one
 * shard are the sequential algorithm to the bit, however it is cut into rounds. Of several shards every parameter is then brought to the last step, which
 * averaging needs. Yields to the event loop between steps.
 * @throws DomainError INVALID_ARGUMENT for a path outside the space; FAILED_PRECONDITION TRAINING_DIVERGED
 */
export async function trainShard(
  supernet: Supernet,
  { split, batchSize, steps, seed, shard, shards, drawPath, begun, onStep }: ShardTraining,
): Promise<ShardProgress> {
  let progress = begun ?? { made: 0, loss: 0, accuracy: 0 };
  while (progress.made < steps) {
    const random = RandomStream.of(seed, 'supernet', supernet.steps, ...(shards > 1 ? ['shard', shard] : []));
    const path = drawPath(random);
    const report = supernet.trainStep(path, await drawBatch(split, { batchSize, random, augment: true }));
    progress = { made: progress.made + 1, loss: progress.loss + report.loss, accuracy: progress.accuracy + report.accuracy };
    await onStep?.(report, progress);
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (shards > 1) supernet.settle();
  return progress;
}
