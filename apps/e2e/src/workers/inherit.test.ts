/** Children that start from their source's weights, by real workers: trained, stored, downloaded, uploaded and inherited. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { evaluation } from '@nat/contracts';
import { openBlobStore } from '@nat/storage';
import { embeddedDatabase, type TestDatabase } from '@nat/storage/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, PARENT, startCoordinatorHarness, type CoordinatorHarness } from '@nat/evaluator-service/testing';
import type { RunningProcess } from '@nat/base/process';
import { startWorkerProcess } from '@nat/worker';
import { succeededOf, valueOf, zoo } from './outcomes.ts';

describe('weight inheritance', { timeout: 300_000 }, () => {
  let databases: TestDatabase;
  let harness: CoordinatorHarness;
  let blobDirectory: string;
  let worker: RunningProcess;
  const client = () => harness.channel.client(evaluation.EvaluationServiceDefinition);

  beforeAll(async () => {
    databases = await embeddedDatabase();
    blobDirectory = await mkdtemp(join(tmpdir(), 'nat-blobs-'));
    // In an S3 bucket where there is one.
    const blobUrl = process.env['NAT_TEST_S3']?.replace('?', `/${randomUUID()}?`) ?? blobDirectory;
    const blobs = await openBlobStore(blobUrl);
    harness = await startCoordinatorHarness({ database: databases.database, config: { pollMs: 200, noCapableWorkerMs: 0 }, blobs });
    const environment = { NAT_LOG_LEVEL: 'warn', NAT_DRAIN_MS: '100', NAT_WORKER_NICE: '0' };
    worker = startWorkerProcess({ server: harness.address, workerId: 'w', blobUrl, environment, stderr: 'ignore' });
  });
  afterAll(async () => {
    await worker.stop(5_000);
    await harness.stop();
    await databases.dispose();
    await rm(blobDirectory, { recursive: true, force: true });
  });

  const resultsOf = async (id: string, work: Partial<evaluation.FromScratchEvaluation>): Promise<readonly evaluation.CandidateResult[]> => {
    const recipe = evaluation.TrainingRecipe.create({ epochs: 1, batch: 8, trainImages: 32, validationImages: 40, seed: 3, threads: 1 });
    const placement = { network: 'NETWORK_EVALUATION' as const, channels: 2, layers: 3 };
    const value = evaluation.FromScratchEvaluation.create({ dataset: 'mnist', placement, recipe, ...work });
    const spec = evaluation.EvaluationSpec.create({ kind: { $case: 'fromScratch', value }, maxAttempts: 1 });
    const { names } = await client().submitEvaluations({ parent: PARENT, evaluations: [{ evaluationId: id, spec }] });
    const ended = await eventually(
      () => client().getEvaluation({ name: names[0]! }),
      ({ outcome }) => outcome !== undefined,
    );
    return succeededOf(ended).results;
  };

  test('starts source and result from the weights of the source', async () => {
    const [trained] = await resultsOf('trained', { candidates: [zoo('DARTS')], keepWeights: true });
    const before = trained!.report!;
    const pieces = (async function* (): AsyncGenerator<{ data: Uint8Array }> {
      for await (const { data } of client().downloadWeights({ weights: before.weights! })) yield { data };
    })();
    const { weights } = await client().uploadWeights(pieces);
    expect(weights).toBe(before.weights);

    const recipe = evaluation.TrainingRecipe.create({
      preset: 'RECIPE_PRESET_FINE_TUNE',
      epochs: 1,
      batch: 8,
      trainImages: 32,
      validationImages: 40,
      seed: 4,
      threads: 1,
    });
    const candidates = [zoo('DARTS'), zoo('NAT_DARTS')];
    const [source, result] = await resultsOf('inherited', { candidates, recipe, inherit: { weights, source: zoo('DARTS').architecture } });
    expect(source!.report!.inherited).toEqual({ params: before.cost!.params, validationAccuracy: before.validationAccuracy });
    const { inherited, cost } = result!.report!;
    expect(inherited!.params).toBeGreaterThan(cost!.params / 2);
    expect(inherited!.params).toBeLessThanOrEqual(cost!.params);
    // The same child trained from nothing is another one.
    const [, fresh] = await resultsOf('fresh', { candidates, recipe });
    expect(fresh!.report!.inherited).toBeUndefined();

    const [other] = await resultsOf('other', { candidates, recipe, inherit: { weights, source: zoo('NAT_DARTS').architecture } });
    expect(other!.result).toMatchObject({ $case: 'error', value: { message: expect.stringMatching(/^inherit\.weights: have /) as string } });
    expect(valueOf(other!)).toBe('OTHER_WEIGHTS');
  });
});
