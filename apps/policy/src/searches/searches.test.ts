import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { evaluation as evaluationWire, type longrunning, search as wire } from '@nat/contracts';
import { candidatesOf } from '@nat/convert';
import { isDomainError } from '@nat/base/errors';
import { sha256 } from '@nat/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { appendOutbox, OUTCOME_TOPIC, SEARCH_EVENT_TOPIC } from '@nat/storage';
import { readDeadLetters, testDatabases, type TestDatabase } from '@nat/storage/testing';
import { sql } from 'kysely';
import { accuracyOf, divergedOutcome, failedOutcome, valueOf } from './testing/fake-evaluator.ts';
import { sharedWeightsSpec, tabularSpec } from './testing/specs.ts';
import { HANG_MS } from './testing/hang.ts';
import { startSearchHarness, type SearchHarness } from './testing/search-harness.ts';
import { writeTinyTable } from './testing/tiny-table.ts';

const parent = 'namespaces/default';
const tabular = tabularSpec();
const CELL = '|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|nor_conv_1x1~0|none~1|avg_pool_3x3~2|';

describe.each(testDatabases)('searches over gRPC on $title', { timeout: HANG_MS }, ({ skip, open }) => {
  if (skip) {
    it.skip('needs a server');
    return;
  }
  let folder: string;
  let home: TestDatabase;
  let harness: SearchHarness;
  /** Evaluations that the evaluator keeps silent about, publishes nothing of, or fails. */
  const silent = new Set<string>();
  const unpublished = new Set<string>();
  const failing = new Map<string, string>();
  const diverging = new Set<string>();

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nat-searches-'));
    await writeTinyTable(folder);
    home = await open();
    harness = await startSearchHarness({
      home: join(folder, 'home'),
      database: home.database,
      dataDirectory: folder,
      evaluator: {
        publishes: (id) => !unpublished.has(id),
        outcomeOf: (id, spec) => {
          if (silent.has(id)) return 'silent';
          if (diverging.has(id)) return divergedOutcome(spec);
          return failing.has(id) ? failedOutcome(failing.get(id)!) : undefined;
        },
      },
    });
  }, HANG_MS);
  afterAll(async () => {
    await harness.close();
    await home.dispose();
    await rm(folder, { recursive: true, force: true });
  }, HANG_MS);

  const create = (spec: wire.SearchSpec, more: Partial<wire.CreateSearchRequest> = {}): Promise<wire.Search> =>
    harness.clients.searches.createSearch({ parent, ...more, spec });
  const watch = async (name: string, fromStep = 0): Promise<{ readonly steps: wire.StepSummary[]; readonly final: wire.Search | undefined }> => {
    const steps: wire.StepSummary[] = [];
    let final: wire.Search | undefined;
    for await (const { event } of harness.clients.searches.watchSearch({ name, fromStep })) {
      if (event?.$case === 'step') steps.push(event.value);
      if (event?.$case === 'search') final = event.value;
    }
    return { steps, final };
  };
  /** Four candidates an evaluation, and no greedy partners. */
  const inFours = (learner: object = {}): wire.SearchSpec =>
    tabularSpec({ movingAverage: {}, ...learner }, { reward: { tabular: {}, candidatesPerEvaluation: 4 } });
  const refusal = async (call: Promise<unknown>): Promise<{ readonly kind: string; readonly reason: string; readonly fields: readonly string[] }> => {
    const error: unknown = await call.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (!isDomainError(error)) throw new Error(`not refused: ${String(error)}`);
    return { kind: error.kind, reason: error.reason, fields: error.violations.map(({ field }) => field) };
  };

  /** Trials of the first step that need a candidate of an evaluation. */
  const failedTrials = async (search: string, evaluation: string): Promise<readonly number[]> => {
    const lost = new Set(candidatesOf(harness.evaluator.accepted.get(evaluation)!).map(({ architecture }) => architecture?.ref?.value));
    const { trials } = await harness.clients.searches.listTrials({ parent: `${parent}/searches/${search}`, filter: 'round=1' });
    return trials.flatMap(({ index, source, result }) => (lost.has(source) || lost.has(result) ? [index] : []));
  };

  it('learns, shows every step, registers the policy and sends its metrics', async () => {
    const created = await create(tabular, { searchId: 'first' });
    expect(created).toMatchObject({ name: `${parent}/searches/first`, state: 'SEARCH_STATE_RUNNING', policy: `${parent}/policies/first` });
    expect(created.spec).toEqual(tabular);
    expect(created.effectiveSpec).toMatchObject({
      reward: { kind: { $case: 'tabular', value: { column: 'c10_valid_200' } } },
      policy: { encoder: { $case: 'edgeGnn', value: { hidden: 48, layers: 2 } } },
      learner: { steps: 3, batch: 8, baseline: { $case: 'selfCritical' }, adam: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 } },
      pipelining: { roundsInFlight: 1 },
      preset: 'PRESET_TABULAR',
      seed: 0,
      threads: 1,
    });

    const { steps, final } = await watch(created.name);
    expect(steps.map(({ step, rewards }) => [step, rewards])).toEqual([[1, 8], [2, 8], [3, 8]]); // prettier-ignore
    expect(final).toMatchObject({ state: 'SEARCH_STATE_SUCCEEDED', step: 3, rewards: 24, failedCandidates: 0 });

    const { version, checkpoint } = await harness.clients.policies.exportPolicyVersion({ name: `${parent}/policies/first` });
    expect(version).toMatchObject({ step: 3, sha256: final!.policySha256, sizeBytes: checkpoint.length });
    expect(await harness.clients.policies.getPolicy({ name: final!.policy })).toMatchObject({
      search: created.name,
      encoder: 'ENCODER_EDGE_GNN',
      scheme: 'SCHEME_NAT',
    });
    await expect.poll(() => harness.points.filter(({ run, metric }) => run === created.name && metric === 'meanReward').length, { timeout: HANG_MS }).toBe(3);

    const { rows } = await sql<{ key: string; payload: Uint8Array }>`
      SELECT key, payload FROM storage.outbox WHERE topic = ${SEARCH_EVENT_TOPIC.name} ORDER BY position`.execute(home.database.kysely);
    const events = rows.filter(({ key }) => key === created.name).map(({ payload }) => wire.SearchEvent.decode(payload));
    const shown = ({ event }: wire.SearchEvent) => (event?.$case === 'step' ? event.value.step : event?.value.state);
    expect(events.map(shown)).toEqual(['SEARCH_STATE_RUNNING', 1, 2, 3, 'SEARCH_STATE_SUCCEEDED']);
    expect(events[2]!.event!.value).toEqual(steps[1]);

    // A stream that was lost goes on where it ended.
    expect((await watch(created.name, 3)).steps.map(({ step }) => step)).toEqual([3]);
    // Only the last learner state stays, beside the policy.
    expect((await readdir(join(folder, 'home', 'blobs'), { recursive: true })).filter((file) => /[0-9a-f]{64}$/.test(file))).toHaveLength(2);
  });

  it('gives what was drawn and what it earned, page by page', async () => {
    const name = `${parent}/searches/first`;
    const trials: wire.Trial[] = [];
    for (let pageToken = ''; ;) {
      const page = await harness.clients.searches.listTrials({ parent: name, pageSize: 7, pageToken });
      trials.push(...page.trials);
      pageToken = page.nextPageToken;
      if (pageToken === '') break;
    }
    expect(trials.map((trial) => trial.name)).toEqual([1, 2, 3].flatMap((round) => Array.from({ length: 8 }, (_, i) => `${name}/trials/${round}-${i}`)));
    for (const { source, result, reward, state, logProb } of trials) {
      expect({ state, reward }).toEqual({ state: 'TRIAL_STATE_COUNTED', reward: valueOf(result) - valueOf(source) });
      expect(logProb).toBeLessThan(0);
    }
    expect((await harness.clients.searches.listTrials({ parent: name, filter: 'round=2' })).trials).toHaveLength(8);
    expect(await refusal(harness.clients.searches.listTrials({ parent: name, filter: 'reward=2' }))).toMatchObject({ reason: 'INVALID_FILTER' });
  });

  it('creates one search for one request id, and none for a bad spec', async () => {
    const request = { parent, spec: tabularSpec({ steps: 1 }), requestId: 'r1' };
    const [a, b] = await Promise.all([harness.clients.searches.createSearch(request), harness.clients.searches.createSearch(request)]);
    expect(b.name).toBe(a.name);
    expect(await refusal(harness.clients.searches.createSearch({ ...request, spec: tabular }))).toMatchObject({
      reason: 'REQUEST_ID_REUSED',
    });
    await watch(a.name);

    const zoo = (name: string) => ({ sources: { zoo: name } });
    expect(await refusal(create(tabularSpec({}, zoo('nowhere'))))).toMatchObject({ kind: 'INVALID_ARGUMENT', fields: ['spec.sources.zoo'] });
    expect(await refusal(create(tabularSpec({}, zoo('DARTS'))))).toMatchObject({ kind: 'INVALID_ARGUMENT', fields: ['spec.reward.tabular'] });
    expect(await refusal(create(tabularSpec({}, { sources: {} })))).toMatchObject({ kind: 'INVALID_ARGUMENT', fields: ['spec.sources.kind'] });
    expect(await refusal(create(tabularSpec({}, { reward: { tabular: { column: 'test_accuracy' } } })))).toMatchObject({ reason: 'UNKNOWN_COLUMN' });
    expect(await refusal(create(tabularSpec({}, { reward: { sharedWeights: {} } })))).toMatchObject({ fields: ['spec.reward.shared_weights'] });
    expect(await refusal(create(tabularSpec({ steps: undefined }, { preset: 'PRESET_NAT' })))).toMatchObject({ fields: ['spec.learner.steps'] });
    expect(await refusal(create(tabularSpec({ batch: 70_000 })))).toMatchObject({ kind: 'INVALID_ARGUMENT', fields: ['spec.learner.batch'] });
    expect(await refusal(create(tabularSpec({ steps: 0 })))).toMatchObject({ kind: 'INVALID_ARGUMENT', fields: ['spec.learner.steps'] });
    expect(await refusal(create(tabular, { searchId: 'first' }))).toMatchObject({ kind: 'ALREADY_EXISTS', reason: 'SEARCH_EXISTS' });
    const { searches } = await harness.clients.searches.listSearches({ parent });
    expect(searches.map(({ searchId }) => searchId)).toEqual([a.searchId, 'first']);
    const darts = wire.SearchSpec.fromJSON({ sources: { space: 'SPACE_DARTS' }, reward: { sharedWeights: {} }, learner: { steps: 1, batch: 1 } });
    const preview = await create(darts, { validateOnly: true });
    expect(preview.spec).toEqual(darts);
    expect(preview.effectiveSpec).toMatchObject({
      preset: 'PRESET_NAT',
      actions: { scheme: 'SCHEME_NAT', placement: { network: 'NETWORK_SUPERNET', channels: 20, layers: 8 } },
      reward: {
        kind: {
          value: {
            dataset: 'mnist',
            split: 'SEARCH_SPLIT_SET_ASIDE',
            scoreBatches: 1,
            weightTraining: { learningRate: 0.01, momentum: 0.9, weightDecay: 3e-4, clipNorm: 5 },
          },
        },
      },
    });
    for (const space of ['SPACE_RESBLOCK', 'SPACE_VGG', 'SPACE_MOBILENETV2']) {
      const around = sharedWeightsSpec({}, { steps: 1, batch: 1 }, { sources: { space }, policy: { gcn: {} } });
      expect((await create(around, { validateOnly: true })).effectiveSpec!.policy!.encoder).toMatchObject({ $case: 'gcn', value: { features: 1024 } });
    }
  });

  it('counts once what is delivered twice, and finds what is not delivered', async () => {
    unpublished.add('lossy.2.0');
    const created = await create(tabular, { searchId: 'lossy' });
    const { final } = await watch(created.name);
    expect(final).toMatchObject({ state: 'SEARCH_STATE_SUCCEEDED', rewards: 24 });
    await harness.evaluator.publishAgain('lossy.1.0');
    const again = await create(tabularSpec({ steps: 1 }), { searchId: 'after' });
    await watch(again.name);
    expect(await harness.clients.searches.getSearch({ name: created.name })).toMatchObject({ rewards: 24, failedCandidates: 0 });
  });

  it('sets aside messages that are no outcomes, and goes on with those that are', async () => {
    const encode = (event: Partial<evaluationWire.OutcomeEvent>) => evaluationWire.OutcomeEvent.encode(evaluationWire.OutcomeEvent.create(event)).finish();
    const messages = {
      'no-name': encode({ state: 'EVALUATION_STATE_SUCCEEDED' }),
      'no-end': encode({ evaluation: 'namespaces/default/evaluations/x', state: 'EVALUATION_STATE_LEASED' }),
      'no-text': encode({ evaluation: 'namespaces/default/evaluations/\0', state: 'EVALUATION_STATE_FAILED' }),
      'no-message': new Uint8Array([0xff]),
    };
    await home.database.transaction(
      (tx) =>
      appendOutbox(tx, Object.entries(messages).map(([id, payload]) => ({ topic: OUTCOME_TOPIC.name, key: 'k', id, payload }))), // prettier-ignore
    );
    failing.set('nul.1.0', 'NUL_\0');
    const search = await create(inFours({ steps: 2 }), { searchId: 'nul' });
    const { rewards } = (await watch(search.name)).final!;
    const without = await failedTrials('nul', 'nul.1.0');
    expect(without.length).toBeGreaterThan(0);
    expect(rewards).toBe(16 - without.length);
    const { trials } = await harness.clients.searches.listTrials({ parent: search.name, filter: 'round=1' });
    expect(trials[0]!.error!.message).toBe('NUL_ happened');
    const reasons = Object.fromEntries((await readDeadLetters(home.database, OUTCOME_TOPIC.name)).map(({ id, reason }) => [id, reason]));
    expect(reasons).toEqual({
      'no-name': 'the event names no evaluation',
      'no-end': 'namespaces/default/evaluations/x is EVALUATION_STATE_LEASED, which is no end',
      'no-text': expect.stringContaining('the outcome cannot be stored') as unknown,
      'no-message': expect.any(String) as unknown,
    });
  });

  it('leaves failed trials out with their reason, and fails where nothing is left', async () => {
    failing.set('part.1.4', 'NO_LUCK');
    const part = await create(inFours(), { searchId: 'part' });
    const { final } = await watch(part.name);
    const failed = await failedTrials('part', 'part.1.4');
    expect(final).toMatchObject({ state: 'SEARCH_STATE_SUCCEEDED', rewards: 24 - failed.length, failedCandidates: 4 });
    const { trials } = await harness.clients.searches.listTrials({ parent: part.name, filter: 'round=1' });
    expect(failed.length).toBeGreaterThan(0);
    expect(trials.flatMap(({ state, index }) => (state === 'TRIAL_STATE_COUNTED' ? [] : [index]))).toEqual(failed);
    for (const index of failed) expect(trials[index]!.error!.message).toBe('NO_LUCK happened');

    failing.set('lost.1.0', 'NO_TABLE');
    const lost = await create(tabular, { searchId: 'lost' });
    expect((await watch(lost.name)).final).toMatchObject({
      state: 'SEARCH_STATE_FAILED',
      error: { message: expect.stringContaining('NO_TABLE') as unknown },
    });
  });

  it('counts what cannot be trained as worth what guessing is', async () => {
    diverging.add('lost-loss.1.0');
    const { name } = await create(tabularSpec({ steps: 1, movingAverage: {} }), { searchId: 'lost-loss' });
    expect((await watch(name)).final).toMatchObject({ state: 'SEARCH_STATE_SUCCEEDED', rewards: 8, failedCandidates: 0 });
    const { trials } = await harness.clients.searches.listTrials({ parent: name });
    for (const { state, reward } of trials) expect({ state, reward }).toEqual({ state: 'TRIAL_STATE_COUNTED', reward: 0 });
  });

  it('pauses, resumes and is cancelled', async () => {
    silent.add('held.2.0');
    const { name } = await create(tabular, { searchId: 'held' });
    await expect.poll(() => harness.evaluator.accepted.has('held.2.0'), { timeout: HANG_MS }).toBe(true);
    const running = await harness.clients.searches.getSearch({ name });
    expect(await refusal(harness.clients.searches.pauseSearch({ name, etag: '"old"' }))).toMatchObject({ reason: 'ETAG_MISMATCH' });
    expect(await harness.clients.searches.pauseSearch({ name, etag: running.etag })).toMatchObject({ state: 'SEARCH_STATE_PAUSED', step: 1 });
    expect((await harness.clients.searches.listSearches({ parent, filter: 'state="PAUSED"' })).searches.map((search) => search.name)).toEqual([name]);
    expect(await harness.clients.searches.resumeSearch({ name })).toMatchObject({ state: 'SEARCH_STATE_RUNNING' });
    expect(await harness.clients.searches.cancelSearch({ name })).toMatchObject({ state: 'SEARCH_STATE_CANCELLED' });
    expect(harness.evaluator.cancelled).toContain(name);
    expect((await watch(name)).final).toMatchObject({ state: 'SEARCH_STATE_CANCELLED', step: 1 });
    expect(await refusal(harness.clients.searches.resumeSearch({ name }))).toMatchObject({ kind: 'FAILED_PRECONDITION', reason: 'SEARCH_STATE' });
  });

  it('forks from what a search has learned', async () => {
    const fork = await harness.clients.searches.forkSearch({ name: `${parent}/searches/first`, searchId: 'fork', steps: 2, seed: 7, requestId: 'f' });
    expect(fork).toMatchObject({ forkedFrom: `${parent}/searches/first`, step: 0, spec: { learner: { steps: 2 }, seed: 7 } });
    const { final } = await watch(fork.name);
    expect(final).toMatchObject({ state: 'SEARCH_STATE_SUCCEEDED', rewards: 16 });
    expect(final!.policySha256).not.toBe((await harness.clients.searches.getSearch({ name: `${parent}/searches/first` })).policySha256);
    // The policy of a search can also be named.
    const from = await create(tabularSpec({ steps: 1 }, { policy: { initialPolicy: 'first' } }));
    expect(from.spec!.policy!.initialPolicy).toBe('first');
    expect(from.effectiveSpec!.policy!.initialPolicy).toBe(`${parent}/policies/first/versions/1`);
    expect((await watch(from.name)).final).toMatchObject({ state: 'SEARCH_STATE_SUCCEEDED' });
  });

  it('derives the best of several candidates in an operation', async () => {
    const source = { ref: { $case: 'nasbench201' as const, value: CELL } };
    const request = { parent, source, policy: 'first', samples: 12, evaluator: { $case: 'tabular' as const, value: {} }, requestId: 'd' };
    const operation = await harness.clients.searches.deriveArchitecture(request);
    expect((await harness.clients.searches.deriveArchitecture(request)).name).toBe(operation.name);
    const done = await harness.clients.operations.waitOperation({ name: operation.name, timeout: { seconds: 60, nanos: 0 } });
    const result = resultOf(done);
    expect(result.sourceValue).toBe(valueOf(CELL));
    expect(result.resultValue).toBeGreaterThan(result.sourceValue);
    expect(result.result!.certificate!.holds).toBe(true);
    const { candidates, evaluated } = wire.DeriveMetadata.decode(done.metadata!.value);
    expect(candidates).toBeGreaterThan(1);
    expect(evaluated).toBe(candidates + 1);

    expect((await harness.clients.operations.listOperations({ name: parent, filter: 'done=true' })).operations.map(({ name }) => name)).toEqual([
      operation.name,
    ]);
    await harness.clients.operations.deleteOperation({ name: operation.name });
    expect(await refusal(harness.clients.operations.getOperation({ name: operation.name }))).toMatchObject({ kind: 'NOT_FOUND' });
    expect(
      await refusal(harness.clients.searches.deriveArchitecture({ ...request, requestId: '', source: { ref: { $case: 'zoo', value: 'DARTS' } } })),
    ).toMatchObject({
      fields: ['tabular'],
    });
  });

  it('alternates between shared weights in shards and policy, compares policies at the end, and streams all of it', async () => {
    const spec = sharedWeightsSpec(
      { epochs: 3, policyStartEpoch: 1, policyStepsPerEpoch: 2, weightTraining: { stepsPerEpoch: 12, stepsPerRound: 6 } },
      {},
      { heldOutComparison: { sources: 8 } },
    );
    const created = await create(spec, { searchId: 'shared' });
    const { steps, final } = await watch(created.name);
    expect(steps.map(({ step, epoch, weightRounds }) => [step, epoch, weightRounds])).toEqual([[1, 2, 4], [2, 2, 0], [3, 3, 2], [4, 3, 0]]); // prettier-ignore
    expect(steps[0]).toMatchObject({ trainLoss: 1.9375, trainAccuracy: 0.25 });
    expect(steps[1]!.trainLoss).toBeUndefined();
    for (const { sourceAccuracy, resultAccuracy, evaluations } of steps) {
      expect(sourceAccuracy).toBeGreaterThan(0.5);
      expect(resultAccuracy).toBeGreaterThan(0.1);
      expect(evaluations).toBeGreaterThan(0);
    }
    expect(final).toMatchObject({ state: 'SEARCH_STATE_SUCCEEDED', step: 4, rewards: 16, weightRounds: 6 });
    expect(final!.effectiveSpec!.reward!.kind!.value).toMatchObject({ split: 'SEARCH_SPLIT_SET_ASIDE' });
    const { heldOut } = final!;
    expect(heldOut).toMatchObject({ sources: 8, images: 2_000 });
    expect(heldOut!.difference!.mean).toBeCloseTo(heldOut!.trainedAccuracy - heldOut!.untrainedAccuracy, 12);
    expect(heldOut!.difference!.low).toBeLessThan(heldOut!.difference!.mean);

    // Of all weights that were written, the last ones stay.
    const written = [...harness.evaluator.accepted].filter(
      ([id, { kind }]) => id.startsWith('shared.') && kind !== undefined && kind.$case !== 'sharedWeights',
    );
    expect(written).toHaveLength(18);
    const kept = await Promise.all(written.map(async ([, spec]) => harness.blobs.has(sha256(evaluationWire.EvaluationSpec.encode(spec).finish()))));
    expect(kept.filter((there) => there)).toHaveLength(1);
    expect(await harness.blobs.has(final!.weights)).toBe(true);

    // The comparison is no step: its transforms are no trials.
    const { trials } = await harness.clients.searches.listTrials({ parent: created.name, pageSize: 1000 });
    expect(Math.max(...trials.map(({ round }) => round))).toBe(4);
    // Shards of a round start from the same weights; the next round starts from their average.
    const startOf = (id: string): string | undefined => {
      const kind = harness.evaluator.accepted.get(`shared.${id}`)?.kind;
      if (kind?.$case !== 'trainShard') throw new Error(`no shard ${id}`);
      return kind.value.weights;
    };
    expect(startOf('1.weights-0-0')).toBeUndefined();
    expect(startOf('1.weights-1-1')).toBe(startOf('1.weights-1-0'));
    expect(startOf('3.weights-4-0')).not.toBe(startOf('1.weights-3-0'));
    expect(harness.evaluator.accepted.get('shared.5.0')?.kind).toMatchObject({ value: { images: { $case: 'selectionImages', value: { count: 2_000 } } } });

    const metrics = ['epoch', 'evaluations', 'meanReward', 'entropy', 'baseline', 'sourceAccuracy', 'resultAccuracy', 'trainLoss', 'trainAccuracy'];
    const pointsOf = (metric: string): number => harness.points.filter((point) => point.run === created.name && point.metric === metric).length;
    await expect.poll(() => metrics.map(pointsOf), { timeout: HANG_MS }).toEqual([4, 4, 4, 4, 4, 4, 4, 2, 2]);
  });

  it('forks with shared weights, and leaves them to the search that they come from', async () => {
    const { name, weights } = await harness.clients.searches.getSearch({ name: `${parent}/searches/shared` });
    const fork = await harness.clients.searches.forkSearch({ name, searchId: 'shared-fork', steps: 1 });
    expect(fork.weights).toBe(weights);
    const { final } = await watch(fork.name);
    expect(final).toMatchObject({ state: 'SEARCH_STATE_SUCCEEDED', weightRounds: 2 });
    expect(final!.weights).not.toBe(weights);
    expect(await harness.blobs.has(weights)).toBe(true);
    // Another seed is another supernet.
    expect((await harness.clients.searches.forkSearch({ name, searchId: 'shared-other', steps: 1, seed: 5 })).weights).toBe('');
    await harness.clients.searches.cancelSearch({ name: `${parent}/searches/shared-other` });
  });

  it('derives on shared weights: chooses by images set aside, then tests once', async () => {
    const source = { ref: { $case: 'zoo' as const, value: 'ResBlock' } };
    const request = { parent, source, samples: 6, evaluator: { $case: 'sharedWeights' as const, value: { search: `${parent}/searches/shared` } } };
    const operation = await harness.clients.searches.deriveArchitecture(request);
    const result = resultOf(await harness.clients.operations.waitOperation({ name: operation.name, timeout: { seconds: 60, nanos: 0 } }));
    expect(result.policyVersion).toBe(`${parent}/policies/shared/versions/1`);
    expect(result.result!.certificate!.holds).toBe(true);
    const id = `operation.${operation.name.slice(operation.name.lastIndexOf('/') + 1)}`;
    const asked = [...harness.evaluator.accepted].filter(([name]) => name.startsWith(id)).map(([, { kind }]) => kind);
    const images = asked.map((kind) => (kind?.$case === 'sharedWeights' ? kind.value.images?.$case : undefined));
    expect(images.slice(0, -1).every((one) => one === 'selectionImages')).toBe(true);
    expect(images.at(-1)).toBe('testImages');
    // The best of the candidates on the images set aside, by what the evaluator said of each.
    const values = asked.slice(1, -1).map((kind) => {
      if (kind?.$case !== 'sharedWeights') throw new Error('another kind');
      return accuracyOf(kind.value, kind.value.candidates[0]!);
    });
    expect(result.resultValue).toBe(Math.max(...values));
    expect(result.resultTestValue).toBeGreaterThan(0);
    expect(result.sourceTestValue).toBeGreaterThan(0);

    const on = (search: string) => harness.clients.searches.deriveArchitecture({ ...request, evaluator: { $case: 'sharedWeights', value: { search } } });
    expect(await refusal(on(''))).toMatchObject({ fields: ['shared_weights.search'] });
    expect(await refusal(on(`${parent}/searches/first`))).toMatchObject({ reason: 'NO_WEIGHTS' });
  });

  it('deletes searches that have ended, and says so to whoever asks for them; what they learned stays', async () => {
    const { searches, policies, operations } = harness.clients;
    const name = `${parent}/searches/shared`;
    silent.add('running.1.0');
    const running = await create(tabular, { searchId: 'running' });
    expect(await refusal(searches.deleteSearch({ name: running.name }))).toMatchObject({ kind: 'FAILED_PRECONDITION', reason: 'SEARCH_NOT_ENDED' });
    await searches.cancelSearch({ name: running.name });

    // An operation that has not ended needs the weights.
    const derive = { $case: 'sharedWeights' as const, value: { search: name } };
    await sql`UPDATE policy.operation SET done = false, owner = 'nobody', lease_expires_at = clock_timestamp() + interval '1 hour'
      WHERE request LIKE ${Buffer.from('%searches/shared%')}`.execute(home.database.kysely);
    const open = (await operations.listOperations({ name: parent, filter: 'done=false' })).operations.map((operation) => operation.name);
    expect(open).toHaveLength(1);
    expect(await refusal(searches.deleteSearch({ name }))).toMatchObject({ kind: 'FAILED_PRECONDITION', reason: 'SEARCH_IN_USE' });
    await operations.cancelOperation({ name: open[0]! });

    const { etag, weights } = await searches.getSearch({ name });
    expect(await refusal(searches.deleteSearch({ name, etag: '"old"' }))).toMatchObject({ reason: 'ETAG_MISMATCH' });
    await searches.deleteSearch({ name, etag });
    for (const call of [
      () => searches.getSearch({ name }),
      () => searches.deleteSearch({ name }),
      () => searches.listTrials({ parent: name }),
      () => searches.forkSearch({ name, steps: 1 }),
      () => watch(name),
      () => searches.deriveArchitecture({ parent, source: { ref: { $case: 'zoo', value: 'ResBlock' } }, evaluator: derive }),
    ])
      expect(await refusal(call())).toMatchObject({ kind: 'NOT_FOUND', reason: 'SEARCH_DELETED' });
    await searches.deleteSearch({ name, allowMissing: true });
    await searches.deleteSearch({ name: `${parent}/searches/nobody`, allowMissing: true });
    expect((await searches.listSearches({ parent, pageSize: 100 })).searches.map((search) => search.name)).not.toContain(name);
    // Evaluations are named by the search: another one of the same name would be given its answers.
    expect(await refusal(create(tabular, { searchId: 'shared' }))).toMatchObject({ kind: 'ALREADY_EXISTS', reason: 'SEARCH_EXISTS' });

    expect(await policies.getPolicy({ name: `${parent}/policies/shared` })).toMatchObject({ search: name });
    expect((await policies.exportPolicyVersion({ name: `${parent}/policies/shared` })).checkpoint.length).toBeGreaterThan(0);
    const fork = await searches.getSearch({ name: `${parent}/searches/shared-fork` });
    expect(fork).toMatchObject({ forkedFrom: name, state: 'SEARCH_STATE_SUCCEEDED' });
    expect(weights).not.toBe('');
  });
});

function resultOf({ done, result }: longrunning.Operation): wire.DeriveResult {
  if (!done || result?.$case !== 'response') throw new Error(`the operation has no response: ${JSON.stringify(result)}`);
  return wire.DeriveResult.decode(result.value.value);
}
