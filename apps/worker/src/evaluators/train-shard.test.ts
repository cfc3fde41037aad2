/** A shard that is cut off goes on from its checkpoint, to the same bits. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { evaluation } from '@nat/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SMALL_SUPERNET } from '../testing/small-supernet.ts';
import { createTraining, type Training } from '../trainer/training.ts';

const STEPS = 5;
const shard = (resumeFrom?: string, seed = 9): evaluation.EvaluationSpec =>
  evaluation.EvaluationSpec.create({
    resumeFrom,
    search: 'namespaces/default/searches/s',
    kind: {
      $case: 'trainShard',
      value: {
        supernet: { ...SMALL_SUPERNET, split: evaluation.SearchSplit.SEARCH_SPLIT_SET_ASIDE },
        round: 0,
        shard: 1,
        shards: 2,
        steps: STEPS,
        seed,
      },
    },
  });

describe('a shard that is cut off', () => {
  let blobUrl: string;
  let training: Training;

  beforeAll(async () => {
    blobUrl = await mkdtemp(join(tmpdir(), 'nat-shard-'));
    training = await createTraining({ threads: 1, blobUrl, dataDir: undefined, checkpointMs: 0 });
  });
  afterAll(() => rm(blobUrl, { recursive: true, force: true }));

  const run = async (spec: evaluation.EvaluationSpec, continued: boolean): Promise<{ readonly keys: readonly string[]; readonly result: unknown }> => {
    const keys: string[] = [];
    const { result } = await training.run(spec, { continued, observe: () => undefined, checkpoint: ({ blob }) => keys.push(blob) });
    if (result?.$case !== 'succeeded') throw new Error(`it ended as ${String(result?.$case)}`);
    const { weights, metrics } = result.value;
    return { keys, result: { weights, trainLoss: metrics['trainLoss'], trainAccuracy: metrics['trainAccuracy'], steps: metrics['steps'] } };
  };

  it('makes the steps that are left, and gives the weights and means of one that was not', { timeout: 300_000 }, async () => {
    const whole = await run(shard(), false);
    expect(whole.keys).toHaveLength(STEPS - 1); // the last step ends it
    for (const [made, key] of whole.keys.entries()) {
      const rest = await run(shard(key), true);
      expect(rest.result).toEqual(whole.result);
      expect(rest.keys).toEqual(whole.keys.slice(made + 1));
    }
    // What is lost, or of other work, costs time and nothing else.
    expect(await run(shard('0'.repeat(64)), true)).toEqual(whole);
    const other = await run(shard(undefined, 10), false);
    expect(other.result).not.toEqual(whole.result);
    expect(await run(shard(other.keys[1]), true)).toEqual(whole);
    await expect(run(shard(other.keys[1]), false)).rejects.toMatchObject({ reason: 'OTHER_SHARD' });
  });
});
