/** A worker with a real trainer, and two searches at once: it does not load the weights of one after the other's each time. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { evaluation } from '@nat/contracts';
import { createChannelTo, createLogger, type ClientChannel } from '@nat/service';
import { openFolderBlobStore } from '@nat/storage';
import { embeddedDatabase, type TestDatabase } from '@nat/storage/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, PARENT, startCoordinatorHarness, type CoordinatorHarness } from '@nat/evaluator-service/testing';
import { SMALL_SUPERNET as supernet } from '@nat/worker/testing';
import { startWorker, type Worker } from '@nat/worker';
import { succeededOf, zoo } from './outcomes.ts';

describe('a worker that has weights in memory', { timeout: 300_000 }, () => {
  let databases: TestDatabase;
  let harness: CoordinatorHarness;
  let folder: string;
  let channel: ClientChannel;
  let worker: Worker;

  beforeAll(async () => {
    databases = await embeddedDatabase();
    folder = await mkdtemp(join(tmpdir(), 'nat-warm-'));
    const blobs = await openFolderBlobStore(folder);
    harness = await startCoordinatorHarness({ database: databases.database, config: { pollMs: 100, noCapableWorkerMs: 0 }, blobs });
    channel = createChannelTo(harness.address);
    worker = startWorker({
      channel,
      logger: createLogger({ name: 'worker-test', level: 'silent' }),
      config: { workerId: 'w', instance: '', kinds: ['shared-weights', 'train-shard'], capabilities: ['dataset:mnist'], blobUrl: folder, trainerNice: 0 },
    });
  });
  afterAll(async () => {
    await worker.drain(0);
    channel.close();
    await harness.stop();
    await databases.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  const submit = (evaluations: readonly (readonly [id: string, kind: evaluation.EvaluationSpec['kind']])[]) =>
    harness.channel.client(evaluation.EvaluationServiceDefinition).submitEvaluations({
      parent: PARENT,
      evaluations: evaluations.map(([evaluationId, kind]) => ({
        evaluationId,
        spec: evaluation.EvaluationSpec.create({ kind, search: `${PARENT}/searches/${evaluationId.slice(0, 1)}` }),
      })),
    });
  const succeeded = async (...ids: string[]): Promise<readonly evaluation.Evaluation[]> => {
    const names = ids.map((id) => `${PARENT}/evaluations/${id}`);
    const { evaluations } = await eventually(
      () => harness.channel.client(evaluation.EvaluationServiceDefinition).batchGetEvaluations({ parent: PARENT, names }),
      (batch) => batch.evaluations.every(({ state }) => state === 'EVALUATION_STATE_SUCCEEDED'),
    );
    return evaluations;
  };
  const train = async (id: string, seed: number): Promise<string> => {
    await submit([[id, { $case: 'trainShard', value: { supernet, round: 0, shard: 0, shards: 1, steps: 1, seed } }]]);
    return succeededOf((await succeeded(id))[0]!).weights!;
  };

  test('scores all of one search before it loads the weights of another', async () => {
    const weights = { a: await train('a-train', 1), b: await train('b-train', 2) };
    const ids = (['a', 'b'] as const).flatMap((search) => [0, 1, 2, 3].map((i) => [search, `${search}-${i}`] as const));
    await submit(
      ids.map(([search, id]) => [
        id,
        {
          $case: 'sharedWeights',
          value: { supernet, weights: weights[search], images: { $case: 'policyImages', value: { batches: 1, seed: 0 } }, candidates: [zoo('NAT_DARTS')] },
        },
      ]),
    );
    const ended = await succeeded(...ids.map(([, id]) => id));
    const order = [...ended].sort((x, y) => x.startTime!.getTime() - y.startTime!.getTime()).map(({ name }) => name.split('/').at(-1)!.slice(0, 1));
    // By start tags it would be a, b, a, b. Which one is first is a race: the queue may be read while the evaluations are being submitted.
    expect(['aaaabbbb', 'bbbbaaaa']).toContain(order.join(''));
  });
});
