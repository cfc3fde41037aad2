import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type architecture, evaluation } from '@nat/contracts';
import { createChannelTo, createLogger } from '@nat/service';
import { openFolderBlobStore, type BlobStore } from '@nat/storage';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { eventually, PARENT, startCoordinatorHarness, tabularSpec, type CoordinatorHarness } from '@nat/evaluator-service/testing';
import { embeddedDatabase, type TestDatabase } from '@nat/storage/testing';
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
  const cell = (value: string): architecture.ArchitectureRef => ({ ref: { $case: 'nasbench201', value } });

  test('looks pairs up in a table, and says which pair is not in it', async () => {
    work();
    const [conv, , skip] = table.cells;
    const pairs: evaluation.Pair[] = [
      { id: 'a', source: cell(conv!), result: cell(skip!) },
      { id: 'b', source: cell(skip!), result: undefined },
      { id: 'c', source: cell(conv!), result: cell('|none~0|+|none~0|none~1|+|none~0|none~1|none~2|') },
      { id: 'd', source: { ref: { $case: 'zoo', value: 'DARTS' } }, result: cell(skip!) },
    ];
    const done = await ended(await submit('pairs', tabularSpec(pairs)));
    expect(done).toMatchObject({ state: 'EVALUATION_STATE_SUCCEEDED', worker: 'w', attempt: 1 });
    const { result } = done.outcome!;
    if (result?.$case !== 'succeeded') throw new Error('it failed');
    expect(result.value.values).toMatchObject([
      { pairId: 'a', sourceValue: 90, resultValue: 92, errorMessage: '' },
      { pairId: 'b', sourceValue: 92, resultValue: 0, errorMessage: '' },
      { pairId: 'c', errorMessage: expect.stringContaining('UNKNOWN_CELL') as string },
      { pairId: 'd', errorMessage: expect.stringContaining('NOT_A_CELL_STRING') as string },
    ]);
  });

  test('fails at once where another worker would fail too', async () => {
    work();
    const spec = tabularSpec([{ id: 'a', source: cell(table.cells[0]!), result: undefined }]);
    const name = await submit('column', {
      ...spec,
      kind: {
        $case: 'tabular',
        value: { table: 'nasbench201', column: 'no_such_column', pairs: [{ id: 'a', source: cell(table.cells[0]!), result: undefined }] },
      },
    });
    expect(await ended(name)).toMatchObject({
      state: 'EVALUATION_STATE_FAILED',
      attempt: 1,
      outcome: { result: { value: { reason: 'UNKNOWN_COLUMN', terminal: true } } },
    });
  });

  test('runs many short evaluations at once, several a lease', async () => {
    work();
    const evaluations = Array.from({ length: 100 }, (_, i) => ({
      evaluationId: `many-${i}`,
      spec: tabularSpec([{ id: `many-${i}`, source: cell(table.cells[i % 4]!), result: undefined }]),
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
    await sleep(100);
    const before = performance.now();
    await lonely.drain(0);
    early.close();
    expect(performance.now() - before).toBeLessThan(2_000);

    const worker = work({ workerId: 'patient' });
    await worker.registered;
    const { address } = harness;
    await harness.stop();
    await sleep(300);
    harness = await startCoordinatorHarness({ database: databases.database, config: coordinatorConfig, blobs, port: Number(address.split(':')[1]) });
    const name = await submit('after-restart', tabularSpec([{ id: 'a', source: cell(table.cells[1]!), result: undefined }]));
    expect(await ended(name)).toMatchObject({ state: 'EVALUATION_STATE_SUCCEEDED', worker: 'patient' });
  });

  test.skipIf(realDataDir === undefined)(
    `evaluates 512 pairs of the real table${realDataDir === undefined ? ' (skipped: NAT_DATA_DIR is not set)' : ''}`,
    async () => {
      const worker = work({ dataDir: realDataDir!, workerId: 'real' });
      await worker.registered;
      const operations = ['none', 'skip_connect', 'nor_conv_1x1', 'nor_conv_3x3', 'avg_pool_3x3'];
      const cellOf = (n: number): string => {
        const operation = (place: number): string => operations[Math.floor(n / 5 ** place) % 5]!;
        return `|${operation(0)}~0|+|${operation(1)}~0|${operation(2)}~1|+|${operation(3)}~0|${operation(4)}~1|${operation(5)}~2|`;
      };
      const pairs = Array.from({ length: 512 }, (_, i) => ({ id: `real-${i}`, source: cell(cellOf(i * 30)), result: cell(cellOf(i * 29)) }));
      const done = await ended(await submit('real', tabularSpec(pairs)));
      const { result } = done.outcome!;
      if (result?.$case !== 'succeeded') throw new Error('it failed');
      expect(result.value.values).toHaveLength(512);
      expect(result.value.values.every(({ errorMessage, sourceValue }) => errorMessage === '' && sourceValue >= 9 && sourceValue <= 95)).toBe(true);
    },
  );
});
