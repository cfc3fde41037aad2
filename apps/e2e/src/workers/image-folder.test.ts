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
import { failureOf, succeededOf, valueOf, zoo } from './outcomes.ts';

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

  const ended = async (id: string, kind: evaluation.EvaluationSpec['kind']): Promise<evaluation.Evaluation> => {
    const submitter = harness.channel.client(evaluation.EvaluationServiceDefinition);
    const spec = evaluation.EvaluationSpec.create({ kind, maxAttempts: 1 });
    const { names } = await submitter.submitEvaluations({ parent: PARENT, evaluations: [{ evaluationId: id, spec }] });
    return eventually(
      () => submitter.getEvaluation({ name: names[0]! }),
      ({ outcome }) => outcome !== undefined,
    );
  };
  const fromScratch = (dataset: string): evaluation.EvaluationSpec['kind'] => ({
    $case: 'fromScratch',
    value: evaluation.FromScratchEvaluation.create({
      dataset,
      placement: { network: 'NETWORK_EVALUATION', channels: 2, layers: 3 },
      recipe: evaluation.TrainingRecipe.create({ epochs: 2, batch: 8, seed: 3, threads: 1 }),
      candidates: [zoo('NAT_DARTS')],
      reportTest: true,
    }),
  });

  test('trains and evaluates a child, the same twice', async () => {
    const reports: evaluation.TrainingReport[] = [];
    for (const id of ['first', 'second']) {
      const [child] = succeededOf(await ended(id, fromScratch('imagefolder:stripes@16'))).results;
      reports.push({ ...child!.report!, duration: undefined, imagesPerSecond: 0 });
    }
    // 24 training images, of which 2 are held out, make two full batches an epoch.
    expect(reports[0]).toMatchObject({ epochs: 2, steps: 4 });
    expect(reports[0]!.testAccuracy! * 8).toBe(Math.round(reports[0]!.testAccuracy! * 8));
    expect(reports[1]).toEqual(reports[0]);
  });

  test('trains a supernet on it, and scores a candidate', async () => {
    const supernet = evaluation.Supernet.create({
      wiring: evaluation.Wiring.WIRING_FULLY_CONCAT,
      scheme: 'SCHEME_NAT',
      dataset: 'imagefolder:stripes@16',
      channels: 2,
      layers: 3,
      imageBatch: 4,
    });
    const shard = evaluation.TrainShardEvaluation.create({ supernet, shards: 1, steps: 2 });
    const { weights } = succeededOf(await ended('shard', { $case: 'trainShard', value: shard }));
    const images: evaluation.SharedWeightsEvaluation['images'] = { $case: 'policyImages', value: { batches: 2, seed: 0 } };
    const scored = await ended('score', { $case: 'sharedWeights', value: { supernet, weights, images, candidates: [zoo('DARTS')] } });
    const value = Number(valueOf(succeededOf(scored).results[0]!));
    expect(value * 8).toBe(Math.round(value * 8));
  });

  test('names the file that is no image', async () => {
    expect(failureOf(await ended('damaged', fromScratch('imagefolder:damaged@16')))).toMatch(/^DATA_INVALID: .*val\/rows\/note\.jpg: cannot be decoded/);
  });
});
