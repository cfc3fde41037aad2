import type { evaluation } from '@nat/contracts';
import { architectureFromRef } from '@nat/convert';
import { drawBatch, readBatch, type ImageBatch, type ImageSplit } from '@nat/datasets';
import { DomainError } from '@nat/base/errors';
import { RandomStream } from '@nat/base/random';
import { evaluateCandidate } from '../job/failure.ts';
import type { TrainingContext } from './context.ts';
import { requiredSupernet, splitsOf, type Supernets } from './supernets.ts';

/** Accuracies of candidates on the same held-out images with the same weights. */
export async function scoreCandidates(
  context: TrainingContext,
  supernets: Supernets,
  work: evaluation.SharedWeightsEvaluation,
): Promise<Partial<evaluation.Succeeded>> {
  const supernet = requiredSupernet(work.supernet);
  const shared = await supernets.toScore(supernet, work.weights);
  const batches = await scoredBatches(context, supernet, work.images);
  const results: evaluation.CandidateResult[] = [];
  for (const [i, candidate] of work.candidates.entries()) {
    await new Promise((resolve) => setImmediate(resolve)); // timers and messages of the worker are handled
    const score = () => Promise.resolve({ value: shared.accuracy(architectureFromRef(candidate.architecture, `candidates[${i}].architecture`), batches) });
    results.push(await evaluateCandidate(candidate, score));
  }
  return { results };
}

/** Random batches of the policy's images; of the others the first ones in their order, so that every candidate meets the same. */
async function scoredBatches(
  context: TrainingContext,
  supernet: evaluation.Supernet,
  images: evaluation.SharedWeightsEvaluation['images'],
): Promise<readonly ImageBatch[]> {
  const splits = splitsOf(context, supernet);
  const { imageBatch } = supernet;
  switch (images?.$case) {
    case 'policyImages': {
      const { batches, seed } = images.value;
      const draw = (i: number) => drawBatch(splits.policy, { batchSize: imageBatch, random: RandomStream.of(seed, 'score', i), augment: false });
      return Promise.all(Array.from({ length: batches }, (_, i) => draw(i)));
    }
    case 'selectionImages':
      if (splits.selection.indices.length === 0) {
        throw DomainError.invalid('selection_images', 'the official split sets no images aside', 'NO_SELECTION_IMAGES');
      }
      return firstBatches(splits.selection, imageBatch, images.value.count);
    case 'testImages':
      return firstBatches(splits.test, imageBatch, images.value.count);
    case undefined:
      throw DomainError.invalid('images', 'set one of policy_images, selection_images, test_images');
  }
}

/** Batches of about `batchSize` images, as even as they can be: a path is normalised by its batch, and a very small last one would distort it. */
function firstBatches(split: ImageSplit, batchSize: number, count = split.indices.length): Promise<readonly ImageBatch[]> {
  const images = Math.min(count, split.indices.length);
  const batches = Math.max(1, Math.round(images / batchSize));
  const positions = Array.from({ length: batches }, (_, i) => {
    const from = Math.floor((i * images) / batches);
    return Array.from({ length: Math.floor(((i + 1) * images) / batches) - from }, (_, n) => from + n);
  });
  return Promise.all(positions.map((batch) => readBatch(split, batch)));
}
