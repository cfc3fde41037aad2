import { setTimeout as sleep } from 'node:timers/promises';
import { evaluation } from '@nat/contracts';
import { isDomainError } from '@nat/errors';
import { statusToDomainError } from '@nat/service';
import type { Database } from '@nat/storage';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  cellPairs,
  failedWith,
  PARENT,
  publishedEvents,
  publishedObservations,
  SEARCH,
  startCoordinatorHarness,
  succeededWith,
  tabularSpec,
  type CoordinatorHarness,
} from '../testing/coordinator-harness.ts';
import { testDatabases, type TestDatabase } from '@nat/storage/testing';
import { eventually } from '../testing/eventually.ts';
import { fromDuration, toDuration } from '../wire-duration.ts';
import type { CoordinatorConfig } from './config.ts';

/** Long enough for a busy machine; tests of what happens when a lease expires shorten it. */
const LEASE_MS = 30_000;
const config: Partial<CoordinatorConfig> = {
  leaseMs: LEASE_MS,
  renewMs: 100,
  reapMs: 50,
  pollMs: 100,
  retryBackoffMs: 600,
  noCapableWorkerMs: 0,
  workerTimeoutMs: 20_000,
};

/** The kind and reason that a call is refused with. */
async function refusal(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (isDomainError(error)) return `${error.kind} ${error.reason}`;
    throw error;
  }
  return 'not refused';
}

