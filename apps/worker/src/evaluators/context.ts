import type { evaluation } from '@nat/contracts';
import type { ImageDataset } from '@nat/datasets';
import type { BlobStore } from '@nat/storage';
import type { Tensorflow } from '@nat/tensor';

/** What the kinds of training share in one process. */
export interface TrainingContext {
  readonly tensorflow: () => Tensorflow;
  readonly dataset: (name: string) => ImageDataset;
  readonly blobs: BlobStore;
  /** Milliseconds that never go back. */
  readonly now: () => number;
  /** Milliseconds since the epoch. */
  readonly wallClock: () => number;
  /** Least time between two checkpoints of a child in training. */
  readonly checkpointMs: number;
  /** Of the GPU that TensorFlow uses; undefined on a CPU. */
  readonly memoryBytes: number | undefined;
}

export interface ObservationMessage {
  readonly metric: string;
  readonly value: number;
  readonly step: number;
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** Empty: of the whole evaluation. */
  readonly candidateId: string;
}

export interface TrainingHooks {
  /** Whether `resumeFrom` was written by an earlier attempt, and not named by whoever asked. */
  readonly continued: boolean;
  readonly observe: (observations: readonly ObservationMessage[]) => void;
  readonly checkpoint: (checkpoint: evaluation.Checkpoint) => void;
}
