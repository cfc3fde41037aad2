import type { evaluation } from '@nat/contracts';
import { DomainError } from '@nat/base/errors';
import type { BlobStore } from '@nat/storage';

/** Bytes of one message. */
const PIECE_BYTES = 1024 * 1024;
/** Weights are held in memory while they are stored. */
const MAX_BYTES = 1024 ** 3;

type WeightsHandlers = Pick<evaluation.EvaluationServiceImplementation, 'downloadWeights' | 'uploadWeights'>;

/** Weights on their way out of the blob store and into it. */
export function createWeightsHandlers({ blobs }: { readonly blobs: BlobStore | undefined }): WeightsHandlers {
  const store = (): BlobStore => {
    if (blobs !== undefined) return blobs;
    throw new DomainError('FAILED_PRECONDITION', 'this coordinator has no blob store', { reason: 'NO_BLOB_STORE' });
  };
  return {
    downloadWeights: async function* ({ weights }) {
      const bytes = await store().get(weights);
      for (let from = 0; from < bytes.length; from += PIECE_BYTES) yield { data: bytes.subarray(from, from + PIECE_BYTES) };
    },

    uploadWeights: async (messages) => {
      const pieces: Uint8Array[] = [];
      let size = 0;
      for await (const { data } of messages) {
        size += data.length;
        if (size > MAX_BYTES) throw new DomainError('RESOURCE_EXHAUSTED', `weights of more than ${MAX_BYTES} bytes`, { reason: 'WEIGHTS_TOO_LARGE' });
        pieces.push(data);
      }
      if (size === 0) throw DomainError.invalid('data', 'is empty', 'NO_WEIGHTS');
      return { weights: await store().put(Buffer.concat(pieces)) };
    },
  };
}
