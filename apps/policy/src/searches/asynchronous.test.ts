import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { search as wire } from '@nat/contracts';
import { isDomainError } from '@nat/base/errors';
import { testDatabases, type TestDatabase } from '@nat/storage/testing';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exposeSearches } from './metrics/search-metrics.ts';
import { failedOutcome } from './testing/fake-evaluator.ts';
import { sharedWeightsSpec, tabularSpec } from './testing/specs.ts';
import { HANG_MS } from './testing/hang.ts';
import { startSearchHarness, type SearchHarness } from './testing/search-harness.ts';
import { writeTinyTable } from './testing/tiny-table.ts';

const parent = 'namespaces/default';
const eightSteps = (pipelining: object, learner: object = {}, rest: object = {}) =>
  tabularSpec({ steps: 8, batch: 4, ...learner }, { seed: 5, pipelining, ...rest });

describe.each(testDatabases)('asynchronous searches on $title', { timeout: HANG_MS }, ({ skip, open }) => {
  if (skip) {
    it.skip('needs a server');
    return;
  }
  let folder: string;
  let home: TestDatabase;
  let harness: SearchHarness;
  /** What evaluations wait for, by the beginning of their ids; and what is to happen when one is accepted. */
  const held = new Map<string, PromiseWithResolvers<undefined>>();
  const releases = new Map<string, string>();
  const failing = new Set<string>();
  const roundOf = (id: string): string => id.slice(0, id.lastIndexOf('.'));

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nat-asynchronous-'));
    await writeTinyTable(folder);
    home = await open();
    harness = await startSearchHarness({
      home: join(folder, 'home'),
      database: home.database,
      dataDirectory: folder,
      evaluator: {
        heldBy: (id) => held.get(roundOf(id))?.promise,
        outcomeOf: (id) => (failing.has(roundOf(id)) ? failedOutcome('NO_LUCK') : undefined),
        onAccepted: (id) => held.get(releases.get(roundOf(id)) ?? '')?.resolve(undefined),
      },
    });
  }, HANG_MS);
  afterAll(async () => {
    await harness.evaluator.settled();
    await harness.close();
    await home.dispose();
    await rm(folder, { recursive: true, force: true });
  }, HANG_MS);

  const hold = (round: string, until?: string): void => {
    held.set(round, Promise.withResolvers<undefined>());
    if (until !== undefined) releases.set(until, round);
  };
  const create = (searchId: string, spec: wire.SearchSpec): Promise<wire.Search> => harness.clients.searches.createSearch({ parent, searchId, spec });
  const watch = async (name: string): Promise<{ readonly steps: wire.StepSummary[]; readonly final: wire.Search }> => {
    const steps: wire.StepSummary[] = [];
    let final: wire.Search | undefined;
    for await (const { event } of harness.clients.searches.watchSearch({ name })) {
      if (event?.$case === 'step') steps.push(event.value);
      if (event?.$case === 'search') final = event.value;
    }
    return { steps, final: final! };
  };

  it('learn the same policy as a synchronous one, to the bit, with one round in flight', async () => {
    const [one, other] = [await create('one', eightSteps({ roundsInFlight: 1 })), await create('sync', tabularSpec({ steps: 8, batch: 4 }, { seed: 5 }))];
    expect(one.effectiveSpec!.pipelining).toEqual({ roundsInFlight: 1, maxStaleness: 2, importanceClip: 2 });
    expect(other.effectiveSpec).toEqual(one.effectiveSpec);
    const { steps, final } = await watch(one.name);
    const synchronous = await watch(other.name);
    expect(final.policySha256).toMatch(/^[0-9a-f]{64}$/);
    expect(final.policySha256).toBe(synchronous.final.policySha256);
    expect([final.candidates, final.rewards]).toEqual([synchronous.final.candidates, synchronous.final.rewards]);
    for (const [i, step] of steps.entries()) {
      expect(step).toMatchObject({ round: i + 1, staleness: 0, meanWeight: 1, clippedShare: 0, droppedTrials: 0 });
      const { time: _, ...same } = synchronous.steps[i]!;
      expect(step).toMatchObject(same);
    }
  });

  it('learn from whichever round is done, and weigh what an earlier policy drew', async () => {
    hold('late.1', 'late.4'); // ends when the fourth is asked for
    const { name, spec, effectiveSpec } = await create('late', eightSteps({ roundsInFlight: 2, importanceClip: 1_000 }));
    expect(spec!.pipelining).toEqual({ roundsInFlight: 2, importanceClip: 1_000 });
    expect(effectiveSpec!.pipelining).toEqual({ roundsInFlight: 2, maxStaleness: 4, importanceClip: 1_000 });
    const { steps, final } = await watch(name);
    expect(final).toMatchObject({ state: 'SEARCH_STATE_SUCCEEDED', step: 8, rewards: 32, failedCandidates: 0, droppedTrials: 0 });
    expect(steps.slice(0, 2).map(({ round }) => round)).toEqual([2, 3]);
    expect(steps.map(({ round }) => round).sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    const first = steps.find(({ round }) => round === 1)!;
    expect(first.staleness).toBe(first.step - 1);
    for (const { step, staleness, meanWeight, clippedShare } of steps) {
      expect(staleness).toBeLessThanOrEqual(4);
      // Exactly 1 where the policy is the one that drew.
      expect(meanWeight === 1, `step ${step}`).toBe(staleness === 0);
      expect(clippedShare).toBe(0);
    }
    const { trials } = await harness.clients.searches.listTrials({ parent: name, filter: 'round=1' });
    expect(trials.map(({ state, policyStep, learnedStep }) => [state, policyStep, learnedStep])).toEqual(
      Array.from({ length: 4 }, () => ['TRIAL_STATE_COUNTED', 0, first.step]),
    );
    const metrics = ['staleness', 'meanWeight', 'clippedShare', 'droppedTrials'];
    const pointsOf = (metric: string): number => harness.points.filter((point) => point.run === name && point.metric === metric).length;
    await expect.poll(() => metrics.map(pointsOf), { timeout: HANG_MS }).toEqual([8, 8, 8, 8]);
  });

  it('drop a round past the bound, say why, draw another, and hear nothing of it any more', async () => {
    hold('stuck.1');
    const { name } = await create('stuck', eightSteps({ roundsInFlight: 3, maxStaleness: 2 }));
    const { steps, final } = await watch(name);
    expect(final).toMatchObject({ state: 'SEARCH_STATE_SUCCEEDED', step: 8, rewards: 32, droppedTrials: 4 });
    expect(steps.map(({ droppedTrials }) => droppedTrials)).toEqual([0, 0, 4, 0, 0, 0, 0, 0]);
    expect(steps.map(({ round }) => round).sort((a, b) => a - b)).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
    for (const { staleness } of steps) expect(staleness).toBeLessThanOrEqual(2);
    expect(harness.evaluator.cancelled).toContain(`${parent}/evaluations/stuck.1.0`);
    const { trials } = await harness.clients.searches.listTrials({ parent: name, filter: 'round=1' });
    expect(trials.map(({ state, error }) => [state, error!.message])).toEqual(
      Array.from({ length: 4 }, () => ['TRIAL_STATE_FAILED', '3 steps were learned since it was sampled']),
    );
    // Those of its trials, and of the greedy transforms of their sources: all of them are left out.
    const candidatesIn = (round: number): number => {
      const kind = harness.evaluator.accepted.get(`stuck.${round}.0`)?.kind;
      return kind?.$case === 'tabular' ? kind.value.candidates.length : 0;
    };
    expect(final.failedCandidates).toBe(candidatesIn(1));
    expect(final.candidates).toBe([2, 3, 4, 5, 6, 7, 8, 9].reduce((sum, round) => sum + candidatesIn(round), 0));

    held.get('stuck.1')!.resolve(undefined);
    await harness.evaluator.settled();
    await watch((await create('next', tabularSpec({ steps: 1, batch: 4 }))).name); // its outcomes come after the late ones
    expect(await harness.clients.searches.getSearch({ name })).toMatchObject({
      candidates: final.candidates,
      failedCandidates: final.failedCandidates,
      rewards: 32,
    });
  });

  it('end the search where nothing of a round could be evaluated, and with it what is still out', async () => {
    hold('none.1');
    failing.add('none.2');
    const { name } = await create('none', eightSteps({ roundsInFlight: 2 }));
    const { final } = await watch(name);
    expect(final).toMatchObject({ state: 'SEARCH_STATE_FAILED', step: 0, error: { message: expect.stringContaining('NO_LUCK') as unknown } });
    await expect.poll(() => harness.evaluator.cancelled, { timeout: HANG_MS }).toContain(name);
    held.get('none.1')!.resolve(undefined);
  });

  it('show what is awaited of all rounds in flight, and go on with them after a pause', async () => {
    const registry = new Registry();
    exposeSearches(registry, harness.database);
    const shown = async (): Promise<readonly number[]> => {
      const metrics = await registry.getMetricsAsJSON();
      return ['nat_learner_evaluations_awaited', 'nat_learner_inbox_candidates'].map((name) => metrics.find((one) => one.name === name)!.values[0]!.value);
    };
    hold('open.1');
    hold('open.3');
    hold('open.4');
    const { name } = await create(
      'open',
      eightSteps({ roundsInFlight: 3 }, { steps: 4, movingAverage: {} }, { reward: { tabular: {}, candidatesPerEvaluation: 2 } }),
    );
    await expect.poll(async () => (await harness.clients.searches.getSearch({ name })).step, { timeout: HANG_MS }).toBe(1);
    // The second was learned from: the evaluations of the others are awaited, though the first has a lower number than the next step.
    const awaited = (): readonly string[] => [...harness.evaluator.accepted.keys()].filter((id) => /^open\.[134]\./.test(id));
    await expect.poll(() => new Set(awaited().map(roundOf)).size, { timeout: HANG_MS }).toBe(3);
    await expect.poll(async () => (await shown()).join(), { timeout: HANG_MS }).toBe(`${awaited().length},0`);
    expect(awaited().length).toBeGreaterThan(3);
    expect(await harness.clients.searches.pauseSearch({ name })).toMatchObject({ state: 'SEARCH_STATE_PAUSED', step: 1 });
    expect(await shown()).toEqual([0, 0]);
    for (const round of ['open.1', 'open.3', 'open.4']) held.get(round)!.resolve(undefined);
    await harness.clients.searches.resumeSearch({ name });
    const { steps, final } = await watch(name);
    expect(final).toMatchObject({ state: 'SEARCH_STATE_SUCCEEDED', step: 4, rewards: 16, failedCandidates: 0, droppedTrials: 0 });
    expect(steps.map(({ round }) => round).sort((a, b) => a - b)).toEqual([1, 2, 3, 4]);
  });

  it('refuse what does not go together', async () => {
    const fields = async (spec: wire.SearchSpec): Promise<readonly string[]> => {
      const error: unknown = await create('no', spec).catch((reason: unknown) => reason);
      if (!isDomainError(error)) throw new Error(`not refused: ${String(error)}`);
      return error.violations.map(({ field }) => field);
    };
    expect(await fields(eightSteps({ roundsInFlight: 4, maxStaleness: 2 }))).toEqual(['spec.pipelining.max_staleness']);
    expect(await fields(eightSteps({ roundsInFlight: 4, importanceClip: 0.5 }))).toEqual(['spec.pipelining.importance_clip']);
    expect(await fields(sharedWeightsSpec({}, {}, { pipelining: { roundsInFlight: 2 } }))).toEqual(['spec.pipelining.rounds_in_flight']);
  });
});
