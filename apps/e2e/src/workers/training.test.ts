/** Real training in real processes: a worker forked from here, its trainer forked from it. */
import { readdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { architectureCost, zooArchitecture } from '@nat/cells';
import { type architecture, evaluation } from '@nat/contracts';
import { openFolderBlobStore, type BlobStore } from '@nat/storage';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, PARENT, startCoordinatorHarness, type CoordinatorHarness } from '@nat/evaluator-service/testing';
import { embeddedDatabase, type TestDatabase } from '@nat/storage/testing';
import type { RunningProcess } from '@nat/base/process';
import { startWorkerProcess } from '@nat/worker';

/** A training that would take for ever, in epochs of two steps. */
const ENDLESS = 1_000_000;
const zoo = (value: string): architecture.ArchitectureRef => ({ ref: { $case: 'zoo', value } });

function fromScratch(maxSteps: number, pairs: readonly evaluation.Pair[], overrides: Partial<evaluation.EvaluationSpec> = {}): evaluation.EvaluationSpec {
  const recipe = evaluation.TrainingRecipe.create({ maxSteps, batch: 4, trainImages: 8, validationImages: 4, seed: 3, threads: 1 });
  const placement = { network: 'NETWORK_EVALUATION' as const, channels: 2, layers: 3 };
  return evaluation.EvaluationSpec.create({
    kind: { $case: 'fromScratch', value: { dataset: 'mnist', placement, recipe, pairs: [...pairs], reportTest: false } },
    ...overrides,
  });
}

