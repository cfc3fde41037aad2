import { officialSpace, randomOfficialArchitecture, type Architecture, type OfficialSpace } from '@nat/architecture';
import type { evaluation } from '@nat/contracts';
import { drawBatch, splitDataset, type ImageBatch, type ImageSplits } from '@nat/datasets';
import { DomainError } from '@nat/errors';
import { SharedWeights } from '@nat/network';
import { decodeTensors, encodeTensors } from '@nat/nn';
import { RandomStream } from '@nat/random';
import { architectureFromSubject } from '@nat/wire';
import { pairFault } from '../failure.ts';
import type { TrainingContext, TrainingHooks } from './training.ts';

/** As in the official search: half of the training images fit weights, half judge architectures. */
const SPLIT = { seed: 0, validationFraction: 0.5 };
/** Steps that one observation sums up. */
const OBSERVED_STEPS = 50;

export interface Supernets {
  /** Accuracies of pairs on the same held-out images with the same weights. */
  readonly score: (work: evaluation.SharedWeightsEvaluation) => Promise<Partial<evaluation.Succeeded>>;
  /** Steps of local SGD; gives the key of the new weights. The same work gives the same key. */
  readonly trainShard: (work: evaluation.TrainShardEvaluation, hooks: TrainingHooks) => Promise<Partial<evaluation.Succeeded>>;
}

/** Supernets in this process. The one that was used last is kept for scoring: a search trains, then scores with what came out. */
export function createSupernets(context: TrainingContext): Supernets {
  let kept: { readonly identity: string; readonly shared: SharedWeights } | undefined;
  const identityOf = (supernet: evaluation.Supernet, weights: string): string => JSON.stringify([supernet, weights]);
  const keep = (identity: string, shared: SharedWeights): void => {
    kept?.shared.dispose();
    kept = { identity, shared };
  };
  const splitsOf = ({ dataset }: evaluation.Supernet): ImageSplits => splitDataset(context.dataset(dataset), SPLIT);

  const load = async (supernet: evaluation.Supernet, weights: string): Promise<SharedWeights> => {
    const file = weights === '' ? undefined : decodeTensors(await context.blobs.get(weights));
    const { classes, imageSize } = context.dataset(supernet.dataset);
    const shared = new SharedWeights({
      tf: context.tensorflow(),
      space: spaceOf(supernet),
      channels: supernet.channels,
      layers: supernet.layers,
      imageSize,
      classes,
      seed: supernet.seed,
      ...(supernet.learningRate === 0 ? {} : { learningRate: supernet.learningRate }),
    });
    if (file !== undefined) shared.importState(file);
    return shared;
  };

  return {
    score: async (work) => {
      const supernet = required(work.supernet);
      const identity = identityOf(supernet, work.weights);
      if (kept?.identity !== identity) keep(identity, await load(supernet, work.weights));
      const { shared } = kept!;
      const { validation } = splitsOf(supernet);
      const batches = Array.from({ length: Math.max(1, work.batches) }, (_, i) =>
        drawBatch(validation, { batchSize: supernet.imageBatch, random: RandomStream.of(work.batchSeed, 'score', i), augment: false }),
      );
      return { values: await scorePairs(shared, work.pairs, batches) };
    },

    trainShard: async (work, hooks) => {
      const supernet = required(work.supernet);
      const shared = await load(supernet, work.weights);
      try {
        const metrics = await trainSteps(context, shared, { ...work, supernet, split: splitsOf(supernet) }, hooks);
        // Averaging needs all parameters, brought to the same step. A single shard goes on as if there were no rounds.
        if (work.shards > 1) shared.settle();
        const weights = await context.blobs.put(encodeTensors(shared.exportState()));
        keep(identityOf(supernet, weights), shared);
        return { weights, metrics };
      } catch (error) {
        shared.dispose();
        throw error;
      }
    },
  };
}

interface ShardWork {
  readonly supernet: evaluation.Supernet;
  readonly round: number;
  readonly shard: number;
  readonly shards: number;
  readonly steps: number;
  readonly seed: number;
  readonly split: ImageSplits;
}

/**
 * Step t of a shard draws its path and images from (seed, t) and, where there are several, the shard. So rounds of one shard are the sequential
 * algorithm exactly, however it is cut into rounds.
 */
async function trainSteps(context: TrainingContext, shared: SharedWeights, work: ShardWork, hooks: TrainingHooks): Promise<Record<string, number>> {
  const space = spaceOf(work.supernet);
  const start = context.now();
  let [loss, accuracy, since] = [0, 0, 0];
  let [totalLoss, totalAccuracy] = [0, 0];
  for (let made = 1; made <= work.steps; made++) {
    const random = RandomStream.of(work.seed, 'supernet', shared.steps, ...(work.shards > 1 ? ['shard', work.shard] : []));
    const architecture = randomOfficialArchitecture(space, random);
    const report = shared.trainStep(architecture, drawBatch(work.split.train, { batchSize: work.supernet.imageBatch, random, augment: true }));
    loss += report.loss;
    accuracy += report.accuracy;
    since++;
    if (since === OBSERVED_STEPS || made === work.steps) {
      const time = context.wallClock();
      const numbers = { trainLoss: loss / since, trainAccuracy: accuracy / since };
      hooks.observe(Object.entries(numbers).map(([metric, value]) => ({ metric, value, step: report.step, time, pairId: '' })));
      totalLoss += loss;
      totalAccuracy += accuracy;
      [loss, accuracy, since] = [0, 0, 0];
    }
    await turn();
  }
  const seconds = (context.now() - start) / 1000;
  return { steps: shared.steps, trainLoss: totalLoss / work.steps, trainAccuracy: totalAccuracy / work.steps, seconds };
}

/** An architecture that occurs again is not run again. */
async function scorePairs(shared: SharedWeights, pairs: readonly evaluation.Pair[], batches: readonly ImageBatch[]): Promise<evaluation.PairValue[]> {
  const known = new Map<string, number>();
  const accuracyOf = async (architecture: Architecture): Promise<number> => {
    const key = JSON.stringify(architecture.cells);
    const before = known.get(key);
    if (before !== undefined) return before;
    await turn();
    const accuracy = shared.accuracy(architecture, batches);
    known.set(key, accuracy);
    return accuracy;
  };
  const values: evaluation.PairValue[] = [];
  for (const [i, { id, source, result }] of pairs.entries()) {
    const value = { pairId: id, sourceValue: 0, resultValue: 0, sourceReport: undefined, resultReport: undefined, errorMessage: '' };
    try {
      const sourceValue = source === undefined ? 0 : await accuracyOf(architectureFromSubject(source, `pairs[${i}].source`));
      const resultValue = result === undefined ? 0 : await accuracyOf(architectureFromSubject(result, `pairs[${i}].result`));
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

function required(supernet: evaluation.Supernet | undefined): evaluation.Supernet {
  if (supernet === undefined) throw DomainError.invalid('supernet', 'is required');
  return supernet;
}

/** Lets timers and messages through. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