describe.each(testDatabases)('the coordinator on $title', ({ skip, open }) => {
  let databases: TestDatabase;
  let harness: CoordinatorHarness;
  let submitter: ReturnType<typeof clients>['submitter'];
  let workers: ReturnType<typeof clients>['workers'];
  let serial = 0;

  const clients = ({ channel }: CoordinatorHarness) => ({
    submitter: channel.client(evaluation.EvaluationServiceDefinition),
    workers: channel.client(evaluation.WorkerServiceDefinition),
  });
  const start = async (overrides: Partial<CoordinatorConfig> = {}, database: Database = databases.database): Promise<CoordinatorHarness> => {
    const started = await startCoordinatorHarness({ database, config: { ...config, ...overrides } });
    harnesses.push(started);
    return started;
  };
  const harnesses: CoordinatorHarness[] = [];

  /** Each test has capabilities of its own, so that no test leases what another one left. */
  let capability = '';
  const register = async (workerId: string, capabilities: readonly string[] = [], instance = ''): Promise<void> => {
    await workers.registerWorker({ workerId, capabilities: ['table:nasbench201', capability, ...capabilities], kinds: ['tabular'], instance });
  };
  const submit = async (id: string, overrides: Partial<evaluation.EvaluationSpec> = {}, pairs = cellPairs(id, 2)) => {
    const spec = tabularSpec(pairs, { capabilities: [capability], ...overrides });
    const { names } = await submitter.submitEvaluations({ parent: PARENT, evaluations: [{ evaluationId: id, spec }] });
    return { name: names[0]!, pairs, spec };
  };
  const lease = async (workerId: string, { waitMs = 0, maxCount = 1 } = {}): Promise<evaluation.Lease[]> =>
    (await workers.leaseEvaluations({ workerId, maxCount, wait: toDuration(waitMs) })).leases;
  const reference = (one: evaluation.Lease): evaluation.LeaseReference => ({ evaluation: one.evaluation, token: one.token });
  const complete = async (one: evaluation.Lease, outcome: evaluation.Outcome) => (await workers.completeEvaluation({ lease: reference(one), outcome })).state;
  const get = (name: string): Promise<evaluation.Evaluation> => submitter.getEvaluation({ name });
  const eventsOf = async (name: string) => (await publishedEvents(databases.database)).filter(({ id }) => id === name);

  beforeAll(async () => {
    if (skip) return;
    databases = await open();
  });
  afterAll(async () => {
    if (!skip) await databases.dispose();
  });
  beforeEach(async () => {
    if (skip) return;
    capability = `test:${++serial}`;
    harness = await start();
    ({ submitter, workers } = clients(harness));
  });
  afterEach(async () => {
    for (const one of harnesses.splice(0)) await one.stop();
  });

  test.skipIf(skip)('queues, leases, concludes and publishes exactly one event', async () => {
    const { name, pairs, spec } = await submit('flow');
    expect(await get(name)).toMatchObject({ state: 'EVALUATION_STATE_QUEUED', attempt: 0, queueReason: 'NO_CAPABLE_WORKER: no worker is connected' });
    const { renewInterval, leaseDuration } = await workers.registerWorker({
      workerId: 'w',
      capabilities: ['table:nasbench201', capability],
      kinds: ['tabular'],
    });
    expect([fromDuration(renewInterval), fromDuration(leaseDuration)]).toEqual([100, LEASE_MS]);
    expect((await get(name)).queueReason).toBe('');
    const [leased, ...more] = await lease('w', { maxCount: 8 });
    expect(more).toEqual([]);
    expect(leased).toMatchObject({ evaluation: name, attempt: 1, token: 1, spec });
    expect(await get(name)).toMatchObject({ state: 'EVALUATION_STATE_LEASED', worker: 'w' });

    const outcome = succeededWith(pairs);
    expect(await complete(leased!, outcome)).toBe('EVALUATION_STATE_SUCCEEDED');
    expect(await complete(leased!, outcome)).toBe('EVALUATION_STATE_SUCCEEDED');
    expect(await refusal(complete(leased!, succeededWith(pairs, 0.75)))).toBe('FAILED_PRECONDITION ALREADY_CONCLUDED');
    const done = await get(name);
    expect(done).toMatchObject({ state: 'EVALUATION_STATE_SUCCEEDED', attempt: 1, outcome, worker: 'w', spec });
    const events = await eventsOf(name);
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({
      key: SEARCH,
      event: { evaluation: name, search: SEARCH, state: 'EVALUATION_STATE_SUCCEEDED', attempt: 1, outcome, endTime: done.endTime },
    });
    expect(await harness.registry.metrics()).toMatch(/nat_evaluation_run_seconds_count\{kind="tabular",state="SUCCEEDED"\} 1/);
  });

  test.skipIf(skip)('accepts a submission again and refuses another one under its id', async () => {
    const { name, pairs } = await submit('again');
    await submit('again');
    await register('w');
    const [leased] = await lease('w');
    await complete(leased!, succeededWith(pairs));
    await submit('again');
    expect((await get(name)).state).toBe('EVALUATION_STATE_SUCCEEDED');
    expect(await refusal(submit('again', { priority: 7 }))).toBe('ALREADY_EXISTS EVALUATION_EXISTS');

    const fresh = tabularSpec(cellPairs('fresh', 1));
    const other = tabularSpec(cellPairs('other', 1));
    const both = submitter.submitEvaluations({
      parent: PARENT,
      evaluations: [
        { evaluationId: 'fresh', spec: fresh },
        { evaluationId: 'again', spec: other },
      ],
    });
    expect(await refusal(both)).toBe('ALREADY_EXISTS EVALUATION_EXISTS');
    expect(await refusal(get(`${PARENT}/evaluations/fresh`))).toBe('NOT_FOUND EVALUATION_NOT_FOUND');
  });

  test.skipIf(skip)('refuses specifications that cannot be meant', async () => {
    const twice = cellPairs('twice', 1);
    expect(await refusal(submit('twice', {}, [...twice, ...twice]))).toBe('INVALID_ARGUMENT INVALID_FIELD');
    expect(await refusal(submit('nobody', { search: 'namespaces/other/searches/s1' }))).toBe('INVALID_ARGUMENT INVALID_FIELD');
    const supernet = {
      wiring: 'LOOSE_END',
      primitives: 'nat',
      dataset: 'mnist',
      channels: 4,
      layers: 3,
      seed: 0,
      imageBatch: 8,
      learningRate: 0.1,
      threads: 1,
      momentum: undefined,
      weightDecay: undefined,
      clipNorm: undefined,
      split: 'SEARCH_SPLIT_SET_ASIDE' as const,
      block: '',
    };
    const shard = { supernet, weights: '', round: 0, shard: 2, shards: 2, steps: 1, seed: 0 };
    expect(await refusal(submit('shard', { kind: { $case: 'trainShard', value: shard } }))).toBe('INVALID_ARGUMENT INVALID_FIELD');
    const child = (recipe: Partial<evaluation.TrainingRecipe>): evaluation.EvaluationSpec['kind'] => ({
      $case: 'fromScratch',
      value: { dataset: 'mnist', placement: undefined, recipe: evaluation.TrainingRecipe.create(recipe), pairs: cellPairs('child', 1), reportTest: false },
    });
    expect(await refusal(submit('endless', { kind: child({}) }))).toBe('INVALID_ARGUMENT INVALID_FIELD');
    expect(await refusal(submit('official', { kind: child({ preset: 'official' }) }))).toBe('not refused');
    expect(await refusal(submit('bounded', { kind: child({}), budget: { time: undefined, epochs: 0, steps: 5, memoryBytes: 0 } }))).toBe('not refused');
    for (const wrong of [{ preset: 'other' }, { dropPath: 1 }, { labelSmoothing: -0.1 }, { clipNorm: 0 }, { cutout: 2000 }]) {
      expect(await refusal(submit('wrong', { kind: child({ epochs: 1, ...wrong }) }))).toMatch(/^INVALID_ARGUMENT/);
    }
  });

  test.skipIf(skip)('leases one evaluation to one worker only', async () => {
    await register('a');
    await register('b');
    await submitter.submitEvaluations({
      parent: PARENT,
      evaluations: Array.from({ length: 40 }, (_, i) => ({
        evaluationId: `shared-${i}`,
        spec: tabularSpec(cellPairs(`shared-${i}`, 1), { capabilities: [capability] }),
      })),
    });
    const leased = (await Promise.all(Array.from({ length: 20 }, (_, i) => lease(i % 2 === 0 ? 'a' : 'b', { maxCount: 3 })))).flat();
    expect(leased).toHaveLength(40);
    expect(new Set(leased.map((one) => one.evaluation)).size).toBe(40);
  });

  test.skipIf(skip)('leases by priority, then by age, and only what the worker can do', async () => {
    await submit('low', { priority: -1 });
    await submit('first');
    await submit('gpu', { priority: 9, capabilities: [capability, 'gpu'] });
    await submit('second');
    await submit('high', { priority: 5 });
    await register('w');
    const order = (await lease('w', { maxCount: 10 })).map((one) => one.evaluation.split('/').at(-1));
    expect(order).toEqual(['high', 'first', 'second', 'low']);
    expect((await get(`${PARENT}/evaluations/gpu`)).queueReason).toBe('NO_CAPABLE_WORKER: no worker has gpu');
    await register('g', ['gpu']);
    const { leases } = await workers.leaseEvaluations({ workerId: 'g', maxCount: 10, kinds: ['average'] });
    expect(leases).toEqual([]);
    expect((await lease('g')).map((one) => one.evaluation.split('/').at(-1))).toEqual(['gpu']);
  });

  test.skipIf(skip)('wakes a waiting worker as soon as there is work', async () => {
    // Nothing but a wake-up answers in time.
    await harness.stop();
    ({ submitter, workers } = clients(await start({ pollMs: 600_000 })));
    await register('w');
    const waiting = lease('w', { waitMs: 10_000 });
    await sleep(150);
    const before = performance.now();
    await submit('wake');
    expect((await waiting).map((one) => one.evaluation)).toEqual([`${PARENT}/evaluations/wake`]);
    expect(performance.now() - before).toBeLessThan(5_000);
    expect(await lease('w', { waitMs: 120 })).toEqual([]);
  });

  test.skipIf(skip)('does not lose work to a caller that went away', async () => {
    await register('w');
    const controller = new AbortController();
    const gone = workers.leaseEvaluations({ workerId: 'w', maxCount: 1, wait: toDuration(10_000) }, { signal: controller.signal }).catch(() => 'gone');
    await sleep(50);
    controller.abort();
    expect(await gone).toBe('gone');
    await sleep(50);
    await submit('left');
    expect(await lease('w', { waitMs: 1_000 })).toHaveLength(1);
  });

  test.skipIf(skip)('gives an expired lease to another worker and fences the first one out', async () => {
    ({ submitter, workers } = clients(await start({ leaseMs: 400 })));
    const { name, pairs } = await submit('expire');
    await register('slow');
    await register('next');
    const [first] = await lease('slow');
    const [second] = await eventually(
      () => lease('next'),
      (leases) => leases.length > 0,
    );
    expect(second).toMatchObject({ evaluation: name, attempt: 2, token: 2 });
    expect(await refusal(complete(first!, succeededWith(pairs)))).toBe('FAILED_PRECONDITION STALE_LEASE');
    expect(await refusal(workers.releaseLease({ lease: reference(first!), reason: 'RELEASE_REASON_PREEMPTED' }))).toBe('FAILED_PRECONDITION STALE_LEASE');
    expect(await workers.renewLeases({ workerId: 'slow', leases: [reference(first!)] })).toMatchObject({ cancelled: [], lost: [name] });
    expect(await complete(second!, succeededWith(pairs, 0.25))).toBe('EVALUATION_STATE_SUCCEEDED');
    expect(await refusal(complete(first!, succeededWith(pairs, 0.25)))).toBe('FAILED_PRECONDITION STALE_LEASE');
    expect(await eventsOf(name)).toHaveLength(1);
  });

  test.skipIf(skip)('takes late work when nobody else has leased since, and lets a cut-off worker renew', async () => {
    ({ submitter, workers } = clients(await start({ leaseMs: 400 })));
    const { name, pairs } = await submit('late');
    await register('w');
    const [first] = await lease('w');
    await eventually(
      () => get(name),
      ({ state }) => state === 'EVALUATION_STATE_QUEUED',
    );
    expect((await get(name)).queueReason).toContain('LEASE_EXPIRED');
    expect(await workers.renewLeases({ workerId: 'w', leases: [reference(first!)] })).toMatchObject({ cancelled: [], lost: [] });
    expect((await get(name)).state).toBe('EVALUATION_STATE_LEASED');
    await eventually(
      () => get(name),
      ({ state }) => state === 'EVALUATION_STATE_QUEUED',
    );
    expect(await complete(first!, succeededWith(pairs))).toBe('EVALUATION_STATE_SUCCEEDED');
  });

  test.skipIf(skip)('keeps a lease that is renewed', async () => {
    ({ submitter, workers } = clients(await start({ leaseMs: 1_000 })));
    const { name, pairs } = await submit('renew');
    await register('w');
    await register('other');
    const [leased] = await lease('w');
    for (let i = 0; i < 6; i++) {
      await sleep(250);
      const { expireTime } = await workers.renewLeases({ workerId: 'w', leases: [reference(leased!)] });
      expect(expireTime!.getTime()).toBeGreaterThan(Date.now());
      expect(await lease('other')).toEqual([]);
    }
    expect(await get(name)).toMatchObject({ state: 'EVALUATION_STATE_LEASED', attempt: 1 });
    expect(await complete(leased!, succeededWith(pairs))).toBe('EVALUATION_STATE_SUCCEEDED');
  });

  test.skipIf(skip)('poisons after the last attempt, with its error', async () => {
    const { name } = await submit('poison', { maxAttempts: 2 });
    await register('w');
    const [first] = await lease('w');
    expect(await complete(first!, failedWith('FIRST_ERROR', false))).toBe('EVALUATION_STATE_QUEUED');
    expect(await complete(first!, failedWith('FIRST_ERROR', false))).toBe('EVALUATION_STATE_QUEUED');
    expect((await get(name)).queueReason).toBe('RETRY: FIRST_ERROR: FIRST_ERROR happened');
    expect(await lease('w')).toEqual([]); // it waits for its pause
    const [second] = await lease('w', { waitMs: 10_000 });
    expect(second).toMatchObject({ attempt: 2 });
    expect(await complete(second!, failedWith('SECOND_ERROR', false))).toBe('EVALUATION_STATE_POISONED');
    expect(await complete(second!, failedWith('SECOND_ERROR', false))).toBe('EVALUATION_STATE_POISONED');
    expect((await get(name)).outcome).toEqual(failedWith('SECOND_ERROR', false));
    expect((await eventsOf(name)).map(({ event }) => event.state)).toEqual(['EVALUATION_STATE_POISONED']);
  });

  test.skipIf(skip)('poisons what kills every worker, and fails at once what cannot pass', async () => {
    ({ submitter, workers } = clients(await start({ leaseMs: 400 })));
    const { name } = await submit('killer', { maxAttempts: 2 });
    await register('w');
    for (const attempt of [1, 2]) {
      const [leased] = await eventually(
        () => lease('w'),
        (leases) => leases.length > 0,
      );
      expect(leased).toMatchObject({ attempt });
    }
    const poisoned = await eventually(
      () => get(name),
      ({ state }) => state === 'EVALUATION_STATE_POISONED',
    );
    expect(poisoned.outcome).toMatchObject({ result: { $case: 'failed', value: { reason: 'LEASE_EXPIRED' } } });
    expect(await eventsOf(name)).toHaveLength(1);

    await submit('terminal');
    const [leased] = await lease('w');
    expect(await complete(leased!, failedWith('UNKNOWN_COLUMN', true))).toBe('EVALUATION_STATE_FAILED');
  });

  test.skipIf(skip)('does not count a lease that was given back', async () => {
    const { name, pairs } = await submit('drain', { maxAttempts: 1 });
    await register('w');
    for (let i = 0; i < 3; i++) {
      const [leased] = await lease('w');
      expect(leased).toMatchObject({ attempt: i + 1 });
      await workers.releaseLease({ lease: reference(leased!), reason: 'RELEASE_REASON_DRAINING', resumeFrom: 'ab'.repeat(32) });
      await workers.releaseLease({ lease: reference(leased!), reason: 'RELEASE_REASON_DRAINING' });
      expect(await refusal(complete(leased!, succeededWith(pairs)))).toBe('FAILED_PRECONDITION STALE_LEASE');
    }
    const [last] = await lease('w');
    expect(last!.spec!.resumeFrom).toBe('ab'.repeat(32));
    expect(await complete(last!, failedWith('BROKEN', false))).toBe('EVALUATION_STATE_POISONED');
    expect((await get(name)).attempt).toBe(4);
  });

  test.skipIf(skip)('keeps the last checkpoint of an attempt that dies, and takes none from a lease that is over', async () => {
    const { name } = await submit('checkpoint');
    await register('w', [], 'process-1');
    const [first] = await lease('w');
    const [earlier, later] = ['ab'.repeat(32), 'cd'.repeat(32)];
    expect(first).toMatchObject({ spec: { resumeFrom: '' }, continued: false });
    await workers.reportCheckpoint({ lease: reference(first!), resumeFrom: earlier });
    await workers.reportCheckpoint({ lease: reference(first!), resumeFrom: later });
    await register('w', [], 'process-2');
    expect(await refusal(workers.reportCheckpoint({ lease: reference(first!), resumeFrom: earlier }))).toBe('FAILED_PRECONDITION STALE_LEASE');
    const [second] = await lease('w');
    expect(second).toMatchObject({ evaluation: name, attempt: 2, spec: { resumeFrom: later }, continued: true });
    expect(await refusal(workers.reportCheckpoint({ lease: reference(first!), resumeFrom: earlier }))).toBe('FAILED_PRECONDITION STALE_LEASE');
    expect(await complete(second!, failedWith('UNKNOWN_COLUMN', true))).toBe('EVALUATION_STATE_FAILED');
    expect(await refusal(workers.reportCheckpoint({ lease: reference(second!), resumeFrom: earlier }))).toBe('FAILED_PRECONDITION STALE_LEASE');
  });

  test.skipIf(skip)('tells what an evaluation was given to start from apart from a checkpoint of its own', async () => {
    await submit('given', { resumeFrom: 'ab'.repeat(32) });
    await register('w', [], 'process-1');
    expect((await lease('w'))[0]).toMatchObject({ spec: { resumeFrom: 'ab'.repeat(32) }, continued: false });
    await register('w', [], 'process-2');
    const [second] = await lease('w');
    expect(second).toMatchObject({ attempt: 2, continued: false });
    await workers.reportCheckpoint({ lease: reference(second!), resumeFrom: 'cd'.repeat(32) });
    await register('w', [], 'process-3');
    expect((await lease('w'))[0]).toMatchObject({ spec: { resumeFrom: 'cd'.repeat(32) }, continued: true });
  });

  test.skipIf(skip)('queues again at once what a restarted worker held', async () => {
    const { name } = await submit('restart');
    await register('w', [], 'process-1');
    const [first] = await lease('w');
    await register('w', [], 'process-1'); // a reconnect
    expect((await get(name)).state).toBe('EVALUATION_STATE_LEASED');
    await register('w', [], 'process-2');
    const [second] = await lease('w');
    expect(second).toMatchObject({ evaluation: name, attempt: 2 });
    expect(await workers.renewLeases({ workerId: 'w', leases: [reference(first!)] })).toMatchObject({ lost: [name] });
  });

  test.skipIf(skip)('tells a worker through its renewal that an evaluation was cancelled', async () => {
    const { name, pairs } = await submit('cancel');
    const queued = await submit('cancel-queued');
    await register('w');
    const [leased] = await lease('w');
    const cancelled = await submitter.cancelEvaluation({ name, reason: 'not needed' });
    expect(cancelled).toMatchObject({ state: 'EVALUATION_STATE_CANCELLED', outcome: { result: { $case: 'cancelled', value: { reason: 'not needed' } } } });
    expect(await workers.renewLeases({ workerId: 'w', leases: [reference(leased!)] })).toMatchObject({ cancelled: [name], lost: [] });
    expect(await refusal(complete(leased!, succeededWith(pairs)))).toBe('FAILED_PRECONDITION ALREADY_CONCLUDED');
    expect((await submitter.cancelEvaluation({ name })).state).toBe('EVALUATION_STATE_CANCELLED');
    expect((await eventsOf(name)).map(({ event }) => event.state)).toEqual(['EVALUATION_STATE_CANCELLED']);
    await submitter.cancelEvaluation({ name: queued.name });
    expect(await lease('w')).toEqual([]);
  });

  test.skipIf(skip)('cancels everything of a search that is not final', async () => {
    const search = `${PARENT}/searches/cancelled-${serial}`;
    const { pairs } = await submit('done-before', { search });
    await submit('leased', { search });
    await submit('queued', { search });
    await submit('of-another-search');
    await register('w');
    const [done, leased] = await lease('w', { maxCount: 2 });
    await complete(done!, succeededWith(pairs));
    expect(await submitter.cancelEvaluations({ parent: PARENT, search, reason: 'search cancelled' })).toEqual({ cancelled: 2 });
    expect(await submitter.cancelEvaluations({ parent: PARENT, search })).toEqual({ cancelled: 0 });
    expect(await workers.renewLeases({ workerId: 'w', leases: [reference(leased!)] })).toMatchObject({ cancelled: [leased!.evaluation] });
    const states = await submitter.listEvaluations({ parent: PARENT, filter: `search="${search}"` });
    expect(states.evaluations.map(({ state }) => state.slice(17))).toEqual(['SUCCEEDED', 'CANCELLED', 'CANCELLED']);
    expect((await lease('w', { maxCount: 5 })).map((one) => one.evaluation.split('/').at(-1))).toEqual(['of-another-search']);
  });

  test.skipIf(skip)('refuses outcomes that do not answer what was asked', async () => {
    const { pairs, name } = await submit('checked');
    await register('w');
    const [leased] = await lease('w');
    const send = (outcome: evaluation.Outcome): Promise<string> => refusal(complete(leased!, outcome));
    expect(await send(succeededWith(pairs.slice(1)))).toBe('INVALID_ARGUMENT INVALID_OUTCOME');
    expect(await send(succeededWith([...pairs].reverse()))).toBe('INVALID_ARGUMENT INVALID_OUTCOME');
    expect(await send(succeededWith(cellPairs('others', 2)))).toBe('INVALID_ARGUMENT INVALID_OUTCOME');
    expect(await send(succeededWith(pairs, Number.NaN))).toBe('INVALID_ARGUMENT INVALID_OUTCOME');
    expect(await send(succeededWith(pairs, Infinity))).toBe('INVALID_ARGUMENT INVALID_OUTCOME');
    expect(await send(failedWith('not a reason', true))).toBe('INVALID_ARGUMENT INVALID_OUTCOME');
    expect(await refusal(workers.completeEvaluation({ lease: reference(leased!), outcome: {} }))).toBe('INVALID_ARGUMENT INVALID_OUTCOME');
    expect(
      await refusal(workers.completeEvaluation({ lease: { evaluation: `${PARENT}/evaluations/missing`, token: 1 }, outcome: failedWith('X', true) })),
    ).toBe('NOT_FOUND EVALUATION_NOT_FOUND');
    expect((await get(name)).state).toBe('EVALUATION_STATE_LEASED');
    expect(await eventsOf(name)).toEqual([]);
    expect(await complete(leased!, succeededWith(pairs))).toBe('EVALUATION_STATE_SUCCEEDED');
  });

  test.skipIf(skip)('takes many outcomes at once, each for itself', async () => {
    const submitted = [await submit('many-0'), await submit('many-1'), await submit('many-2')];
    await register('w');
    const leased = await lease('w', { maxCount: 3 });
    const outcomes = [succeededWith(submitted[0]!.pairs), succeededWith(submitted[0]!.pairs), failedWith('BROKEN', true)];
    const send = async () => {
      const { results } = await workers.completeEvaluations({
        completions: leased.map((one, i) => ({ lease: reference(one), outcome: outcomes[i] })),
      });
      return results.map(({ result }) => (result?.$case === 'error' ? statusToDomainError(result.value).reason : result?.value));
    };
    expect(await send()).toEqual(['EVALUATION_STATE_SUCCEEDED', 'INVALID_OUTCOME', 'EVALUATION_STATE_FAILED']);
    outcomes[1] = succeededWith(submitted[1]!.pairs);
    expect(await send()).toEqual(['EVALUATION_STATE_SUCCEEDED', 'EVALUATION_STATE_SUCCEEDED', 'EVALUATION_STATE_FAILED']);
    for (const { name } of submitted) expect(await eventsOf(name)).toHaveLength(1);
  });

  test.skipIf(skip)('requires a registration', async () => {
    expect(await refusal(lease('stranger'))).toBe('FAILED_PRECONDITION WORKER_NOT_REGISTERED');
    expect(await refusal(workers.renewLeases({ workerId: 'stranger', leases: [] }))).toBe('FAILED_PRECONDITION WORKER_NOT_REGISTERED');
  });

  test.skipIf(skip)('keeps observations of every attempt once, in pages', async () => {
    const { name } = await submit('observed');
    await register('w');
    const [first] = await lease('w');
    const seen = (step: number) => ({ metric: 'trainLoss', value: 1 / step, step, pairId: 'observed-0', time: new Date(1_000 * step) });
    const report = (one: evaluation.Lease, firstSequence: number, steps: readonly number[]) =>
      workers.reportObservations({ lease: reference(one), firstSequence, observations: steps.map(seen) });
    await report(first!, 0, [1, 2]);
    await report(first!, 0, [1, 2]);
    await report(first!, 1, [2, 3]);
    await complete(first!, failedWith('TRY_AGAIN', false));
    expect(await refusal(report(first!, 3, [4]))).toBe('FAILED_PRECONDITION STALE_LEASE');
    const [second] = await lease('w', { waitMs: 10_000 });
    await report(second!, 0, [1]);
    expect(await refusal(report(second!, 1, [0]))).toBe('INVALID_ARGUMENT INVALID_FIELD'); // 1/0
    expect((await get(name)).observations).toBe(4);
    const page = await submitter.listObservations({ parent: name, pageSize: 3 });
    expect(page.observations.map(({ step, attempt, value }) => [attempt, step, value])).toEqual([
      [1, 1, 1],
      [1, 2, 1 / 2],
      [1, 3, 1 / 3],
    ]);
    const rest = await submitter.listObservations({ parent: name, pageSize: 3, pageToken: page.nextPageToken });
    expect(rest).toMatchObject({ observations: [{ attempt: 2, step: 1, pairId: 'observed-0', metric: 'trainLoss' }], nextPageToken: '' });
    const published = (await publishedObservations(databases.database)).filter(({ event }) => event.evaluation === name);
    expect(published.map(({ id, key, event }) => [id, key, event.attempt, event.firstSequence, event.observations.map(({ step }) => step)])).toEqual([
      [`${name}/1/1`, SEARCH, 1, 0, [1, 2]],
      [`${name}/1/2`, SEARCH, 1, 1, [2, 3]],
      [`${name}/2/0`, SEARCH, 2, 0, [1]],
    ]);
  });

  test.skipIf(skip)('lists in pages whose tokens fit their filter only', async () => {
    const search = `${PARENT}/searches/listed-${serial}`;
    for (const id of ['l1', 'l2', 'l3']) await submit(id, { search });
    const filter = `search="${search}" AND state="QUEUED"`;
    const page = await submitter.listEvaluations({ parent: PARENT, filter, pageSize: 2 });
    expect(page.evaluations.map(({ name, spec }) => [name.split('/').at(-1), spec])).toEqual([
      ['l1', undefined],
      ['l2', undefined],
    ]);
    const rest = await submitter.listEvaluations({ parent: PARENT, filter, pageSize: 2, pageToken: page.nextPageToken });
    expect(rest.evaluations.map(({ name }) => name.split('/').at(-1))).toEqual(['l3']);
    expect(rest.nextPageToken).toBe('');
    expect(await refusal(submitter.listEvaluations({ parent: PARENT, pageToken: page.nextPageToken }))).toBe('INVALID_ARGUMENT INVALID_PAGE_TOKEN');
    expect(await refusal(submitter.listEvaluations({ parent: PARENT, filter: 'state="RUNNING"' }))).toBe('INVALID_ARGUMENT INVALID_FILTER');
    expect(await refusal(submitter.listEvaluations({ parent: PARENT, filter: 'colour="red"' }))).toBe('INVALID_ARGUMENT INVALID_FILTER');
    const batch = await submitter.batchGetEvaluations({ parent: PARENT, names: ['l3', 'missing', 'l1'].map((id) => `${PARENT}/evaluations/${id}`) });
    expect(batch.evaluations.map(({ name }) => name.split('/').at(-1))).toEqual(['l3', 'l1']);
  });

  test.skipIf(skip)('fails an evaluation that no worker can run, after the grace time', async () => {
    const impatient = await start({ noCapableWorkerMs: 300, noWorkerMs: 300 });
    await register('w');
    const { name } = await submit('incapable', { capabilities: [capability, 'table:nasbench999'] });
    const { name: capable } = await submit('capable');
    const done = await eventually(
      () => get(name),
      ({ state }) => state !== 'EVALUATION_STATE_QUEUED',
    );
    expect(done).toMatchObject({
      state: 'EVALUATION_STATE_FAILED',
      outcome: { result: { $case: 'failed', value: { reason: 'NO_CAPABLE_WORKER', message: 'no worker has table:nasbench999', terminal: true } } },
    });
    expect(await eventsOf(name)).toHaveLength(1);
    expect((await get(capable)).state).toBe('EVALUATION_STATE_QUEUED');
    await impatient.evaluator.close();
  });

  test.skipIf(skip)('answers waiting workers when it shuts down', async () => {
    await register('w');
    const waiting = lease('w', { waitMs: 30_000 });
    await sleep(100);
    const before = performance.now();
    await harness.evaluator.close();
    expect(await waiting).toEqual([]);
    expect(await refusal(lease('w', { waitMs: 30_000 }))).toBe('UNAVAILABLE SERVER_DRAINING');
    expect(performance.now() - before).toBeLessThan(1_000);
  });

  test.skipIf(skip)('two replicas share the queue', async () => {
    const second = await start({}, await databases.connect());
    const other = clients(second);
    await register('a');
    await other.workers.registerWorker({ workerId: 'b', capabilities: ['table:nasbench201', capability], kinds: ['tabular'] });
    const waiting = other.workers.leaseEvaluations({ workerId: 'b', maxCount: 1, wait: toDuration(10_000) });
    await sleep(100);
    const { pairs, name } = await submit('replicas');
    const [leased] = (await waiting).leases;
    expect(leased).toMatchObject({ evaluation: name });
    expect(await complete(leased!, succeededWith(pairs))).toBe('EVALUATION_STATE_SUCCEEDED');
  });
});
