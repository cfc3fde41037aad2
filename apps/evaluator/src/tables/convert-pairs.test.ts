/** Rows as the version that evaluated pairs wrote them, in every state, after the migration. */
import { readFileSync } from 'node:fs';
import { evaluation } from '@nat/contracts';
import { migrate, migrateStorage } from '@nat/storage';
import { testDatabases, type TestDatabase } from '@nat/storage/testing';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PARENT, startCoordinatorHarness, succeededWith, type CoordinatorHarness } from '../testing/coordinator-harness.ts';
import { kindsOf, refusal } from '../testing/coordinator-suite.ts';
import { evaluatorMigrations } from './migrations.ts';
import { pack } from './packing.ts';

const stored = JSON.parse(readFileSync(new URL('./pair-format/stored-messages.json', import.meta.url), 'utf8')) as Readonly<
  Record<string, { readonly spec: string; readonly outcome: string | null }>
>;

describe.each(testDatabases)('evaluations of pairs on $title', ({ skip, open }) => {
  if (skip) {
    it.skip('needs a server');
    return;
  }
  let home: TestDatabase;
  let harness: CoordinatorHarness;
  const submitter = () => harness.channel.client(evaluation.EvaluationServiceDefinition);
  const workers = () => harness.channel.client(evaluation.WorkerServiceDefinition);
  const nameOf = (id: string): string => `${PARENT}/evaluations/${id}`;

  const insert = async (id: string, message: string, kind: string, state: string, pairs: number): Promise<void> => {
    const { spec, outcome } = stored[message]!;
    const bytes = Buffer.from(spec, 'base64');
    const ended = state !== 'QUEUED' && state !== 'LEASED';
    await sql`
      INSERT INTO evaluator.evaluation (name, namespace, kind, search, priority, required, max_attempts, spec, spec_bytes, spec_sha256, pairs, pairs_sha256,
        resume_from, state, attempt, token, worker, lease_expire_time, end_time, outcome, outcome_sha256, observations, last_error)
      VALUES (${nameOf(id)}, 'namespaces/default', ${kind}, '', 0, '["table:nasbench201"]', 3, ${pack(bytes)}, ${bytes.length}, 'hash of the old bytes', ${pairs},
        'hash of the pair ids', '', ${state}, ${state === 'QUEUED' ? 0 : 1}, ${state === 'QUEUED' ? 0 : 1}, ${state === 'QUEUED' ? '' : 'w'},
        ${state === 'LEASED' ? new Date(Date.now() + 600_000) : null}, ${ended ? new Date() : null},
        ${ended ? pack(Buffer.from(outcome!, 'base64')) : null}, ${ended ? 'hash of the old outcome' : null}, ${message === 'fromScratch' ? 2 : 0}, '')`.execute(
      home.database.kysely,
    );
  };

  beforeAll(async () => {
    home = await open();
    await migrateStorage(home.database);
    await migrate(home.database, 'evaluator', evaluatorMigrations.slice(0, 5));
    await insert('ended', 'tabular', 'tabular', 'SUCCEEDED', 2);
    await insert('queued', 'tabular', 'tabular', 'QUEUED', 2);
    await insert('leased', 'tabular', 'tabular', 'LEASED', 2);
    await insert('trained', 'fromScratch', 'from-scratch', 'SUCCEEDED', 2);
    for (const [sequence, metric] of ['source/trainLoss', 'result/trainLoss'].entries()) {
      await sql`INSERT INTO evaluator.observation (ordinal, token, sequence, attempt, metric, value, step, time, pair_id)
        SELECT ordinal, 1, ${sequence}, 1, ${metric}, 0.5, 1, now(), 'a' FROM evaluator.evaluation WHERE name = ${nameOf('trained')}`.execute(
        home.database.kysely,
      );
    }
    harness = await startCoordinatorHarness({ database: home.database, config: { noCapableWorkerMs: 0, leaseMs: 600_000 } });
    await workers().registerWorker({ workerId: 'w', capabilities: ['table:nasbench201'], kinds: kindsOf('tabular') });
  });
  afterAll(async () => {
    await harness.stop();
    await home.dispose();
  });

  it('are shown with their values when they have ended', async () => {
    const { spec, outcome, state } = await submitter().getEvaluation({ name: nameOf('ended') });
    expect([state, spec?.kind?.$case]).toEqual(['EVALUATION_STATE_SUCCEEDED', 'tabular']);
    const values = outcome?.result?.$case === 'succeeded' ? outcome.result.value.results.map(({ candidateId, result }) => [candidateId, result?.$case]) : [];
    expect(values).toEqual([
      ['default/s1/4/12', 'value'],
      ['default/s1/4/13', 'value'],
      ['default/s1/4/14', 'error'],
      ['default/s1/4/15', 'error'],
    ]);
    const { observations } = await submitter().listObservations({ parent: nameOf('trained') });
    expect(observations.map(({ metric, candidateId }) => [metric, candidateId])).toEqual([
      ['trainLoss', 'a-source'],
      ['trainLoss', 'a-result'],
    ]);
    const { rows } = await sql<{ blobs: string[] }>`SELECT blobs FROM evaluator.evaluation WHERE name = ${nameOf('trained')}`.execute(home.database.kysely);
    expect(rows[0]!.blobs).toEqual(['c', 'd', 'c', 'd', 'c', 'd'].map((letter) => letter.repeat(64)));
  });

  it('are evaluated as candidates when they were queued or leased', async () => {
    const { leases } = await workers().leaseEvaluations({ workerId: 'w', maxCount: 8 });
    expect(leases.map(({ evaluation: name }) => name)).toEqual([nameOf('queued')]);
    const { kind } = leases[0]!.spec!;
    if (kind?.$case !== 'tabular') throw new Error('of another kind');
    const outcome = succeededWith(kind.value.candidates);
    const { results } = await workers().completeEvaluations({
      completions: [
        { evaluation: nameOf('queued'), token: leases[0]!.token },
        { evaluation: nameOf('leased'), token: 1 },
      ].map((lease) => ({ lease, outcome })),
    });
    expect(results.map(({ result }) => result?.value)).toEqual(['EVALUATION_STATE_SUCCEEDED', 'EVALUATION_STATE_SUCCEEDED']);
  });

  it('may be submitted again by whoever asked for them, in the new form', async () => {
    const spec = (await submitter().getEvaluation({ name: nameOf('ended') })).spec!;
    await submitter().submitEvaluations({ parent: PARENT, evaluations: [{ evaluationId: 'ended', spec }] });
    await submitter().submitEvaluations({ parent: PARENT, evaluations: [{ evaluationId: 'fresh', spec }] });
    const other = submitter().submitEvaluations({ parent: PARENT, evaluations: [{ evaluationId: 'fresh', spec: { ...spec, priority: 1 } }] });
    expect(await refusal(other)).toBe('ALREADY_EXISTS EVALUATION_EXISTS');
  });
});
