/** Weights that a search's evaluations write are its own: other searches may compute the same bits, and each may delete what it has done with. */
import type { evaluation } from '@nat/contracts';
import { encodeTensors, type TensorFile } from '@nat/tensor';
import type { BlobStore } from '@nat/storage';

const SEARCH = 'nat.search';

/** Stores weights with the name of the search that asked for them, where there is one. */
export async function putSearchWeights(blobs: BlobStore, { search }: evaluation.EvaluationSpec, { tensors, metadata }: TensorFile): Promise<string> {
  return blobs.put(encodeTensors({ tensors, metadata: search === '' ? metadata : { ...metadata, [SEARCH]: search } }));
}
