import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { evaluation } from '@nat/contracts';
import { openBlobStore, type BlobStore, type Database } from '@nat/storage';
import { testDatabases, type TestDatabase } from '@nat/storage/testing';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PARENT, SEARCH, cellCandidates, startCoordinatorHarness, succeededWith, tabularSpec, type CoordinatorHarness } from './testing/coordinator-harness.ts';
import { kindsOf } from './testing/coordinator-suite.ts';
import { enforceRetention } from './retention.ts';
import type { EvaluatorTables } from './tables/tables.ts';

const DAY_MS = 24 * 3_600_000;

describe.each(testDatabases)('retention of the coordinator on $title', ({ skip, open }) => {
  if (skip) {
    it.skip('needs a server');
    return;
  }
  let home: TestDatabase;
  let database: Database<EvaluatorTables>;
  let folder: string;
  let blobs: BlobStore;
  let harness: CoordinatorHarness;
  const submitter = () => harness.channel.client(evaluation.EvaluationServiceDefinition);
  const workers = () => harness.channel.client(evaluation.WorkerServiceDefinition);

  beforeAll(async () => {
    home = await open();
    database = home.database.as<EvaluatorTables>();
    folder = await mkdtemp(join(tmpdir(), 'nat-house-'));
    blobs = await openBlobStore(join(folder, 'blobs'));
    harness = await startCoordinatorHarness({ database: home.database, blobs, config: { noCapableWorkerMs: 0, pollMs: 100 } });
    await workers().registerWorker({
      workerId: 'w',
      capabilities: ['table:nasbench201', 'dataset:mnist'],
      kinds: kindsOf('tabular', 'from-scratch', 'average'),
    });
  });
  afterAll(async () => {
    await harness.stop();
    await home.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  const put = (text: string): Promise<string> => blobs.put(Buffer.from(text));
  const submit = async (id: string, spec: evaluation.EvaluationSpec): Promise<string> =>
    (await submitter().submitEvaluations({ parent: PARENT, evaluations: [{ evaluationId: id, spec }] })).names[0]!;
  const lease = async () => {
    const [leased] = (await workers().leaseEvaluations({ workerId: 'w', maxCount: 1 })).leases;
    return { evaluation: leased!.evaluation, token: leased!.token };
  };
  const age = (name: string, days: number) =>
    sql`UPDATE evaluator.evaluation SET end_time = end_time - ${days} * interval '1 day' WHERE name = ${name}`.execute(home.database.kysely);
  const count = async (table: string): Promise<number> =>
    (await sql<{ n: number }>`SELECT count(*) AS n FROM ${sql.table(table)}`.execute(home.database.kysely)).rows[0]!.n;
  /** The blobs that go after one run. */
  const collected = async (): Promise<readonly string[]> => {
    // As if the grace of all blobs that are there had passed.
    const before = new Date(Date.now() + 1_000);
    const later: BlobStore = { ...blobs, publishReferences: (list) => blobs.publishReferences({ ...list, takenAt: before }) };
    await enforceRetention(database, 30 * DAY_MS, later);
    return blobs.collect({ before, services: ['evaluator'] });
  };
  const child = (id: string, more: Partial<evaluation.FromScratchEvaluation> = {}, resumeFrom?: string): evaluation.EvaluationSpec =>
    evaluation.EvaluationSpec.create({
      resumeFrom,
      kind: {
        $case: 'fromScratch',
        value: { ...evaluation.FromScratchEvaluation.create({ dataset: 'mnist', recipe: { epochs: 1 } }), candidates: cellCandidates(id, 1), ...more },
      },
    });

  it('keeps what open evaluations and outcomes name, and lets go of what they no longer do', async () => {
    const [start, inherited, left] = [await put('start'), await put('inherited'), await put('left by a crash')];
    const inherit = { source: { ref: { $case: 'zoo' as const, value: 'DARTS' } }, weights: inherited };
    const name = await submit('rung', child('rung', { inherit }, start));
    expect(await collected()).toEqual([left]);

    // An attempt goes on from another checkpoint, which names what a child that is done has left.
    const held = await lease();
    const [checkpoint, nested] = [await put('checkpoint'), await put('nested')];
    await workers().reportCheckpoint({ lease: held, checkpoint: { blob: checkpoint, namedBlobs: [nested] } });
    await workers().reportObservations({ lease: held, observations: [{ metric: 'm', value: 1, step: 1 }] });
    expect(await collected()).toEqual([]);

    const [weights, kept] = [await put('weights'), await put('kept checkpoint')];
    const outcome = succeededWith(cellCandidates('rung', 1));
    const report = evaluation.TrainingReport.create({ weights, checkpoint: kept });
    if (outcome.result?.$case === 'succeeded') outcome.result.value.results[0]!.report = report;
    await workers().completeEvaluation({ lease: held, outcome });
    expect([...(await collected())].sort()).toEqual([start, inherited, checkpoint, nested].sort());

    await age(name, 29);
    expect(await collected()).toEqual([]);
    await age(name, 2);
    expect([...(await collected())].sort()).toEqual([weights, kept].sort());
    expect([await count('evaluator.evaluation'), await count('evaluator.observation')]).toEqual([0, 0]);
  });

  it('keeps the evaluations of a search together until the search is quiet', async () => {
    const finish = async (id: string, search: string): Promise<string> => {
      const candidates = cellCandidates(id, 1);
      const name = await submit(id, tabularSpec(candidates, { search }));
      await workers().completeEvaluation({ lease: await lease(), outcome: succeededWith(candidates) });
      return name;
    };
    const old = await finish('old', SEARCH);
    const alone = await finish('alone', '');
    await age(old, 100);
    await age(alone, 100);
    const open = await submit('open', tabularSpec(cellCandidates('open', 1)));
    const names = async () =>
      (await sql<{ name: string }>`SELECT name FROM evaluator.evaluation ORDER BY ordinal`.execute(home.database.kysely)).rows.map(({ name }) => name);
    expect(await enforceRetention(database, 30 * DAY_MS, blobs)).toBe(1);
    expect(await names()).toEqual([old, open]);
    await submitter().cancelEvaluation({ name: open, reason: 'TEST' });
    expect(await enforceRetention(database, 30 * DAY_MS, blobs)).toBe(0);
    await age(open, 31);
    expect(await enforceRetention(database, 30 * DAY_MS, blobs)).toBe(2);
    expect(await names()).toEqual([]);
  });
});
