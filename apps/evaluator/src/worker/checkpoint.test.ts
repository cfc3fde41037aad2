/** Checkpoints of real training that is killed, and weights on their way in and out. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { evaluation } from '@nat/contracts';
import { isDomainError } from '@nat/errors';
import { openFolderBlobStore, type BlobStore } from '@nat/storage';
import { embeddedDatabase, type TestDatabase } from '@nat/storage/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PARENT, startCoordinatorHarness, type CoordinatorHarness } from '../testing/coordinator-harness.ts';
import { eventually } from '../testing/eventually.ts';
import { startWorkerProcess, type WorkerProcess } from './worker-process.ts';

const zoo = (value: string): evaluation.Subject => ({ subject: { $case: 'zoo', value } });

describe('checkpoints and weights', () => {
  let databases: TestDatabase;
  let harness: CoordinatorHarness;
  let blobDirectory: string;
  let blobs: BlobStore;
  const workers: WorkerProcess[] = [];
  const client = () => harness.channel.client(evaluation.EvaluationServiceDefinition);

  beforeAll(async () => {
    databases = await embeddedDatabase();
    blobDirectory = await mkdtemp(join(tmpdir(), 'nat-blobs-'));
    blobs = await openFolderBlobStore(blobDirectory);
    harness = await startCoordinatorHarness({ database: databases.database, config: { renewMs: 200, pollMs: 200, noCapableWorkerMs: 0 }, blobs });
  });
  afterAll(async () => {
    for (const worker of workers) await worker.stop(5_000);
    await harness.stop();
    await databases.dispose();
    await rm(blobDirectory, { recursive: true, force: true });
  });

  const startWorker = (): WorkerProcess => {
    const environment = { NAT_LOG_LEVEL: 'warn', NAT_DRAIN_MS: '100', NAT_WORKER_NICE: '0' };
    const worker = startWorkerProcess({ server: harness.address, workerId: 'w', blobDirectory, environment, stderr: 'ignore' });
    workers.push(worker);
    return worker;
  };

  test('a worker that is killed is followed by an attempt that does not train again what is done', { timeout: 60_000 }, async () => {
    // Seconds a child: the first is done when the worker is killed, the second is not.
    const recipe = evaluation.TrainingRecipe.create({ maxTime: { seconds: 2, nanos: 0 }, batch: 4, trainImages: 8, validationImages: 4, seed: 3, threads: 1 });
    const placement = { network: 'NETWORK_EVALUATION' as const, channels: 2, layers: 3, imageSize: 0, classes: 0 };
    const pairs: evaluation.Pair[] = ['NAT_DARTS', 'DARTS'].map((name, i) => ({ id: `child-${i}`, source: zoo(name), result: undefined }));
    const spec = evaluation.EvaluationSpec.create({
      kind: { $case: 'fromScratch', value: { dataset: 'mnist', placement, recipe, pairs, reportTest: false } },
    });
    const worker = startWorker();
    const { names } = await client().submitEvaluations({ parent: PARENT, evaluations: [{ evaluationId: 'killed', spec }] });
    const name = names[0]!;
    const seen = async (): Promise<evaluation.Observation[]> => (await client().listObservations({ parent: name, pageSize: 1000 })).observations;
    await eventually(seen, (observations) => observations.some(({ pairId }) => pairId === 'child-1'), 50_000);
    worker.kill('SIGKILL');
    await worker.exited;

    startWorker();
    const done = await eventually(
      () => client().getEvaluation({ name }),
      ({ state }) => state === 'EVALUATION_STATE_SUCCEEDED',
      50_000,
    );
    expect(done.attempt).toBe(2);
    const again = (await seen()).filter(({ attempt }) => attempt === 2);
    expect(new Set(again.map(({ pairId }) => pairId))).toEqual(new Set(['child-1']));
  });

  test('weights come back as they were sent, in pieces', async () => {
    const bytes = Uint8Array.from({ length: 2_500_000 }, (_, i) => i % 251);
    const pieces = [bytes.subarray(0, 1_000_000), bytes.subarray(1_000_000, 2_000_000), bytes.subarray(2_000_000)];
    const { weights } = await client().uploadWeights(Readable.from(pieces.map((data) => ({ data }))));
    expect(await blobs.has(weights)).toBe(true);
    const received: Uint8Array[] = [];
    for await (const { data } of client().downloadWeights({ weights })) received.push(data);
    expect(received.length).toBeGreaterThan(1);
    expect(Buffer.concat(received).equals(bytes)).toBe(true);
  });

  test('refuses weights that are empty or not there', async () => {
    const reasonOf = async (work: Promise<unknown>): Promise<string> =>
      work.then(
        () => 'none',
        (error: unknown) => (isDomainError(error) ? error.reason : String(error)),
      );
    expect(await reasonOf(client().uploadWeights(Readable.from([])))).toBe('NO_WEIGHTS');
    const missing = async (): Promise<void> => {
      for await (const { data } of client().downloadWeights({ weights: '0'.repeat(64) })) expect(data).toBeUndefined();
    };
    expect(await reasonOf(missing())).toBe('BLOB_NOT_FOUND');
  });
});
