/** Training on images in files, in real processes: a worker forked from here, its trainer forked from it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { evaluation } from '@nat/contracts';
import { writeImageTree } from '@nat/datasets/testing';
import { openFolderBlobStore } from '@nat/storage';
import { embeddedDatabase, type TestDatabase } from '@nat/storage/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, PARENT, startCoordinatorHarness, type CoordinatorHarness } from '@nat/evaluator-service/testing';
import type { RunningProcess } from '@nat/base/process';
import { startWorkerProcess } from '@nat/worker';

describe('a worker with a folder tree of images', { timeout: 300_000 }, () => {
  let databases: TestDatabase;
  let harness: CoordinatorHarness;
  let directory: string;
  let worker: RunningProcess;

  beforeAll(async () => {
    databases = await embeddedDatabase();
    directory = await mkdtemp(join(tmpdir(), 'nat-image-folder-'));
    await writeImageTree(directory, 'stripes');
    await writeImageTree(directory, 'damaged', { train: 4, val: 2 });
    await writeFile(join(directory, 'damaged', 'val', 'rows', 'note.jpg'), 'text');
    const blobs = await openFolderBlobStore(join(directory, '.blobs'));
    harness = await startCoordinatorHarness({ database: databases.database, config: { pollMs: 200, noCapableWorkerMs: 0 }, blobs });
    worker = startWorkerProcess({
      server: harness.address,
      workerId: 'w',
      blobUrl: join(directory, '.blobs'),
      dataDir: directory,
      environment: { NAT_LOG_LEVEL: 'warn', NAT_DRAIN_MS: '100', NAT_WORKER_NICE: '0' },
      stderr: 'ignore',
    });
  });
  afterAll(async () => {
    await worker.stop(5_000);
    await harness.stop();
    await databases.dispose();
    await rm(directory, { recursive: true, force: true });
  });

  const outcomeOf = async (id: string, kind: evaluation.EvaluationSpec['kind']): Promise<evaluation.Outcome> => {
    const submitter = harness.channel.client(evaluation.EvaluationServiceDefinition);
    const spec = evaluation.EvaluationSpec.create({ kind, maxAttempts: 1 });
    const { names } = await submitter.submitEvaluations({ parent: PARENT, evaluations: [{ evaluationId: id, spec }] });
    const ended = await eventually(
      () => submitter.getEvaluation({ name: names[0]! }),
      ({ outcome }) => outcome !== undefined,
    );
    return ended.outcome!;
  };
  const fromScratch = (dataset: string): evaluation.EvaluationSpec['kind'] => ({
    $case: 'fromScratch',
    value: evaluation.FromScratchEvaluation.create({
      dataset,
      placement: { network: 'NETWORK_EVALUATION', channels: 2, layers: 3 },
      recipe: evaluation.TrainingRecipe.create({ epochs: 2, batch: 8, seed: 3, threads: 1 }),
      pairs: [{ id: 'a', source: { ref: { $case: 'zoo', value: 'NAT_DARTS' } } }],
      reportTest: true,
    }),
  });

  test('trains and evaluates a child, the same twice', async () => {
    const reports: evaluation.ChildReport[] = [];
    for (const id of ['first', 'second']) {
      const { result } = await outcomeOf(id, fromScratch('imagefolder:stripes@16'));
      if (result?.$case !== 'succeeded') throw new Error(JSON.stringify(result));
      reports.push({ ...result.value.values[0]!.sourceReport!, seconds: 0, imagesPerSecond: 0 });
    }
    // 24 training images, of which 2 are held out, make two full batches an epoch.
    expect(reports[0]).toMatchObject({ epochs: 2, steps: 4 });
    expect(reports[0]!.testAccuracy! * 8).toBe(Math.round(reports[0]!.testAccuracy! * 8));
    expect(reports[1]).toEqual(reports[0]);
  });

  test('trains a supernet on it, and scores a pair', async () => {
    const supernet = evaluation.Supernet.create({
      wiring: 'FULLY_CONCAT',
      primitives: 'nat',
      dataset: 'imagefolder:stripes@16',
      channels: 2,
      layers: 3,
      imageBatch: 4,
    });
    const trained = await outcomeOf('shard', { $case: 'trainShard', value: evaluation.TrainShardEvaluation.create({ supernet, shards: 1, steps: 2 }) });
    if (trained.result?.$case !== 'succeeded') throw new Error(JSON.stringify(trained));
    const pairs: evaluation.Pair[] = [{ id: 'a', source: { ref: { $case: 'zoo', value: 'DARTS' } }, result: { ref: { $case: 'zoo', value: 'NAT_DARTS' } } }];
    const work = evaluation.SharedWeightsEvaluation.create({ supernet, weights: trained.result.value.weights, batches: 2, pairs });
    const { result } = await outcomeOf('score', { $case: 'sharedWeights', value: work });
    if (result?.$case !== 'succeeded') throw new Error(JSON.stringify(result));
    const [{ sourceValue, errorMessage } = {}] = result.value.values;
    expect([errorMessage, sourceValue! * 8]).toEqual(['', Math.round(sourceValue! * 8)]);
  });

  test('names the file that is no image', async () => {
    const { result } = await outcomeOf('damaged', fromScratch('imagefolder:damaged@16'));
    expect(result).toMatchObject({
      $case: 'failed',
      value: { reason: 'DATA_INVALID', message: expect.stringContaining('val/rows/note.jpg: cannot be decoded') as string },
    });
  });
});
