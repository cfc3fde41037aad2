import type { evaluation } from '@nat/contracts';
import { loadDataset, type ImageDataset } from '@nat/datasets';
import { DomainError } from '@nat/base/errors';
import { loadTensorflow, type Tensorflow } from '@nat/tensor';
import { openBlobStore, type BlobStore } from '@nat/storage';
import { averageWeights } from '../evaluators/average.ts';
import { trainPairs } from '../evaluators/from-scratch.ts';
import type { ObservationMessage } from './protocol.ts';
import { createSupernets, type Supernets } from '../evaluators/supernets.ts';
import { findGpus } from '../machine/gpus.ts';
import type { StoredCheckpoint } from '../job/job.ts';

export interface TrainingHooks {
  /** Whether `resumeFrom` was written by an earlier attempt, and not named by whoever asked. */
  readonly continued: boolean;
  readonly observe: (observations: readonly ObservationMessage[]) => void;
  readonly checkpoint: (checkpoint: StoredCheckpoint) => void;
}

/** What the kinds of training share in one process. */
export interface TrainingContext {
  readonly tensorflow: () => Tensorflow;
  readonly dataset: (name: string) => ImageDataset;
  readonly blobs: BlobStore;
  /** Milliseconds that never go back, and since the epoch. */
  readonly now: () => number;
  readonly wallClock: () => number;
  /** Least time between two checkpoints of a child in training. */
  readonly checkpointMs: number;
  /** Of the GPU that TensorFlow uses; undefined on a CPU. */
  readonly memoryBytes: number | undefined;
}

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
  const supernets: Supernets = createSupernets(context);
  return {
    run: async (spec, hooks) => {
      const { kind } = spec;
      switch (kind?.$case) {
        case 'fromScratch':
          return succeeded(await trainPairs(context, spec, kind.value, hooks));
        case 'sharedWeights':
          return succeeded(await supernets.score(kind.value));
        case 'trainShard':
          return succeeded(await supernets.trainShard(spec, kind.value, hooks));
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

function succeeded({ values = [], weights = '', metrics = {} }: Partial<evaluation.Succeeded>): evaluation.Outcome {
  return { result: { $case: 'succeeded', value: { values, weights, metrics } } };
}
