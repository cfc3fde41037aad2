import { evaluation } from '@nat/contracts';
import { statusToDomainError } from '@nat/service';
import { expect } from 'vitest';
import { cellCandidates, failedWith, PARENT, publishedObservations, SEARCH, succeededWith } from './testing/coordinator-harness.ts';
import { describeCoordinator, referenceOf, refusal, waitOf } from './testing/coordinator-suite.ts';
import { eventually } from './testing/eventually.ts';

describeCoordinator('attempts', (suite) => {
  const { test, databases, submitter, workers, startAnother, register, submit, lease, complete, get, eventsOf } = suite;

  test('gives an expired lease to another worker and fences the first one out', async () => {
    await startAnother({ leaseMs: 400 });
    const { name, candidates } = await submit('expire');
    await register('slow');
    await register('next');
    const [first] = await lease('slow');
    const [second] = await eventually(
      () => lease('next'),
      (leases) => leases.length > 0,
    );
    expect(second).toMatchObject({ evaluation: name, attempt: 2 });
    expect(second!.token).toBeGreaterThan(first!.token);
    expect(await refusal(complete(first!, succeededWith(candidates)))).toBe('FAILED_PRECONDITION STALE_LEASE');
    expect(await refusal(workers().releaseLease({ lease: referenceOf(first!), reason: 'RELEASE_REASON_PREEMPTED' }))).toBe('FAILED_PRECONDITION STALE_LEASE');
    expect(await workers().renewLeases({ workerId: 'slow', leases: [referenceOf(first!)] })).toMatchObject({ cancelled: [], lost: [name] });
    expect(await complete(second!, succeededWith(candidates, 0.25))).toBe('EVALUATION_STATE_SUCCEEDED');
    expect(await refusal(complete(first!, succeededWith(candidates, 0.25)))).toBe('FAILED_PRECONDITION STALE_LEASE');
    expect(await eventsOf(name)).toHaveLength(1);
  });

  test('takes late work when nobody else has leased since, and lets a cut-off worker renew', async () => {
    await startAnother({ leaseMs: 400 });
    const { name, candidates } = await submit('late');
    await register('w');
    const [first] = await lease('w');
    await eventually(
      () => get(name),
      ({ state }) => state === 'EVALUATION_STATE_QUEUED',
    );
    expect(waitOf(await get(name))).toContain('LEASE_EXPIRED');
    expect(await workers().renewLeases({ workerId: 'w', leases: [referenceOf(first!)] })).toMatchObject({ cancelled: [], lost: [] });
    expect((await get(name)).state).toBe('EVALUATION_STATE_LEASED');
    await eventually(
      () => get(name),
      ({ state }) => state === 'EVALUATION_STATE_QUEUED',
    );
    expect(await complete(first!, succeededWith(candidates))).toBe('EVALUATION_STATE_SUCCEEDED');
  });

  test('keeps a lease that is renewed', async () => {
    await startAnother({ leaseMs: 1_000 });
    const { name, candidates } = await submit('renew');
    await register('w');
    await register('other');
    const [leased] = await lease('w');
    const renew = async (): Promise<number> => {
      const { expireTime } = await workers().renewLeases({ workerId: 'w', leases: [referenceOf(leased!)] });
      return expireTime!.getTime();
    };
    // Renewed until the lease as it was given would have expired long ago, by the database's clock.
    await eventually(renew, (expires) => expires > leased!.expireTime!.getTime() + 1_500);
    expect(await lease('other')).toEqual([]);
    expect(await get(name)).toMatchObject({ state: 'EVALUATION_STATE_LEASED', attempt: 1 });
    expect(await complete(leased!, succeededWith(candidates))).toBe('EVALUATION_STATE_SUCCEEDED');
  });

  test('poisons after the last attempt, with its error', async () => {
    const { name } = await submit('poison', { maxAttempts: 2 });
    await register('w');
    const [first] = await lease('w');
    expect(await complete(first!, failedWith('FIRST_ERROR', false))).toBe('EVALUATION_STATE_QUEUED');
    expect(await complete(first!, failedWith('FIRST_ERROR', false))).toBe('EVALUATION_STATE_QUEUED');
    expect(waitOf(await get(name))).toBe('FIRST_ERROR: FIRST_ERROR happened');
    expect(await lease('w')).toEqual([]); // it waits for its pause
    const [second] = await lease('w', { waitMs: 10_000 });
    expect(second).toMatchObject({ attempt: 2 });
    expect(await complete(second!, failedWith('SECOND_ERROR', false))).toBe('EVALUATION_STATE_POISONED');
    expect(await complete(second!, failedWith('SECOND_ERROR', false))).toBe('EVALUATION_STATE_POISONED');
    const { outcome } = await get(name);
    expect(evaluation.Outcome.toJSON(outcome!)).toEqual(evaluation.Outcome.toJSON(failedWith('SECOND_ERROR', false)));
    expect((await eventsOf(name)).map(({ event }) => event.state)).toEqual(['EVALUATION_STATE_POISONED']);
  });

  test('poisons what kills every worker, and fails at once what cannot pass', async () => {
    await startAnother({ leaseMs: 400 });
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
    expect(poisoned.outcome).toMatchObject({ result: { $case: 'failed', value: { error: { message: 'its worker did not renew the lease in time' } } } });
    expect(await eventsOf(name)).toHaveLength(1);

    await submit('terminal');
    const [leased] = await lease('w');
    expect(await complete(leased!, failedWith('UNKNOWN_COLUMN', true))).toBe('EVALUATION_STATE_FAILED');
  });

  test('does not count a lease that was given back', async () => {
    const { name, candidates } = await submit('drain', { maxAttempts: 1 });
    await register('w');
    for (let i = 0; i < 3; i++) {
      const [leased] = await lease('w');
      expect(leased).toMatchObject({ attempt: i + 1 });
      await workers().releaseLease({ lease: referenceOf(leased!), reason: 'RELEASE_REASON_DRAINING', checkpoint: { blob: 'ab'.repeat(32), namedBlobs: [] } });
      await workers().releaseLease({ lease: referenceOf(leased!), reason: 'RELEASE_REASON_DRAINING' });
      expect(await refusal(complete(leased!, succeededWith(candidates)))).toBe('FAILED_PRECONDITION STALE_LEASE');
    }
    const [last] = await lease('w');
    expect(last!.spec!.resumeFrom).toBe('ab'.repeat(32));
    expect(await complete(last!, failedWith('BROKEN', false))).toBe('EVALUATION_STATE_POISONED');
    expect((await get(name)).attempt).toBe(4);
  });

  test('keeps the last checkpoint of an attempt that dies, and takes none from a lease that is over', async () => {
    const { name } = await submit('checkpoint');
    await register('w', [], 'process-1');
    const [first] = await lease('w');
    const [earlier, later] = ['ab'.repeat(32), 'cd'.repeat(32)];
    expect(first).toMatchObject({ spec: { resumeFrom: undefined }, continued: false });
    await workers().reportCheckpoint({ lease: referenceOf(first!), checkpoint: { blob: earlier, namedBlobs: [] } });
    await workers().reportCheckpoint({ lease: referenceOf(first!), checkpoint: { blob: later, namedBlobs: [] } });
    await register('w', [], 'process-2');
    expect(await refusal(workers().reportCheckpoint({ lease: referenceOf(first!), checkpoint: { blob: earlier, namedBlobs: [] } }))).toBe(
      'FAILED_PRECONDITION STALE_LEASE',
    );
    const [second] = await lease('w');
    expect(second).toMatchObject({ evaluation: name, attempt: 2, spec: { resumeFrom: later }, continued: true });
    expect(await refusal(workers().reportCheckpoint({ lease: referenceOf(first!), checkpoint: { blob: earlier, namedBlobs: [] } }))).toBe(
      'FAILED_PRECONDITION STALE_LEASE',
    );
    expect(await complete(second!, failedWith('UNKNOWN_COLUMN', true))).toBe('EVALUATION_STATE_FAILED');
    expect(await refusal(workers().reportCheckpoint({ lease: referenceOf(second!), checkpoint: { blob: earlier, namedBlobs: [] } }))).toBe(
      'FAILED_PRECONDITION STALE_LEASE',
    );
  });

  test('tells what an evaluation was given to start from apart from a checkpoint of its own', async () => {
    await submit('given', { resumeFrom: 'ab'.repeat(32) });
    await register('w', [], 'process-1');
    expect((await lease('w'))[0]).toMatchObject({ spec: { resumeFrom: 'ab'.repeat(32) }, continued: false });
    await register('w', [], 'process-2');
    const [second] = await lease('w');
    expect(second).toMatchObject({ attempt: 2, continued: false });
    await workers().reportCheckpoint({ lease: referenceOf(second!), checkpoint: { blob: 'cd'.repeat(32), namedBlobs: [] } });
    await register('w', [], 'process-3');
    expect((await lease('w'))[0]).toMatchObject({ spec: { resumeFrom: 'cd'.repeat(32) }, continued: true });
  });

  test('queues again at once what a restarted worker held', async () => {
    const { name } = await submit('restart');
    await register('w', [], 'process-1');
    const [first] = await lease('w');
    await register('w', [], 'process-1'); // a reconnect
    expect((await get(name)).state).toBe('EVALUATION_STATE_LEASED');
    await register('w', [], 'process-2');
    const [second] = await lease('w');
    expect(second).toMatchObject({ evaluation: name, attempt: 2 });
    expect(await workers().renewLeases({ workerId: 'w', leases: [referenceOf(first!)] })).toMatchObject({ lost: [name] });
  });

  test('refuses outcomes that do not answer what was asked', async () => {
    const { candidates, name } = await submit('checked');
    await register('w');
    const [leased] = await lease('w');
    const send = (outcome: evaluation.Outcome): Promise<string> => refusal(complete(leased!, outcome));
    expect(await send(succeededWith(candidates.slice(1)))).toBe('INVALID_ARGUMENT INVALID_OUTCOME');
    expect(await send(succeededWith([...candidates].reverse()))).toBe('INVALID_ARGUMENT INVALID_OUTCOME');
    expect(await send(succeededWith(cellCandidates('others', 2)))).toBe('INVALID_ARGUMENT INVALID_OUTCOME');
    expect(await send(succeededWith(candidates, Number.NaN))).toBe('INVALID_ARGUMENT INVALID_FIELD');
    expect(await send(succeededWith(candidates, Infinity))).toBe('INVALID_ARGUMENT INVALID_FIELD');
    expect(await send(failedWith('not a reason', true))).toBe('INVALID_ARGUMENT INVALID_OUTCOME');
    expect(await refusal(workers().completeEvaluation({ lease: referenceOf(leased!), outcome: {} }))).toBe('INVALID_ARGUMENT INVALID_OUTCOME');
    expect(
      await refusal(workers().completeEvaluation({ lease: { evaluation: `${PARENT}/evaluations/missing`, token: 1 }, outcome: failedWith('X', true) })),
    ).toBe('NOT_FOUND EVALUATION_NOT_FOUND');
    expect((await get(name)).state).toBe('EVALUATION_STATE_LEASED');
    expect(await eventsOf(name)).toEqual([]);
    expect(await complete(leased!, succeededWith(candidates))).toBe('EVALUATION_STATE_SUCCEEDED');
  });

  test('takes many outcomes at once, each for itself', async () => {
    const submitted = [await submit('many-0'), await submit('many-1'), await submit('many-2')];
    await register('w');
    const leased = await lease('w', { maxCount: 3 });
    const outcomes = [succeededWith(submitted[0]!.candidates), succeededWith(submitted[0]!.candidates), failedWith('BROKEN', true)];
    const send = async () => {
      const { results } = await workers().completeEvaluations({
        completions: leased.map((one, i) => ({ lease: referenceOf(one), outcome: outcomes[i] })),
      });
      return results.map(({ result }) => (result?.$case === 'error' ? statusToDomainError(result.value).reason : result?.value));
    };
    expect(await send()).toEqual(['EVALUATION_STATE_SUCCEEDED', 'INVALID_OUTCOME', 'EVALUATION_STATE_FAILED']);
    outcomes[1] = succeededWith(submitted[1]!.candidates);
    expect(await send()).toEqual(['EVALUATION_STATE_SUCCEEDED', 'EVALUATION_STATE_SUCCEEDED', 'EVALUATION_STATE_FAILED']);
    for (const { name } of submitted) expect(await eventsOf(name)).toHaveLength(1);
  });

  test('keeps observations of every attempt once, in pages', async () => {
    const { name } = await submit('observed');
    await register('w');
    const [first] = await lease('w');
    const seen = (step: number) => ({ metric: 'trainLoss', value: 1 / step, step, candidateId: 'observed-0', time: new Date(1_000 * step) });
    const report = (one: evaluation.Lease, firstSequence: number, steps: readonly number[]) =>
      workers().reportObservations({ lease: referenceOf(one), firstSequence, observations: steps.map(seen) });
    await report(first!, 0, [1, 2]);
    await report(first!, 0, [1, 2]);
    await report(first!, 1, [2, 3]);
    await complete(first!, failedWith('TRY_AGAIN', false));
    expect(await refusal(report(first!, 3, [4]))).toBe('FAILED_PRECONDITION STALE_LEASE');
    const [second] = await lease('w', { waitMs: 10_000 });
    await report(second!, 0, [1]);
    expect(await refusal(report(second!, 1, [0]))).toBe('INVALID_ARGUMENT INVALID_FIELD'); // 1/0
    expect((await get(name)).observationCount).toBe(4);
    const page = await submitter().listObservations({ parent: name, pageSize: 3 });
    expect(page.observations.map(({ step, attempt, value }) => [attempt, step, value])).toEqual([
      [1, 1, 1],
      [1, 2, 1 / 2],
      [1, 3, 1 / 3],
    ]);
    const rest = await submitter().listObservations({ parent: name, pageSize: 3, pageToken: page.nextPageToken });
    expect(rest).toMatchObject({ observations: [{ attempt: 2, step: 1, candidateId: 'observed-0', metric: 'trainLoss' }], nextPageToken: '' });
    const published = (await publishedObservations(databases().database)).filter(({ event }) => event.evaluation === name);
    expect(published.map(({ id, key, event }) => [id, key, event.attempt, event.firstSequence, event.observations.map(({ step }) => step)])).toEqual([
      [`${name}/1/1`, SEARCH, 1, 0, [1, 2]],
      [`${name}/1/2`, SEARCH, 1, 1, [2, 3]],
      [`${name}/2/0`, SEARCH, 2, 0, [1]],
    ]);
  });
});
