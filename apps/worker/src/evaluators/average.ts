import type { evaluation } from '@nat/contracts';
import { averageSharedWeights } from '@nat/training';
import { decodeTensors } from '@nat/tensor';
import type { TrainingContext } from './context.ts';
import { putSearchWeights } from './search-weights.ts';

/** Averages the shards of a round, in their order. One shard is its own average: the same blob. */
export async function averageWeights(
  { blobs, now }: TrainingContext,
  spec: evaluation.EvaluationSpec,
  { weights }: evaluation.AverageEvaluation,
): Promise<Partial<evaluation.Succeeded>> {
  const start = now();
  const [only, ...others] = weights;
  if (only !== undefined && others.length === 0) {
    await blobs.get(only); // there, and whole
    return { weights: only, metrics: { shards: 1 } };
  }
  const files = [];
  for (const key of weights) files.push(decodeTensors(await blobs.get(key)));
  const average = await putSearchWeights(blobs, spec, averageSharedWeights(files));
  return { weights: average, metrics: { shards: weights.length, seconds: (now() - start) / 1000 } };
}
