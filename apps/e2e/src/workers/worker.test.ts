import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { evaluation } from '@nat/contracts';
import { createChannelTo, createLogger } from '@nat/service';
import { openFolderBlobStore, type BlobStore } from '@nat/storage';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { eventually, PARENT, startCoordinatorHarness, tabularSpec, type CoordinatorHarness } from '@nat/evaluator-service/testing';
import { embeddedDatabase, type TestDatabase } from '@nat/storage/testing';
import { failureOf, succeededOf, valueOf, zoo } from './outcomes.ts';
import { smallTable } from './small-table.ts';
import { findCapabilities, startWorker, type Worker, type WorkerConfig } from '@nat/worker';

const realDataDir = process.env['NAT_DATA_DIR'];

describe('a worker', { timeout: 300_000 }, () => {
  let databases: TestDatabase;
  let harness: CoordinatorHarness;
  let table: Awaited<ReturnType<typeof smallTable>>;
  let blobDirectory: string;
  let blobs: BlobStore;
  const cleanups: (() => Promise<unknown>)[] = [];
  const coordinatorConfig = { leaseMs: 2_000, renewMs: 200, reapMs: 50, pollMs: 100, retryBackoffMs: 50, noCapableWorkerMs: 0 };

  beforeAll(async () => {
    databases = await embeddedDatabase();
    table = await smallTable();
    blobDirectory = await mkdtemp(join(tmpdir(), 'nat-blobs-'));
    blobs = await openFolderBlobStore(blobDirectory);
    harness = await startCoordinatorHarness({ database: databases.database, config: coordinatorConfig, blobs });
  });
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0)) await cleanup();
  });
  afterAll(async () => {
    await harness.stop();
    await databases.dispose();
    await table.dispose();
    await rm(blobDirectory, { recursive: true, force: true });
  });

  const work = (overrides: Partial<WorkerConfig> = {}): Worker => {
    const dataDir = overrides.dataDir ?? table.dataDir;
    const channel = createChannelTo(harness.address);
    const worker = startWorker({
      channel,
      logger: createLogger({ name: 'worker-test', level: 'silent' }),
      config: {
        workerId: 'w',
        instance: '',
        kinds: ['tabular'],
        capabilities: findCapabilities({ dataDir }),
        dataDir,
        blobUrl: blobDirectory,
        leaseWaitMs: 1_000,
        ...overrides,
      },
    });
    cleanups.push(async () => {
      await worker.drain(0);
      channel.close();
    });
    return worker;
  };
  const submitter = () => harness.channel.client(evaluation.EvaluationServiceDefinition);
  const submit = async (id: string, spec: evaluation.EvaluationSpec): Promise<string> =>
    (await submitter().submitEvaluations({ parent: PARENT, evaluations: [{ evaluationId: id, spec }] })).names[0]!;
  const ended = (name: string): Promise<evaluation.Evaluation> =>
    eventually(
      () => submitter().getEvaluation({ name }),
      ({ state }) => state !== 'EVALUATION_STATE_QUEUED' && state !== 'EVALUATION_STATE_LEASED',
    );
  const cell = (id: string, value: string): evaluation.Candidate => ({ id, architecture: { ref: { $case: 'nasbench201', value } } });

  test('looks candidates up in a table, and says which of them is not in it', async () => {
    work();
    const [conv, , skip] = table.cells;
    const candidates = [cell('a', conv!), cell('b', skip!), cell('c', '|none~0|+|none~0|none~1|+|none~0|none~1|none~2|'), zoo('DARTS', 'd')];
    const done = await ended(await submit('looked-up', tabularSpec(candidates)));
    expect(done).toMatchObject({ state: 'EVALUATION_STATE_SUCCEEDED', worker: 'w', attempt: 1 });
    expect(succeededOf(done).results.map((result) => [result.candidateId, valueOf(result)])).toEqual([
      ['a', 90],
      ['b', 92],
      ['c', 'UNKNOWN_CELL'],
      ['d', 'NOT_A_CELL_STRING'],
    ]);
  });

  test('fails at once where another worker would fail too', async () => {
    work();
    const spec = tabularSpec([cell('a', table.cells[0]!)]);
    if (spec.kind?.$case === 'tabular') spec.kind.value.column = 'no_such_column';
    const done = await ended(await submit('column', spec));
    expect(done).toMatchObject({ state: 'EVALUATION_STATE_FAILED', attempt: 1, outcome: { result: { value: { terminal: true } } } });
    expect(failureOf(done)).toMatch(/^UNKNOWN_COLUMN: /);
  });

  test('runs many short evaluations at once, several a lease', async () => {
    work();
    const evaluations = Array.from({ length: 100 }, (_, i) => ({
      evaluationId: `many-${i}`,
      spec: tabularSpec([cell(`many-${i}`, table.cells[i % 4]!)]),
    }));
    await submitter().submitEvaluations({ parent: PARENT, evaluations });
    const done = await eventually(
      () => submitter().batchGetEvaluations({ parent: PARENT, names: evaluations.map(({ evaluationId }) => `${PARENT}/evaluations/${evaluationId}`) }),
      (batch) => batch.evaluations.every(({ state }) => state === 'EVALUATION_STATE_SUCCEEDED'),
    );
    expect(done.evaluations.every(({ attempt }) => attempt === 1)).toBe(true);
  });

  test('waits for its server, and comes back when the server was away', async () => {
    const early = createChannelTo('127.0.0.1:1');
    const lonely = startWorker({
      channel: early,
      logger: createLogger({ name: 'worker-test', level: 'silent' }),
      config: { workerId: 'lonely', instance: '', kinds: ['tabular'], capabilities: [], blobUrl: blobDirectory },
    });
    await lonely.drain(0); // it has nobody to wait for
    early.close();

    const worker = work({ workerId: 'patient' });
    await worker.registered;
    const { address } = harness;
    await harness.stop();
    harness = await startCoordinatorHarness({ database: databases.database, config: coordinatorConfig, blobs, port: Number(address.split(':')[1]) });
    const name = await submit('after-restart', tabularSpec([cell('a', table.cells[1]!)]));
    expect(await ended(name)).toMatchObject({ state: 'EVALUATION_STATE_SUCCEEDED', worker: 'patient' });
  });

  test.skipIf(realDataDir === undefined)(
    `evaluates 1,024 cells of the real table${realDataDir === undefined ? ' (skipped: NAT_DATA_DIR is not set)' : ''}`,
    async () => {
      const worker = work({ dataDir: realDataDir!, workerId: 'real' });
      await worker.registered;
      const operations = ['none', 'skip_connect', 'nor_conv_1x1', 'nor_conv_3x3', 'avg_pool_3x3'];
      const cellOf = (n: number): string => {
        const operation = (place: number): string => operations[Math.floor(n / 5 ** place) % 5]!;
        return `|${operation(0)}~0|+|${operation(1)}~0|${operation(2)}~1|+|${operation(3)}~0|${operation(4)}~1|${operation(5)}~2|`;
      };
      const candidates = Array.from({ length: 1024 }, (_, i) => cell(`real-${i}`, cellOf(i * 15)));
      const values = succeededOf(await ended(await submit('real', tabularSpec(candidates)))).results.map(valueOf);
      expect(values).toHaveLength(1024);
      expect(values.filter((value) => typeof value === 'string' || value < 9 || value > 95)).toEqual([]);
    },
  );
});
