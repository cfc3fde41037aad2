/** Checkpoints of real training that is killed, and weights on their way in and out. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { evaluation } from '@nat/contracts';
import { isDomainError } from '@nat/base/errors';
import { decodeTensors } from '@nat/tensor';
import { openFolderBlobStore, type BlobStore } from '@nat/storage';
import { embeddedDatabase, type TestDatabase } from '@nat/storage/testing';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, PARENT, startCoordinatorHarness, type CoordinatorHarness } from '@nat/evaluator-service/testing';
import type { RunningProcess } from '@nat/base/process';
import { startWorkerProcess } from '@nat/worker';
import { failureOf, succeededOf, zoo } from './outcomes.ts';

describe('checkpoints and weights', { timeout: 300_000 }, () => {
  let databases: TestDatabase;
  let harness: CoordinatorHarness;
  let blobDirectory: string;
  let blobs: BlobStore;
  const workers: RunningProcess[] = [];
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

  const startWorker = (): RunningProcess => {
    const environment = { NAT_LOG_LEVEL: 'warn', NAT_DRAIN_MS: '100', NAT_WORKER_NICE: '0', NAT_WORKER_CHECKPOINT_MS: '0' };
    const worker = startWorkerProcess({ server: harness.address, workerId: 'w', blobUrl: blobDirectory, environment, stderr: 'ignore' });
    workers.push(worker);
    return worker;
  };

  test('a worker that is killed is followed by an attempt that does not train again what is done', async () => {
    // Seconds a child: the first is done when the worker is killed, the second is not.
    const recipe = evaluation.TrainingRecipe.create({ maxTime: { seconds: 2, nanos: 0 }, batch: 4, trainImages: 8, validationImages: 4, seed: 3, threads: 1 });
    const placement = { network: 'NETWORK_EVALUATION' as const, channels: 2, layers: 3 };
    const candidates = [zoo('NAT_DARTS'), zoo('DARTS')];
    const spec = evaluation.EvaluationSpec.create({
      kind: { $case: 'fromScratch', value: evaluation.FromScratchEvaluation.create({ dataset: 'mnist', placement, recipe, candidates }) },
    });
    const worker = startWorker();
    const { names } = await client().submitEvaluations({ parent: PARENT, evaluations: [{ evaluationId: 'killed', spec }] });
    const name = names[0]!;
    const seen = async (): Promise<evaluation.Observation[]> => (await client().listObservations({ parent: name, pageSize: 1000 })).observations;
    await eventually(seen, (observations) => observations.some(({ candidateId }) => candidateId === 'DARTS'));
    worker.kill();
    await worker.ended;

    startWorker();
    const done = await eventually(
      () => client().getEvaluation({ name }),
      ({ state }) => state === 'EVALUATION_STATE_SUCCEEDED',
    );
    expect(done.attempt).toBe(2);
    const again = (await seen()).filter(({ attempt }) => attempt === 2);
    expect(new Set(again.map(({ candidateId }) => candidateId))).toEqual(new Set(['DARTS']));
  });

  describe('a child', () => {
    /** Epochs of two steps; the weights are kept, and their key is a hash of their bits. */
    const childSpec = (
      overrides: Partial<evaluation.TrainingRecipe> = {},
      more: Partial<evaluation.EvaluationSpec> = {},
      names: readonly string[] = ['DARTS'],
    ): evaluation.EvaluationSpec => {
      const recipe = evaluation.TrainingRecipe.create({
        preset: 'RECIPE_PRESET_OFFICIAL',
        auxiliaryWeight: 0,
        epochs: 16,
        batch: 4,
        trainImages: 8,
        validationImages: 20,
        seed: 3,
        threads: 1,
        ...overrides,
      });
      const placement = { network: 'NETWORK_EVALUATION' as const, channels: 2, layers: 3 };
      return evaluation.EvaluationSpec.create({
        kind: {
          $case: 'fromScratch',
          value: {
            ...evaluation.FromScratchEvaluation.create({ dataset: 'mnist', placement, recipe, keepWeights: true, keepCheckpoints: true }),
            candidates: names.map((name) => zoo(name)),
          },
        },
        ...more,
      });
    };
    const submit = async (evaluationId: string, spec: evaluation.EvaluationSpec): Promise<string> =>
      (await client().submitEvaluations({ parent: PARENT, evaluations: [{ evaluationId, spec }] })).names[0]!;
    const ended = (name: string): Promise<evaluation.Evaluation> =>
      eventually(
        () => client().getEvaluation({ name }),
        ({ outcome }) => outcome !== undefined,
      );
    const reportOf = async (name: string): Promise<evaluation.TrainingReport> => succeededOf(await ended(name)).results[0]!.report!;
    /** What training decides; its state is of the same bits, but for the seconds in it. */
    const numbersOf = async (report: evaluation.TrainingReport): Promise<unknown> => ({
      ...report,
      duration: undefined,
      imagesPerSecond: 0,
      checkpoint: decodeTensors(await blobs.get(report.checkpoint!)).tensors,
    });
    const epochsOf = async (name: string): Promise<readonly { readonly attempt: number; readonly epoch: number }[]> => {
      const { observations } = await client().listObservations({ parent: name, pageSize: 1000 });
      return observations.filter(({ metric }) => metric === 'trainLoss').map(({ attempt, step }) => ({ attempt, epoch: step }));
    };

    test('whose worker is killed goes on from an epoch of it, to the bits of undisturbed training', async () => {
      const whole = await reportOf(await submit('undisturbed', childSpec()));
      const name = await submit('disturbed', childSpec());
      await eventually(
        () => epochsOf(name),
        (epochs) => epochs.some(({ epoch }) => epoch >= 3),
      );
      const worker = workers.at(-1)!;
      worker.kill();
      await worker.ended;
      startWorker();
      const { attempt } = await ended(name);
      expect(attempt).toBe(2);
      const epochs = await epochsOf(name);
      const second = epochs.filter((one) => one.attempt === 2).map(({ epoch }) => epoch);
      const last = Math.max(...epochs.filter((one) => one.attempt === 1).map(({ epoch }) => epoch));
      expect(last).toBeLessThan(16);
      expect(second[0]).toBeGreaterThan(1);
      expect(second).toEqual(Array.from({ length: 17 - second[0]! }, (_, i) => second[0]! + i));
      const report = await reportOf(name);
      expect(report.weights).toBe(whole.weights);
      expect(await numbersOf(report)).toEqual(await numbersOf(whole));
    });

    test('whose checkpoint is lost begins anew, to the same bits', async () => {
      const whole = await reportOf(await submit('not-lost', childSpec()));
      const name = await submit('lost', childSpec());
      const checkpointOf = async (): Promise<string> =>
        (await sql<{ resume_from: string }>`SELECT resume_from FROM evaluator.evaluation WHERE name = ${name}`.execute(databases.database.kysely)).rows[0]!
          .resume_from;
      await eventually(checkpointOf, (key) => key !== '');
      const worker = workers.at(-1)!;
      worker.kill();
      await worker.ended;
      expect(await blobs.delete(await checkpointOf())).toBe(true);
      startWorker();
      expect(await numbersOf(await reportOf(name))).toEqual(await numbersOf(whole));
      const second = (await epochsOf(name)).filter(({ attempt }) => attempt === 2);
      expect(second.map(({ epoch }) => epoch)).toEqual(Array.from({ length: 16 }, (_, i) => i + 1));
    });

    test('does not go on from what is not there', async () => {
      const missing = await submit('missing', childSpec({}, { resumeFrom: '0'.repeat(64) }));
      expect(failureOf(await ended(missing))).toMatch(/^BLOB_NOT_FOUND: /);
    });

    test('goes on in another evaluation, on the schedule of the whole, to the same bits', async () => {
      const whole = await reportOf(await submit('at-once', childSpec({ epochs: 6 })));
      const first = await reportOf(await submit('rung-0', childSpec({ epochs: 6, stopAfterEpochs: 2 })));
      expect(first).toMatchObject({ epochs: 2, end: 'TRAINING_END_PAUSED', judgedEpoch: 2 });
      const resumeFrom = first.checkpoint!;
      // A kept checkpoint stays, however often it is used.
      for (const id of ['rung-1', 'rung-1-again']) {
        const rest = await submit(id, childSpec({ epochs: 6, stopAfterEpochs: 6 }, { resumeFrom }));
        expect(await numbersOf(await reportOf(rest))).toEqual(await numbersOf(whole));
        expect((await epochsOf(rest)).map(({ epoch }) => epoch)).toEqual([3, 4, 5, 6]);
      }
      expect(await blobs.has(resumeFrom)).toBe(true);
    });

    test('is no outcome without its blobs', async () => {
      const workers = harness.channel.client(evaluation.WorkerServiceDefinition);
      const name = await submit('no-blobs', childSpec({}, { capabilities: ['nobody-else'] }));
      await workers.registerWorker({ workerId: 'other', capabilities: ['dataset:mnist', 'nobody-else'], kinds: ['EVALUATION_KIND_FROM_SCRATCH'] });
      const { leases } = await workers.leaseEvaluations({ workerId: 'other', maxCount: 1 });
      expect(leases.map((lease) => lease.evaluation)).toEqual([name]);
      const lease = { evaluation: name, token: leases[0]!.token };
      const completeWith = (report: Partial<evaluation.TrainingReport>): Promise<unknown> => {
        const results = [{ candidateId: 'DARTS', result: { $case: 'value' as const, value: 0.5 }, report }];
        return workers.completeEvaluation({ lease, outcome: { result: { $case: 'succeeded', value: { results } } } });
      };
      for (const missing of [{ weights: '0'.repeat(64) }, { checkpoint: '0'.repeat(64) }]) {
        await expect(completeWith(missing)).rejects.toMatchObject({ reason: 'BLOB_NOT_FOUND' });
      }
      await completeWith({ weights: await blobs.put(new Uint8Array(1)) });
      expect((await ended(name)).state).toBe('EVALUATION_STATE_SUCCEEDED');
    });

    test.each<[string, Partial<evaluation.TrainingRecipe>, string]>([
      ['another architecture', { epochs: 6 }, 'ENAS'],
      ['another schedule', { epochs: 7 }, 'DARTS'],
      ['another seed', { epochs: 6, seed: 4 }, 'DARTS'],
    ])('does not go on from %s', async (title, recipe, name) => {
      const paused = await reportOf(await submit(`first-${title.replaceAll(' ', '-')}`, childSpec({ epochs: 6, stopAfterEpochs: 1 })));
      const spec = childSpec(recipe, { resumeFrom: paused.checkpoint! }, [name]);
      expect(failureOf(await ended(await submit(title.replaceAll(' ', '-'), spec)))).toMatch(/^OTHER_CHILD: /);
    });

    test('that no longer gets better ends, with the weights of its best epoch', async () => {
      const report = await reportOf(await submit('with-patience', childSpec({ patience: 2 })));
      expect(report).toMatchObject({ end: 'TRAINING_END_PATIENCE', epochs: report.judgedEpoch + 2 });
      const best = await reportOf(await submit('best', childSpec({ patience: 2, stopAfterEpochs: report.judgedEpoch })));
      expect([best.weights, best.validationAccuracy]).toEqual([report.weights, report.validationAccuracy]);
    });
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
