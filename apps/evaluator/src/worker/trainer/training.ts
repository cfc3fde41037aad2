import type { evaluation } from '@nat/contracts';
import { DomainError } from '@nat/errors';
import { loadTensorflow } from '@nat/nn';
import { openFolderBlobStore, type BlobStore } from '@nat/storage';
import type { ObservationMessage } from './protocol.ts';

export interface TrainingHooks {
  readonly observe: (observations: readonly ObservationMessage[]) => void;
  readonly checkpoint: (key: string) => void;
}

export interface Training {
  readonly run: (spec: evaluation.EvaluationSpec, hooks: TrainingHooks) => Promise<evaluation.Outcome>;
}

export async function createTraining({
  threads,
  blobDirectory,
}: {
  readonly threads: number;
  readonly blobDirectory: string;
  readonly dataDir: string | undefined;
}): Promise<Training> {
  const blobs: BlobStore = await openFolderBlobStore(blobDirectory);
  return {
    run: async () => {
      loadTensorflow({ threads });
      await blobs.has('0'.repeat(64));
      throw new DomainError('UNIMPLEMENTED', 'nothing trains yet');
    },
  };
}
