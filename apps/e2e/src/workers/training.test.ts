/** Real training in real processes: a worker forked from here, its trainer forked from it. */
import { readdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { architectureCost, zooArchitecture } from '@nat/cells';
import { evaluation } from '@nat/contracts';
import { openFolderBlobStore, type BlobStore } from '@nat/storage';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, PARENT, startCoordinatorHarness, type CoordinatorHarness } from '@nat/evaluator-service/testing';
import { embeddedDatabase, type TestDatabase } from '@nat/storage/testing';
import type { RunningProcess } from '@nat/base/process';
import { startWorkerProcess } from '@nat/worker';
import { failureOf, succeededOf, valueOf, zoo } from './outcomes.ts';

/** A training that would take for ever, in epochs of two steps. */
const ENDLESS = 1_000_000;

function fromScratch(
  maxSteps: number | undefined,
  candidates: evaluation.Candidate[],
  overrides: Partial<evaluation.EvaluationSpec> = {},
): evaluation.EvaluationSpec {
  const recipe = evaluation.TrainingRecipe.create({ maxSteps, batch: 4, trainImages: 8, validationImages: 4, seed: 3, threads: 1 });
  const placement = { network: 'NETWORK_EVALUATION' as const, channels: 2, layers: 3 };
  return evaluation.EvaluationSpec.create({
    kind: { $case: 'fromScratch', value: evaluation.FromScratchEvaluation.create({ dataset: 'mnist', placement, recipe, candidates }) },
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
    return succeededOf(await until(name, ({ outcome }) => outcome !== undefined));
  };

  test('trains children from scratch, and says what it sees', async () => {
    const candidates = [zoo('DARTS'), zoo('NAT_DARTS'), zoo('NAT_DARTS', 'again'), zoo('no_such_architecture')];
    const name = await submit('scratch', fromScratch(4, candidates));
    const { results } = await succeeded(name);
    expect(results.map(({ candidateId }) => candidateId)).toEqual(['DARTS', 'NAT_DARTS', 'again', 'no_such_architecture']);
    const [darts, thinned, again, missing] = results;
    for (const report of [darts!.report!, thinned!.report!]) {
      expect(report).toMatchObject({ epochs: 2, steps: 4, testAccuracy: undefined });
      expect(report.validationAccuracy * 4).toBe(Math.round(report.validationAccuracy * 4));
      expect(report.imagesPerSecond).toBeGreaterThan(0);
    }
    expect(valueOf(darts!)).toBe(darts!.report!.validationAccuracy);
    const cost = (architecture: string) => architectureCost(zooArchitecture(architecture), { network: 'evaluation', channels: 2, layers: 3 });
    expect([darts!.report!.cost, thinned!.report!.cost]).toMatchObject([cost('DARTS'), cost('NAT_DARTS')]);
    // A child that occurs again is trained once.
    expect(again).toEqual({ ...thinned, candidateId: 'again' });
    expect(missing!.result).toMatchObject({ $case: 'error', value: { message: expect.stringContaining('no_such_architecture') as string } });
    const { observations } = await submitter.listObservations({ parent: name });
    const losses = observations.filter(({ metric }) => metric === 'trainLoss');
    expect(losses.map(({ step, candidateId }) => [candidateId, step])).toEqual([
      ['DARTS', 1],
      ['DARTS', 2],
      ['NAT_DARTS', 1],
      ['NAT_DARTS', 2],
    ]);
    expect(losses.every(({ value }) => value > 0)).toBe(true);

    const repeated = await succeeded(await submit('scratch-again', fromScratch(4, candidates.slice(0, 2))));
    expect(repeated.results.map(valueOf)).toEqual([valueOf(darts!), valueOf(thinned!)]);
  });

  test('trains by the official recipe, and refuses what a network has not, candidate by candidate', async () => {
    const recipe = (overrides: Partial<evaluation.TrainingRecipe>, ...names: string[]): evaluation.EvaluationSpec => {
      const spec = fromScratch(
        2,
        names.map((name) => zoo(name)),
      );
      if (spec.kind?.$case === 'fromScratch') Object.assign(spec.kind.value.recipe!, overrides);
      return spec;
    };
    const lossOf = async (name: string): Promise<number | undefined> =>
      (await submitter.listObservations({ parent: name })).observations.find(({ metric }) => metric === 'trainLoss')?.value;
    const plain = await submit('recipe-plain', recipe({}, 'DARTS'));
    const official = await submit('recipe-official', recipe({ preset: 'RECIPE_PRESET_OFFICIAL' }, 'DARTS'));
    const overridden = { preset: 'RECIPE_PRESET_OFFICIAL', cutout: 0, dropPath: 0, auxiliaryWeight: 0 } as const;
    const without = await submit('recipe-overridden', recipe(overridden, 'DARTS'));
    for (const name of [plain, official, without]) expect((await succeeded(name)).results[0]).toMatchObject({ report: { steps: 2 } });
    expect(await lossOf(without)).toBe(await lossOf(plain));
    expect(await lossOf(official)).not.toBe(await lossOf(plain));

    const [auxiliary, none] = (await succeeded(await submit('recipe-auxiliary', recipe({ auxiliaryWeight: 0.4 }, 'NAT_DARTS', 'resnet20')))).results;
    expect(typeof valueOf(auxiliary!)).toBe('number');
    expect([valueOf(none!), none!.result]).toMatchObject([
      'INVALID_RECIPE',
      { $case: 'error', value: { message: expect.stringMatching(/^recipe.auxiliaryWeight: the network has no/) as string } },
    ]);
  });

  test('trains a supernet in shards, averages them and scores candidates with the result', async () => {
    const supernet = evaluation.Supernet.create({
      wiring: evaluation.Wiring.WIRING_FULLY_CONCAT,
      scheme: 'SCHEME_NAT',
      dataset: 'mnist',
      channels: 2,
      layers: 3,
      seed: 5,
      imageBatch: 8,
      optimizer: { learningRate: 0.01 },
      threads: 1,
    });
    const shard = (id: string, number: number, shards: number, steps = 2, round = 0, weights?: string): Promise<string> =>
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
    const { weights } = await succeeded(await average('both', [first.weights!, second.weights!]));
    expect(await blobs.has(weights!)).toBe(true);
    expect((await succeeded(await average('one', [first.weights!]))).weights).toBe(first.weights);

    // One shard is the sequential algorithm: however it is cut into rounds.
    const whole = await succeeded(await shard('whole', 0, 1, 3));
    const begin = await succeeded(await shard('begin', 0, 1, 1));
    expect((await succeeded(await shard('rest', 0, 1, 2, 1, begin.weights))).weights).toBe(whole.weights);

    const score = async (id: string, ...names: string[]): Promise<readonly (number | string)[]> => {
      const images = { $case: 'policyImages' as const, value: { batches: 2, seed: 1 } };
      const value = { supernet, weights, images, candidates: names.map((name, i) => zoo(name, `${name}-${i}`)) };
      return (await succeeded(await submit(id, evaluation.EvaluationSpec.create({ kind: { $case: 'sharedWeights', value } })))).results.map(valueOf);
    };
    const [darts, thinned, outside] = await score('score', 'DARTS', 'NAT_DARTS', 'ENAS');
    expect(Number(darts) * 16).toBeCloseTo(Math.round(Number(darts) * 16), 9);
    expect(outside).toBe('OUTSIDE_SUPERNET');
    // What a candidate is worth does not depend on the others, nor on their order.
    expect(await score('score-again', 'NAT_DARTS', 'DARTS', 'NAT_DARTS')).toEqual([thinned, darts, thinned]);
    const missing = await submit('missing', evaluation.EvaluationSpec.create({ kind: { $case: 'average', value: { round: 0, weights: ['0'.repeat(64)] } } }));
    expect(failureOf(await until(missing, ({ state }) => state === 'EVALUATION_STATE_FAILED'))).toMatch(/^BLOB_NOT_FOUND: /);
  });

  test('is replaced when it is killed, and stops what is cancelled', async () => {
    const name = await submit('endless', fromScratch(ENDLESS, [zoo('DARTS')]));
    await until(name, ({ observationCount }) => observationCount > 0);
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
    const name = await submit('crash', fromScratch(ENDLESS, [zoo('DARTS')], { maxAttempts: 1 }));
    await until(name, ({ observationCount }) => observationCount > 0);
    for (const trainer of await childrenOf(worker.pid!)) process.kill(trainer, 'SIGKILL');
    const poisoned = await until(name, ({ state }) => state === 'EVALUATION_STATE_POISONED');
    expect(failureOf(poisoned)).toMatch(/^TRAINER_CRASHED: .*SIGKILL/);

    const budget = { time: { seconds: 0, nanos: 500_000_000 } };
    const slow = await submit('slow', fromScratch(ENDLESS, [zoo('DARTS')], { budget }));
    expect(failureOf(await until(slow, ({ state }) => state === 'EVALUATION_STATE_FAILED'))).toMatch(/^TIME_BUDGET_EXCEEDED: /);
  });

  test('gives back what it runs when it is told to end, with the candidates that are done', async () => {
    const spec = fromScratch(undefined, [zoo('NAT_DARTS'), zoo('DARTS')], { maxAttempts: 1, priority: 5 });
    if (spec.kind?.$case !== 'fromScratch') throw new Error('not from scratch');
    // Each child has a few seconds: the first is done when the worker ends, the second is not.
    spec.kind.value.recipe!.maxTime = { seconds: 2, nanos: 0 };
    const name = await submit('drained', spec);
    const seen = async () => (await submitter.listObservations({ parent: name, pageSize: 1000 })).observations;
    await eventually(seen, (observations) => observations.some(({ candidateId }) => candidateId === 'DARTS'));
    await worker.stop(10_000);
    expect((await worker.ended).code).toBe(0);
    expect(await get(name)).toMatchObject({ state: 'EVALUATION_STATE_QUEUED', attempt: 1 });
    worker = startWorker();
    const { results } = await succeeded(name);
    expect(results.map((result) => [result.candidateId, typeof valueOf(result)])).toEqual([
      ['NAT_DARTS', 'number'],
      ['DARTS', 'number'],
    ]);
    const second = (await seen()).filter(({ attempt }) => attempt === 2);
    expect(new Set(second.map(({ candidateId }) => candidateId))).toEqual(new Set(['DARTS']));
  });
});
