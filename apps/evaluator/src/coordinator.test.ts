import { evaluation } from '@nat/contracts';
import { expect } from 'vitest';
import { cellCandidates, PARENT, SEARCH, succeededWith, tabularSpec } from './testing/coordinator-harness.ts';
import { clientsOf, describeCoordinator, kindsOf, LEASE_MS, referenceOf, refusal, RENEW_MS, waitOf } from './testing/coordinator-suite.ts';
import { eventually } from './testing/eventually.ts';
import { fromDuration, toDuration } from '@nat/convert';

describeCoordinator('the coordinator', (suite) => {
  const {
    test,
    databases,
    harness,
    submitter,
    workers,
    capability,
    searchOf,
    start,
    startAnother,
    register,
    submit,
    lease,
    complete,
    get,
    eventsOf,
    untilWaiting,
  } = suite;

  test('queues, leases, finalizes and publishes exactly one event', async () => {
    const { name, candidates, spec } = await submit('flow');
    const queued = await get(name);
    expect(queued).toMatchObject({ state: 'EVALUATION_STATE_QUEUED', attempt: 0 });
    expect(waitOf(queued)).toBe('NO_CAPABLE_WORKER: no worker is connected');
    const { renewInterval, leaseDuration } = await workers().registerWorker({
      workerId: 'w',
      capabilities: ['table:nasbench201', capability()],
      kinds: kindsOf('tabular'),
    });
    expect([fromDuration(renewInterval), fromDuration(leaseDuration)]).toEqual([RENEW_MS, LEASE_MS]);
    expect(waitOf(await get(name))).toBe('');
    const [leased, ...more] = await lease('w', { maxCount: 8 });
    expect(more).toEqual([]);
    expect(leased).toMatchObject({ evaluation: name, attempt: 1, spec });
    // Nobody guesses it.
    expect(leased!.token).toBeGreaterThan(2 ** 36);
    expect(await get(name)).toMatchObject({ state: 'EVALUATION_STATE_LEASED', worker: 'w' });

    const outcome = succeededWith(candidates);
    expect(await complete(leased!, outcome)).toBe('EVALUATION_STATE_SUCCEEDED');
    expect(await complete(leased!, outcome)).toBe('EVALUATION_STATE_SUCCEEDED');
    expect(await refusal(complete(leased!, succeededWith(candidates, 0.75)))).toBe('FAILED_PRECONDITION ALREADY_FINAL');
    const done = await get(name);
    expect(done).toMatchObject({ state: 'EVALUATION_STATE_SUCCEEDED', attempt: 1, outcome, worker: 'w', spec });
    const events = await eventsOf(name);
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({
      key: SEARCH,
      event: { evaluation: name, search: SEARCH, state: 'EVALUATION_STATE_SUCCEEDED', attempt: 1, outcome, endTime: done.endTime },
    });
    expect(await harness().registry.metrics()).toMatch(/nat_evaluation_run_seconds_count\{kind="tabular",state="SUCCEEDED"\} 1/);
  });

  test('accepts a submission again and refuses another one under its id', async () => {
    const { name, candidates } = await submit('again');
    await submit('again');
    await register('w');
    const [leased] = await lease('w');
    await complete(leased!, succeededWith(candidates));
    await submit('again');
    expect((await get(name)).state).toBe('EVALUATION_STATE_SUCCEEDED');
    expect(await refusal(submit('again', { priority: 7 }))).toBe('ALREADY_EXISTS EVALUATION_EXISTS');

    const fresh = tabularSpec(cellCandidates('fresh', 1));
    const other = tabularSpec(cellCandidates('other', 1));
    const both = submitter().submitEvaluations({
      parent: PARENT,
      evaluations: [
        { evaluationId: 'fresh', spec: fresh },
        { evaluationId: 'again', spec: other },
      ],
    });
    expect(await refusal(both)).toBe('ALREADY_EXISTS EVALUATION_EXISTS');
    expect(await refusal(get(`${PARENT}/evaluations/fresh`))).toBe('NOT_FOUND EVALUATION_NOT_FOUND');
  });

  test('refuses specifications that cannot be meant', async () => {
    const twice = cellCandidates('twice', 1);
    expect(await refusal(submit('twice', {}, [...twice, ...twice]))).toBe('INVALID_ARGUMENT INVALID_FIELD');
    expect(await refusal(submit('nobody', { search: 'namespaces/other/searches/s1' }))).toBe('INVALID_ARGUMENT INVALID_FIELD');
    const supernet = evaluation.Supernet.create({
      wiring: evaluation.Wiring.WIRING_LOOSE_END,
      scheme: 'SCHEME_NAT',
      dataset: 'mnist',
      channels: 4,
      layers: 3,
      imageBatch: 8,
    });
    const shard = { supernet, round: 0, shard: 2, shards: 2, steps: 1, seed: 0 };
    expect(await refusal(submit('shard', { kind: { $case: 'trainShard', value: shard } }))).toBe('INVALID_ARGUMENT INVALID_FIELD');
    const child = (recipe: Partial<evaluation.TrainingRecipe>): evaluation.EvaluationSpec['kind'] => ({
      $case: 'fromScratch',
      value: evaluation.FromScratchEvaluation.create({ dataset: 'mnist', recipe, candidates: cellCandidates('child', 1) }),
    });
    expect(await refusal(submit('endless', { kind: child({}) }))).toBe('INVALID_ARGUMENT INVALID_FIELD');
    expect(await refusal(submit('official', { kind: child({ preset: 'RECIPE_PRESET_OFFICIAL' }) }))).toBe('not refused');
    expect(await refusal(submit('bounded', { kind: child({}), budget: { steps: 5 } }))).toBe('not refused');
    const stored = { ref: { $case: 'architecture' as const, value: `${PARENT}/architectures/a` } };
    expect(await refusal(submit('stored', {}, [{ id: 'c', architecture: stored }]))).toBe('INVALID_ARGUMENT INVALID_FIELD');
    const wrongs: readonly Partial<evaluation.TrainingRecipe>[] = [
      { maxSteps: 0 },
      { dropPath: 1 },
      { labelSmoothing: -0.1 },
      { clipNorm: 0 },
      { cutout: 2000 },
    ];
    for (const wrong of wrongs) {
      expect(await refusal(submit('wrong', { kind: child({ epochs: 1, ...wrong }) }))).toMatch(/^INVALID_ARGUMENT/);
    }
  });

  test('leases one evaluation to one worker only', async () => {
    await register('a');
    await register('b');
    await submitter().submitEvaluations({
      parent: PARENT,
      evaluations: Array.from({ length: 40 }, (_, i) => ({
        evaluationId: `shared-${i}`,
        spec: tabularSpec(cellCandidates(`shared-${i}`, 1), { capabilities: [capability()] }),
      })),
    });
    const leased = (await Promise.all(Array.from({ length: 20 }, (_, i) => lease(i % 2 === 0 ? 'a' : 'b', { maxCount: 3 })))).flat();
    expect(leased).toHaveLength(40);
    expect(new Set(leased.map((one) => one.evaluation)).size).toBe(40);
  });

  test('leases by priority, then by age, and only what the worker can do', async () => {
    await submit('low', { priority: -1 });
    await submit('first');
    await submit('gpu', { priority: 9, capabilities: [capability(), 'gpu'] });
    await submit('second');
    await submit('high', { priority: 5 });
    await register('w');
    const order = (await lease('w', { maxCount: 10 })).map((one) => one.evaluation.split('/').at(-1));
    expect(order).toEqual(['high', 'first', 'second', 'low']);
    expect(waitOf(await get(`${PARENT}/evaluations/gpu`))).toBe('NO_CAPABLE_WORKER: no worker has gpu');
    await register('g', ['gpu']);
    const { leases } = await workers().leaseEvaluations({ workerId: 'g', maxCount: 10, kinds: kindsOf('average') });
    expect(leases).toEqual([]);
    expect((await lease('g')).map((one) => one.evaluation.split('/').at(-1))).toEqual(['gpu']);
  });

  test('wakes a waiting worker as soon as there is work', async () => {
    // Nothing but a wake-up answers in time.
    await harness().stop();
    const awake = await startAnother({ pollMs: 600_000 });
    await register('w');
    const waiting = lease('w', { waitMs: 60_000 });
    await untilWaiting(1, awake);
    await submit('wake');
    expect((await waiting).map((one) => one.evaluation)).toEqual([`${PARENT}/evaluations/wake`]);
    expect(await lease('w', { waitMs: 120 })).toEqual([]);
  });

  test('does not lose work to a caller that went away', async () => {
    await register('w');
    const controller = new AbortController();
    const gone = workers()
      .leaseEvaluations({ workerId: 'w', maxCount: 1, wait: toDuration(60_000) }, { signal: controller.signal })
      .catch(() => 'gone');
    await untilWaiting(1);
    controller.abort();
    expect(await gone).toBe('gone');
    await untilWaiting(0);
    await submit('left');
    expect(await lease('w', { waitMs: 1_000 })).toHaveLength(1);
  });

  test('tells a worker through its renewal that an evaluation was cancelled', async () => {
    const { name, candidates } = await submit('cancel');
    const queued = await submit('cancel-queued');
    await register('w');
    const [leased] = await lease('w');
    const cancelled = await submitter().cancelEvaluation({ name, reason: 'not needed' });
    expect(cancelled).toMatchObject({ state: 'EVALUATION_STATE_CANCELLED', outcome: { result: { $case: 'cancelled', value: { reason: 'not needed' } } } });
    expect(await workers().renewLeases({ workerId: 'w', leases: [referenceOf(leased!)] })).toMatchObject({ cancelled: [name], lost: [] });
    expect(await refusal(complete(leased!, succeededWith(candidates)))).toBe('FAILED_PRECONDITION ALREADY_FINAL');
    expect((await submitter().cancelEvaluation({ name })).state).toBe('EVALUATION_STATE_CANCELLED');
    expect((await eventsOf(name)).map(({ event }) => event.state)).toEqual(['EVALUATION_STATE_CANCELLED']);
    await submitter().cancelEvaluation({ name: queued.name });
    expect(await lease('w')).toEqual([]);
  });

  test('cancels everything of a search that is not final', async () => {
    const search = searchOf('cancelled');
    const { candidates } = await submit('done-before', { search });
    await submit('leased', { search });
    await submit('queued', { search });
    await submit('of-another-search');
    await register('w');
    const [done, leased] = await lease('w', { maxCount: 2 });
    await complete(done!, succeededWith(candidates));
    expect(await submitter().cancelEvaluations({ parent: PARENT, search, reason: 'search cancelled' })).toEqual({ cancelled: 2 });
    expect(await submitter().cancelEvaluations({ parent: PARENT, search })).toEqual({ cancelled: 0 });
    expect(await workers().renewLeases({ workerId: 'w', leases: [referenceOf(leased!)] })).toMatchObject({ cancelled: [leased!.evaluation] });
    const states = await submitter().listEvaluations({ parent: PARENT, filter: `search="${search}"` });
    expect(states.evaluations.map(({ state }) => state.slice(17))).toEqual(['SUCCEEDED', 'CANCELLED', 'CANCELLED']);
    expect((await lease('w', { maxCount: 5 })).map((one) => one.evaluation.split('/').at(-1))).toEqual(['of-another-search']);
  });

  test('deletes an evaluation that has ended, with what was seen in it', async () => {
    const { name, candidates } = await submit('deleted');
    await register('w');
    const [leased] = await lease('w');
    await workers().reportObservations({ lease: referenceOf(leased!), observations: [{ metric: 'trainLoss', value: 1, step: 1 }] });
    expect(await refusal(submitter().deleteEvaluation({ name }))).toBe('FAILED_PRECONDITION NOT_FINAL');
    await complete(leased!, succeededWith(candidates));
    await submitter().deleteEvaluation({ name });
    expect(await refusal(get(name))).toBe('NOT_FOUND EVALUATION_NOT_FOUND');
    expect(await refusal(submitter().listObservations({ parent: name }))).toBe('NOT_FOUND EVALUATION_NOT_FOUND');
    expect(await refusal(submitter().deleteEvaluation({ name }))).toBe('NOT_FOUND EVALUATION_NOT_FOUND');
    // Its id is free again.
    await submit('deleted', { priority: 3 });
    expect((await get(name)).state).toBe('EVALUATION_STATE_QUEUED');
  });

  test('requires a registration', async () => {
    expect(await refusal(lease('stranger'))).toBe('FAILED_PRECONDITION WORKER_NOT_REGISTERED');
    expect(await refusal(workers().renewLeases({ workerId: 'stranger', leases: [] }))).toBe('FAILED_PRECONDITION WORKER_NOT_REGISTERED');
  });

  test('lists in pages whose tokens fit their filter only', async () => {
    const search = searchOf('listed');
    for (const id of ['l1', 'l2', 'l3']) await submit(id, { search });
    const filter = `search="${search}" AND state="QUEUED"`;
    const page = await submitter().listEvaluations({ parent: PARENT, filter, pageSize: 2 });
    expect(page.evaluations.map(({ name, spec }) => [name.split('/').at(-1), spec])).toEqual([
      ['l1', undefined],
      ['l2', undefined],
    ]);
    const rest = await submitter().listEvaluations({ parent: PARENT, filter, pageSize: 2, pageToken: page.nextPageToken });
    expect(rest.evaluations.map(({ name }) => name.split('/').at(-1))).toEqual(['l3']);
    expect(rest.nextPageToken).toBe('');
    expect(await refusal(submitter().listEvaluations({ parent: PARENT, pageToken: page.nextPageToken }))).toBe('INVALID_ARGUMENT INVALID_PAGE_TOKEN');
    expect(await refusal(submitter().listEvaluations({ parent: PARENT, filter: 'state="RUNNING"' }))).toBe('INVALID_ARGUMENT INVALID_FILTER');
    expect(await refusal(submitter().listEvaluations({ parent: PARENT, filter: 'colour="red"' }))).toBe('INVALID_ARGUMENT INVALID_FILTER');
    const batch = await submitter().batchGetEvaluations({ parent: PARENT, names: ['l3', 'missing', 'l1'].map((id) => `${PARENT}/evaluations/${id}`) });
    expect(batch.evaluations.map(({ name }) => name.split('/').at(-1))).toEqual(['l3', 'l1']);
  });

  test('fails an evaluation that no worker can run, after the grace time', async () => {
    const impatient = await start({ noCapableWorkerMs: 300, noWorkerMs: 300 });
    await register('w');
    const { name } = await submit('incapable', { capabilities: [capability(), 'table:nasbench999'] });
    const { name: capable } = await submit('capable');
    const done = await eventually(
      () => get(name),
      ({ state }) => state !== 'EVALUATION_STATE_QUEUED',
    );
    expect(done).toMatchObject({
      state: 'EVALUATION_STATE_FAILED',
      outcome: { result: { $case: 'failed', value: { error: { message: 'no worker has table:nasbench999' }, terminal: true } } },
    });
    expect(await eventsOf(name)).toHaveLength(1);
    expect((await get(capable)).state).toBe('EVALUATION_STATE_QUEUED');
    await impatient.evaluator.close();
  });

  test('answers waiting workers when it shuts down', async () => {
    await register('w');
    const waiting = lease('w', { waitMs: 60_000 });
    await untilWaiting(1);
    await harness().evaluator.close();
    expect(await waiting).toEqual([]);
    expect(await refusal(lease('w', { waitMs: 60_000 }))).toBe('UNAVAILABLE SERVER_DRAINING');
  });

  test('two replicas share the queue', async () => {
    const second = await start({}, await databases().connect());
    const other = clientsOf(second);
    await register('a');
    await other.workers.registerWorker({ workerId: 'b', capabilities: ['table:nasbench201', capability()], kinds: kindsOf('tabular') });
    const waiting = other.workers.leaseEvaluations({ workerId: 'b', maxCount: 1, wait: toDuration(60_000) });
    await untilWaiting(1, second);
    const { candidates, name } = await submit('replicas');
    const [leased] = (await waiting).leases;
    expect(leased).toMatchObject({ evaluation: name });
    expect(await complete(leased!, succeededWith(candidates))).toBe('EVALUATION_STATE_SUCCEEDED');
  });
});
