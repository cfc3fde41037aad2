import type { evaluation } from '@nat/contracts';
import { loadDataset, type ImageDataset } from '@nat/datasets';
import { DomainError } from '@nat/base/errors';
import { loadTensorflow } from '@nat/tensor';
import { openBlobStore } from '@nat/storage';
import { averageWeights } from '../evaluators/average.ts';
import type { TrainingContext, TrainingHooks } from '../evaluators/context.ts';
import { trainCandidates } from '../evaluators/from-scratch.ts';
import { scoreCandidates } from '../evaluators/shared-weights.ts';
import { createSupernets } from '../evaluators/supernets.ts';
import { trainWeights } from '../evaluators/train-shard.ts';
import { findGpus } from '../machine/gpus.ts';

export interface Training {
  /** Runs one evaluation. @throws DomainError */
  readonly run: (spec: evaluation.EvaluationSpec, hooks: TrainingHooks) => Promise<evaluation.Outcome>;
  /** Key of the weights that are in memory; empty: none. */
  readonly loadedWeights: () => string;
}

export interface TrainingOptions {
  /** Of TensorFlow, for as long as this process lives. */
  readonly threads: number;
  readonly blobUrl: string;
  readonly dataDir: string | undefined;
  readonly checkpointMs: number;
}

/** Everything that needs TensorFlow, which is loaded at the first use; data sets are kept. */
export async function createTraining({ threads, blobUrl, dataDir, checkpointMs }: TrainingOptions): Promise<Training> {
  const [gpu] = findGpus();
  const datasets = new Map<string, ImageDataset>();
  const context: TrainingContext = {
    tensorflow: () => loadTensorflow({ threads }),
    dataset: (name) => {
      const dataset = datasets.get(name) ?? loadDataset(name, dataDir);
      datasets.set(name, dataset);
      return dataset;
    },
    blobs: await openBlobStore(blobUrl),
    now: () => performance.now(),
    wallClock: () => Date.now(),
    checkpointMs,
    memoryBytes: gpu && gpu.memoryMib * 2 ** 20,
  };
  const supernets = createSupernets(context);
  return {
    run: async (spec, hooks) => {
      const { kind } = spec;
      switch (kind?.$case) {
        case 'fromScratch':
          return succeeded(await trainCandidates(context, spec, kind.value, hooks));
        case 'sharedWeights':
          return succeeded(await scoreCandidates(context, supernets, kind.value));
        case 'trainShard':
          return succeeded(await trainWeights(context, supernets, spec, kind.value, hooks));
        case 'average':
          return succeeded(await averageWeights(context, spec, kind.value));
        case 'tabular':
        case undefined:
          throw new DomainError('UNIMPLEMENTED', 'this is nothing to train', { reason: 'UNKNOWN_KIND' });
      }
    },
    loadedWeights: supernets.loadedWeights,
  };
}

function succeeded({ results = [], weights, metrics = {} }: Partial<evaluation.Succeeded>): evaluation.Outcome {
  return { result: { $case: 'succeeded', value: { results, weights, metrics } } };
}
