/** Real trainers: what one has in memory is not read again. Whether it is shows when the stored weights are gone. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { evaluation } from '@nat/contracts';
import { createLogger } from '@nat/service';
import { openFolderBlobStore, type BlobStore } from '@nat/storage';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SMALL_SUPERNET as supernet } from '../testing/small-supernet.ts';
import { createTrainers, type Trainers } from './trainers.ts';

describe('trainers', () => {
  let folder: string;
  let blobs: BlobStore;
  let trainers: Trainers;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nat-trainers-'));
    blobs = await openFolderBlobStore(folder);
    const logger = createLogger({ name: 'trainers-test', level: 'silent' });
    trainers = createTrainers({ blobUrl: folder, dataDir: undefined, checkpointMs: 30_000, idleMs: 60_000, nice: 0, logger });
  });
  afterEach(async () => {
    await trainers.close();
    await rm(folder, { recursive: true, force: true });
  });

  const run = async (kind: evaluation.EvaluationSpec['kind']): Promise<evaluation.Succeeded> => {
    const job = { evaluation: 'namespaces/default/evaluations/e', spec: evaluation.EvaluationSpec.create({ kind }), attempt: 1, continued: false };
    const { result } = await trainers.execute(job, { signal: new AbortController().signal, observe: () => undefined, checkpoint: () => undefined });
    if (result?.$case !== 'succeeded') throw new Error(`it ended as ${JSON.stringify(result)}`);
    return result.value;
  };
  const train = async (weights?: string, seed = 9): Promise<string> =>
    (await run({ $case: 'trainShard', value: { supernet, weights, round: 0, shard: 0, shards: 1, steps: 2, seed } })).weights!;
  const score = async (weights: string): Promise<evaluation.Succeeded> => {
    const candidates = [{ id: 'c', architecture: { ref: { $case: 'zoo' as const, value: 'NAT_DARTS' } } }];
    return run({ $case: 'sharedWeights', value: { supernet, weights, images: { $case: 'policyImages', value: { batches: 1, seed: 0 } }, candidates } });
  };

  it('give an evaluation to the one that has its weights', { timeout: 300_000 }, async () => {
    const [first, second] = await Promise.all([train(undefined, 1), train(undefined, 2)]);
    expect([...trainers.loadedWeights()].sort()).toEqual([first, second].sort());
    for (const key of [first, second]) await blobs.delete(key);
    const once = await score(second);
    await score(first);
    expect(await score(second)).toEqual(once);
    await expect(score('0'.repeat(64))).rejects.toMatchObject({ kind: 'NOT_FOUND' });
    expect([...trainers.loadedWeights()].sort()).toEqual([first, second].sort());
    await trainers.close();
    expect(trainers.loadedWeights()).toEqual([]);
  });

  it('train on from the weights in memory, to the bits that the stored ones give', { timeout: 300_000 }, async () => {
    const begun = await train();
    const bytes = await blobs.get(begun);
    await blobs.delete(begun);
    const trained = await train(begun);
    expect(trainers.loadedWeights()).toEqual([trained]);
    await blobs.put(bytes);
    expect(await train(begun)).toBe(trained);
    // Scored weights are as good for scoring only.
    await score(trained);
    await blobs.delete(trained);
    await score(trained);
    await expect(train(trained)).rejects.toMatchObject({ kind: 'NOT_FOUND' });
  });
});