/** Processes whose parent is this one. */
async function childrenOf(pid: number): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const parents = await Promise.all(pids.map(async (name) => [Number(name), await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '')] as const));
  return parents.filter(([, stat]) => Number(stat.slice(stat.lastIndexOf(')') + 4).split(' ')[0]) === pid).map(([child]) => child);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('a worker process', { timeout: 300_000 }, () => {
  let databases: TestDatabase;
  let harness: CoordinatorHarness;
  let blobDirectory: string;
  let blobs: BlobStore;
  let worker: RunningProcess;
  let submitter: ReturnType<typeof evaluations>;
  const evaluations = () => harness.channel.client(evaluation.EvaluationServiceDefinition);

  beforeAll(async () => {
    databases = await embeddedDatabase();
    blobDirectory = await mkdtemp(join(tmpdir(), 'nat-blobs-'));
    blobs = await openFolderBlobStore(blobDirectory);
    harness = await startCoordinatorHarness({
      database: databases.database,
      config: { leaseMs: 120_000, renewMs: 200, reapMs: 100, pollMs: 200, retryBackoffMs: 50, noCapableWorkerMs: 0 },
      blobs,
    });
    submitter = evaluations();
    worker = startWorker();
  });
  afterAll(async () => {
    await worker.stop(5_000);
    await harness.stop();
    await databases.dispose();
    await rm(blobDirectory, { recursive: true, force: true });
  });

  const startWorker = (): RunningProcess =>
    startWorkerProcess({
      server: harness.address,
      workerId: 'w',
      blobUrl: blobDirectory,
      environment: { NAT_LOG_LEVEL: 'warn', NAT_DRAIN_MS: '100', NAT_WORKER_NICE: '0' },
      stderr: 'ignore',
    });
  const submit = async (id: string, spec: evaluation.EvaluationSpec): Promise<string> =>
    (await submitter.submitEvaluations({ parent: PARENT, evaluations: [{ evaluationId: id, spec }] })).names[0]!;
  const get = (name: string): Promise<evaluation.Evaluation> => submitter.getEvaluation({ name });
  const until = (name: string, accept: (one: evaluation.Evaluation) => boolean): Promise<evaluation.Evaluation> => eventually(() => get(name), accept);
  const succeeded = async (name: string): Promise<evaluation.Succeeded> => {
    const done = await until(name, ({ state }) => state !== 'EVALUATION_STATE_QUEUED' && state !== 'EVALUATION_STATE_LEASED');
    if (done.outcome?.result?.$case !== 'succeeded') throw new Error(`${name}: ${JSON.stringify(done.outcome)}`);
    return done.outcome.result.value;
  };

  test('trains pairs of children from scratch, and says what it sees', async () => {
    const pairs: evaluation.Pair[] = [
      { id: 'a', source: zoo('DARTS'), result: zoo('NAT_DARTS') },
      { id: 'b', source: zoo('NAT_DARTS'), result: undefined },
      { id: 'c', source: zoo('no_such_architecture'), result: zoo('DARTS') },
    ];
    const name = await submit('scratch', fromScratch(4, pairs));
    const { values } = await succeeded(name);
    expect(values.map(({ pairId }) => pairId)).toEqual(['a', 'b', 'c']);
    const [a, b, c] = values;
    for (const report of [a!.sourceReport!, a!.resultReport!]) {
      expect(report).toMatchObject({ epochs: 2, steps: 4, testAccuracy: undefined });
      expect(report.validationAccuracy * 4).toBe(Math.round(report.validationAccuracy * 4));
      expect(report.imagesPerSecond).toBeGreaterThan(0);
    }
    expect(a!.sourceValue).toBe(a!.sourceReport!.validationAccuracy);
    const cost = (name: string): number => architectureCost(zooArchitecture(name), { network: 'evaluation', channels: 2, layers: 3 }).params;
    expect([a!.sourceReport!.params, a!.resultReport!.params]).toEqual([cost('DARTS'), cost('NAT_DARTS')]);
    expect(b).toMatchObject({ sourceValue: a!.resultValue, sourceReport: a!.resultReport, resultReport: undefined });
    expect(c!.errorMessage).toContain('no_such_architecture');
    const { observations } = await submitter.listObservations({ parent: name });
    const losses = observations.filter(({ metric }) => metric === 'source/trainLoss');
    expect(losses.map(({ step, pairId }) => [pairId, step])).toEqual([
      ['a', 1],
      ['a', 2],
    ]);
    expect(losses.every(({ value }) => value > 0)).toBe(true);

    const again = await succeeded(await submit('scratch-again', fromScratch(4, pairs.slice(0, 1))));
    expect(again.values[0]).toMatchObject({ sourceValue: a!.sourceValue, resultValue: a!.resultValue });
  });

  test('trains by the official recipe, and refuses what a network has not, pair by pair', async () => {
    const recipe = (overrides: Partial<evaluation.TrainingRecipe>, ...subjects: string[]): evaluation.EvaluationSpec => {
      const spec = fromScratch(
        2,
        subjects.map((name) => ({ id: name, source: zoo(name), result: undefined })),
      );
      if (spec.kind?.$case === 'fromScratch') Object.assign(spec.kind.value.recipe!, overrides);
      return spec;
    };
    const lossOf = async (name: string): Promise<number | undefined> =>
      (await submitter.listObservations({ parent: name })).observations.find(({ metric }) => metric === 'source/trainLoss')?.value;
    const plain = await submit('recipe-plain', recipe({}, 'DARTS'));
    const official = await submit('recipe-official', recipe({ preset: 'official' }, 'DARTS'));
    const overridden = { preset: 'official', cutout: 0, dropPath: 0, auxiliaryWeight: 0 };
    const without = await submit('recipe-overridden', recipe(overridden, 'DARTS'));
    for (const name of [plain, official, without]) expect((await succeeded(name)).values[0]).toMatchObject({ errorMessage: '', sourceReport: { steps: 2 } });
    expect(await lossOf(without)).toBe(await lossOf(plain));
    expect(await lossOf(official)).not.toBe(await lossOf(plain));

    const { values } = await succeeded(await submit('recipe-auxiliary', recipe({ auxiliaryWeight: 0.4 }, 'NAT_DARTS', 'resnet20')));
    expect(values.map(({ errorMessage }) => errorMessage)).toEqual(['', expect.stringMatching(/^INVALID_RECIPE: recipe.auxiliaryWeight: the network has no/)]);
  });

  test('trains a supernet in shards, averages them and scores pairs with the result', async () => {
    const supernet = {
      wiring: 'FULLY_CONCAT',
      primitives: 'nat',
      dataset: 'mnist',
      channels: 2,
      layers: 3,
      seed: 5,
      imageBatch: 8,
      learningRate: 0.01,
      threads: 1,
      momentum: undefined,
      weightDecay: undefined,
      clipNorm: undefined,
      split: 'SEARCH_SPLIT_SET_ASIDE' as const,
      block: '',
    };
    const shard = (id: string, number: number, shards: number, steps = 2, round = 0, weights = ''): Promise<string> =>
      submit(
        id,
        evaluation.EvaluationSpec.create({ kind: { $case: 'trainShard', value: { supernet, weights, round, shard: number, shards, steps, seed: 9 } } }),
      );
    const average = (id: string, weights: string[]): Promise<string> =>
      submit(id, evaluation.EvaluationSpec.create({ kind: { $case: 'average', value: { round: 0, weights } } }));

    const [first, second] = [await succeeded(await shard('s0', 0, 2)), await succeeded(await shard('s1', 1, 2))];
    expect(first.weights).not.toBe(second.weights);
    expect(first.metrics).toMatchObject({ steps: 2, trainLoss: expect.any(Number) as number });
    expect((await succeeded(await shard('s0-again', 0, 2))).weights).toBe(first.weights);
    const { weights } = await succeeded(await average('both', [first.weights, second.weights]));
    expect(await blobs.has(weights)).toBe(true);
    expect((await succeeded(await average('one', [first.weights]))).weights).toBe(first.weights);

    // One shard is the sequential algorithm: however it is cut into rounds.
    const whole = await succeeded(await shard('whole', 0, 1, 3));
    const begin = await succeeded(await shard('begin', 0, 1, 1));
    expect((await succeeded(await shard('rest', 0, 1, 2, 1, begin.weights))).weights).toBe(whole.weights);

    const pairs: evaluation.Pair[] = [
      { id: 'a', source: zoo('DARTS'), result: zoo('NAT_DARTS') },
      { id: 'b', source: zoo('NAT_DARTS'), result: zoo('DARTS') },
      { id: 'c', source: zoo('ENAS'), result: undefined },
    ];
    const score = (id: string, batchSeed: number): Promise<string> =>
      submit(
        id,
        evaluation.EvaluationSpec.create({
          kind: { $case: 'sharedWeights', value: { supernet, weights, batchSeed, batches: 2, pairs, images: 'SCORED_IMAGES_POLICY', imageCount: 0 } },
        }),
      );
    const { values } = await succeeded(await score('score', 1));
    const [a, b, c] = values;
    expect([b!.sourceValue, b!.resultValue]).toEqual([a!.resultValue, a!.sourceValue]);
    expect(a!.sourceValue * 16).toBeCloseTo(Math.round(a!.sourceValue * 16), 9);
    expect(c!.errorMessage).toContain('OUTSIDE_SUPERNET');
    expect((await succeeded(await score('score-again', 1))).values).toEqual(values);
    const missing = await submit('missing', evaluation.EvaluationSpec.create({ kind: { $case: 'average', value: { round: 0, weights: ['0'.repeat(64)] } } }));
    expect(await until(missing, ({ state }) => state === 'EVALUATION_STATE_FAILED')).toMatchObject({
      outcome: { result: { value: { reason: 'BLOB_NOT_FOUND' } } },
    });
  });

  test('is replaced when it is killed, and stops what is cancelled', async () => {
    const name = await submit('endless', fromScratch(ENDLESS, [{ id: 'a', source: zoo('DARTS'), result: undefined }]));
    await until(name, ({ observations }) => observations > 0);
    const trainers = await childrenOf(worker.pid!);
    expect(trainers).toHaveLength(1);
    worker.kill();
    await worker.ended;
    await eventually(
      () => Promise.resolve(trainers.some(isAlive)),
      (alive) => !alive,
    );

    worker = startWorker();
    await until(name, ({ attempt, state }) => attempt === 2 && state === 'EVALUATION_STATE_LEASED');
    const [trainer] = await eventually(
      () => childrenOf(worker.pid!),
      (children) => children.length === 1,
    );
    await submitter.cancelEvaluation({ name, reason: 'enough' });
    await eventually(
      () => Promise.resolve(isAlive(trainer!)),
      (alive) => !alive,
    );
    expect(await get(name)).toMatchObject({ state: 'EVALUATION_STATE_CANCELLED', attempt: 2 });
  });

  test('reports a trainer that dies, and one that takes too long', async () => {
    const name = await submit('crash', fromScratch(ENDLESS, [{ id: 'a', source: zoo('DARTS'), result: undefined }], { maxAttempts: 1 }));
    await until(name, ({ observations }) => observations > 0);
    for (const trainer of await childrenOf(worker.pid!)) process.kill(trainer, 'SIGKILL');
    const poisoned = await until(name, ({ state }) => state === 'EVALUATION_STATE_POISONED');
    expect(poisoned.outcome).toMatchObject({
      result: { $case: 'failed', value: { reason: 'TRAINER_CRASHED', message: expect.stringContaining('SIGKILL') as string } },
    });

    const budget = { time: { seconds: 0, nanos: 500_000_000 }, epochs: 0, steps: 0, memoryBytes: 0 };
    const slow = await submit('slow', fromScratch(ENDLESS, [{ id: 'a', source: zoo('DARTS'), result: undefined }], { budget }));
    expect(await until(slow, ({ state }) => state === 'EVALUATION_STATE_FAILED')).toMatchObject({
      outcome: { result: { value: { reason: 'TIME_BUDGET_EXCEEDED' } } },
    });
  });

  test('gives back what it runs when it is told to end, with the pairs that are done', async () => {
    const pairs = (second: string): evaluation.Pair[] => [
      { id: 'a', source: zoo('NAT_DARTS'), result: undefined },
      { id: 'b', source: zoo(second), result: undefined },
    ];
    const spec = fromScratch(0, pairs('DARTS'), { maxAttempts: 1, priority: 5 });
    if (spec.kind?.$case !== 'fromScratch') throw new Error('not from scratch');
    // Each child has a few seconds: the first is done when the worker ends, the second is not.
    spec.kind.value.recipe!.maxTime = { seconds: 2, nanos: 0 };
    const name = await submit('drained', spec);
    await eventually(
      () => submitter.listObservations({ parent: name, pageSize: 1000 }),
      ({ observations }) => observations.some(({ pairId }) => pairId === 'b'),
    );
    const { observations: before } = await get(name);
    await worker.stop(10_000);
    expect((await worker.ended).code).toBe(0);
    expect(await get(name)).toMatchObject({ state: 'EVALUATION_STATE_QUEUED', attempt: 1 });
    worker = startWorker();
    const { values } = await succeeded(name);
    expect(values.map(({ pairId, errorMessage }) => [pairId, errorMessage])).toEqual([
      ['a', ''],
      ['b', ''],
    ]);
    const second = (await submitter.listObservations({ parent: name, pageSize: 1000 })).observations.filter(({ attempt }) => attempt === 2);
    expect(new Set(second.map(({ pairId }) => pairId))).toEqual(new Set(['b']));
    expect(before).toBeGreaterThan(0);
  });
});
