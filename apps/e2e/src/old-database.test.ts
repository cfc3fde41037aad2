/**
 * A database that commit 2dfdfcc wrote, with rows in every table, and that it was killed over: this version opens a copy, finds everything, and goes on with what was
 * under way. What is expected is in fixtures/database, in words of its own: where a contract changes, the calls here change with it and the facts do not.
 */
import { createHash, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { search as searchWire, type evaluation as evaluationWire, type longrunning, type metrics as metricsWire } from '@nat/contracts';
import { schemeFromWire } from '@nat/convert';
import { createEnvironment, parseCheckpoint, PolicyInference } from '@nat/nat';
import { writeGenotype, zooArchitecture } from '@nat/cells';
import { createChannelTo, openClients, statusToDomainError, type ClientChannel, type PlatformClients } from '@nat/service';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NatCommand, ROOT } from './testing/nat.ts';
import { readExpected, readStatements, unpackHome } from './testing/old-database.ts';
import { onTestPostgres } from './testing/postgres.ts';
import { PATIENCE_MS, until } from './testing/processes.ts';
import { succeededOf } from './workers/outcomes.ts';

const dataDirectory = process.env['NAT_DATA_DIR'];
const postgres = process.env['NAT_TEST_POSTGRES'];
const expected = readExpected();
const parent = 'namespaces/default';
const searchName = (id: string): string => `${parent}/searches/${id}`;
const evaluationName = (id: string): string => `${parent}/evaluations/${id}`;
const idOf = (name: string): string => name.slice(name.lastIndexOf('/') + 1);
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const PROCESSES = { NAT_WORKER_NICE: '0' };

/** This version on a copy of the old data. */
interface Opened {
  readonly clients: PlatformClients;
  readonly close: () => Promise<void>;
}

async function openEmbedded(): Promise<Opened> {
  const nat = await NatCommand.create();
  await unpackHome(nat.processes, nat.home);
  const { address } = await nat.up({ env: PROCESSES });
  const channel = createChannelTo(address);
  return {
    clients: openClients(channel),
    close: async () => {
      channel.close();
      await nat.close();
    },
  };
}

/** The same rows in PostgreSQL, under services that are processes of their own. */
async function openPostgres(): Promise<Opened> {
  const nat = await NatCommand.create();
  await unpackHome(nat.processes, nat.home);
  const database = `nat_old_${randomUUID().slice(0, 8)}`;
  await onTestPostgres(`CREATE DATABASE ${database}`);
  const url = new URL(postgres!);
  url.pathname = `/${database}`;
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  await client.query(readStatements());
  await client.end();

  const blobs = { NAT_BLOB_DIR: join(nat.home, 'blobs') };
  const channels: ClientChannel[] = [];
  const startService = async (main: string, env: Readonly<Record<string, string>> = {}): Promise<{ address: string; clients: PlatformClients }> => {
    const started = nat.processes.start(process.execPath, [join(ROOT, 'apps', main)], {
      cwd: ROOT,
      env: { ...PROCESSES, NAT_LOG_LEVEL: 'info', NAT_PORT: '0', NAT_DATABASE_URL: url.href, ...env },
    });
    const { port } = JSON.parse(await started.logLine((line) => line.includes('"msg":"serving"'))) as { port: number };
    const address = `127.0.0.1:${port}`;
    const channel = createChannelTo(address);
    channels.push(channel);
    return { address, clients: openClients(channel) };
  };
  const [registry, metrics, evaluator] = await Promise.all([
    startService('registry/src/main.ts'),
    startService('metrics/src/main.ts'),
    startService('evaluator/src/main.ts', blobs),
  ]);
  const others = { NAT_REGISTRY: registry.address, NAT_EVALUATOR: evaluator.address, NAT_METRICS: metrics.address };
  const policy = await startService('policy/src/main.ts', { ...blobs, ...others });
  nat.processes.start(process.execPath, [join(ROOT, 'apps', 'worker/src/main.ts')], {
    cwd: ROOT,
    // Under the name of the worker that was killed, whose leases it thereby ends.
    env: { ...PROCESSES, ...blobs, NAT_SERVER: evaluator.address, NAT_WORKER_ID: 'local-0' },
  });
  const { evaluations, workers } = evaluator.clients;
  return {
    clients: { ...policy.clients, architectures: registry.clients.architectures, metrics: metrics.clients.metrics, evaluations, workers },
    close: async () => {
      for (const channel of channels) channel.close();
      await nat.close();
      await onTestPostgres(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
    },
  };
}

const PLATFORMS = [
  { kind: 'embedded', open: openEmbedded, needs: { NAT_DATA_DIR: dataDirectory } },
  { kind: 'PostgreSQL', open: openPostgres, needs: { NAT_DATA_DIR: dataDirectory, NAT_TEST_POSTGRES: postgres } },
];

for (const { kind, open, needs } of PLATFORMS) {
  const missing = Object.entries(needs).flatMap(([name, value]) => (value === undefined ? [name] : []));
  describe.skipIf(missing.length > 0)(
    `an old database, ${kind}${missing.length > 0 ? ` (skipped: ${missing.join(', ')} not set)` : ''}`,
    { timeout: 3 * PATIENCE_MS },
    () => {
      let opened: Opened | undefined;
      let clients: PlatformClients;
      beforeAll(async () => {
        opened = await open();
        ({ clients } = opened);
      }, 2 * PATIENCE_MS);
      afterAll(() => opened?.close(), PATIENCE_MS);

      const getSearch = (id: string): Promise<searchWire.Search> => clients.searches.getSearch({ name: searchName(id) });
      const getEvaluation = (id: string) => clients.evaluations.getEvaluation({ name: evaluationName(id) });
      const meanRewardsOf = async (id: string): Promise<readonly number[]> => {
        const rewards: number[] = [];
        for await (const { event } of clients.searches.watchSearch({ name: searchName(id), fromStep: 1 })) {
          if (event?.$case === 'step') rewards.push(event.value.meanReward);
        }
        return rewards;
      };
      const trialsOf = async (id: string, filter = ''): Promise<readonly searchWire.Trial[]> => {
        const trials: searchWire.Trial[] = [];
        for (let pageToken = ''; ;) {
          const page = await clients.searches.listTrials({ parent: searchName(id), pageSize: 1000, filter, pageToken });
          trials.push(...page.trials);
          pageToken = page.nextPageToken;
          if (pageToken === '') return trials;
        }
      };
      /** As an undisturbed one has ended. */
      const expectUndisturbed = async (id: keyof typeof expected.undisturbed): Promise<void> => {
        const { policySha256, rewards, steps, meanRewards } = expected.undisturbed[id];
        await until(`${id} has ended`, async () => (await getSearch(id)).state !== 'SEARCH_STATE_RUNNING');
        expect(await getSearch(id)).toMatchObject({
          error: undefined,
          state: 'SEARCH_STATE_SUCCEEDED',
          step: steps,
          rewards,
          failedCandidates: 0,
          policySha256,
        });
        expect(await meanRewardsOf(id)).toEqual(meanRewards);
      };

      it('has its architectures, with their lineage', async () => {
        for (const { namespace, id, displayName, labels, identity, params, macs, peakActivationBytes, parent: of } of expected.architectures) {
          const architecture = await clients.architectures.getArchitecture({ name: `namespaces/${namespace}/architectures/${id}` });
          expect(architecture).toMatchObject({ displayName, labels, identity, cost: { params, macs, peakActivationBytes } });
          expect(idOf(architecture.parentArchitecture)).toBe(of);
        }
        const { ancestors } = await clients.architectures.getLineage({ name: `${parent}/architectures/grandchild` });
        expect(ancestors.map(({ name }) => idOf(name))).toEqual(expected.lineage);
      });

      it('has its policies, to the byte, and draws the same with them', async () => {
        for (const { namespace, id, encoder, scheme, search, description, defaultVersion, versions } of expected.policies) {
          const name = `namespaces/${namespace}/policies/${id}`;
          const policy = await clients.policies.getPolicy({ name });
          expect(policy).toMatchObject({ encoder: ENCODERS[encoder], scheme: SCHEMES[scheme], description, bundled: false });
          expect(idOf(policy.search)).toBe(search);
          expect(idOf(policy.defaultVersion!.name)).toBe(String(defaultVersion));
          for (const { version, ...rest } of versions) {
            const exported = await clients.policies.exportPolicyVersion({ name: `${name}/versions/${version}` });
            expect(exported.version).toMatchObject(rest);
            expect(sha256(exported.checkpoint)).toBe(rest.sha256);
          }
        }
        // Where a search learned it, which earlier versions said in words alone.
        expect((await clients.policies.getPolicy({ name: `${parent}/policies/finished` })).space).toBe('nasbench201');
        for (const { policy, source, genotype, logProb, ...cost } of expected.transforms) {
          const name = `${parent}/policies/${policy}`;
          // Decided edge by edge, as the version that recorded it did.
          const { checkpoint } = await clients.policies.exportPolicyVersion({ name });
          const [ofPolicy] = name.split('/versions/');
          const scheme = schemeFromWire((await clients.policies.getPolicy({ name: ofPolicy! })).scheme)!;
          const environment = createEnvironment(zooArchitecture(source), { scheme, mode: 'cost-masked' });
          const decided = new PolicyInference(parseCheckpoint(checkpoint)).sample(environment, { mode: 'greedy' });
          expect({ genotype: writeGenotype(decided.result), ...decided.certificate.result }).toMatchObject({ genotype, ...cost });
          expect(decided.logProb).toBeCloseTo(logProb, 9);
          const options = { policy: name, greedy: true };
          const { results } = await clients.transforms.transformArchitecture({ parent, source: { ref: { $case: 'zoo', value: source } }, options });
          expect(results).toMatchObject([{ certificate: { holds: true }, optimal: true }]);
        }
      });

      it('has the searches that had ended, with every step and trial', async () => {
        const ended = expected.searches.filter(({ state }) => state !== 'RUNNING' && state !== 'PAUSED');
        expect(ended.map(({ state }) => state)).toEqual(expect.arrayContaining(['SUCCEEDED', 'FAILED', 'CANCELLED']));
        for (const { id, state, step, steps, evaluator, seed, forkedFrom, error, meanRewards, trials, ...numbers } of ended) {
          const { pairs, failedPairs, rewards, droppedTrials, policySha256, weights, weightRounds } = numbers;
          // Each pair was two candidates.
          const [candidates, failedCandidates] = [2 * pairs, 2 * failedPairs];
          const found = await getSearch(id);
          expect(found).toMatchObject({
            state: `SEARCH_STATE_${state}`,
            step,
            candidates,
            failedCandidates,
            rewards,
            droppedTrials,
            policySha256,
            weights,
            weightRounds,
          });
          expect(found.effectiveSpec).toMatchObject({ learner: { steps }, reward: { kind: { $case: REWARD_KINDS[evaluator]! } }, seed });
          expect(found.error?.message ?? '').toBe(error);
          expect(idOf(found.forkedFrom)).toBe(forkedFrom);
          expect(await meanRewardsOf(id)).toEqual(meanRewards);
          // A search on shared weights ends with a comparison, whose pairs are no trials.
          if (evaluator !== 'shared-weights') expect(await trialsOf(id)).toHaveLength(trials);
          if (weights !== '') expect(sha256(await downloadWeights(clients, weights))).toBe(weights);
        }
        for (const [id, first] of Object.entries(expected.trials)) {
          const found = await trialsOf(id, 'round=1');
          expect(found).toMatchObject(first.map(({ step: round, state, ...trial }) => ({ ...trial, round, state: `TRIAL_STATE_${state}` })));
        }
      });

      it('has its evaluations, with values, observations, weights and checkpoints', async () => {
        for (const { id, state, attempt, observations, reason, values = [] } of expected.named) {
          const evaluation = await getEvaluation(id);
          expect(evaluation).toMatchObject({ state: `EVALUATION_STATE_${state}`, attempt, observationCount: observations });
          const page = await clients.evaluations.listObservations({ parent: evaluationName(id), pageSize: 1000 });
          expect(page.observations).toHaveLength(observations);
          if (values.length === 0) {
            expect(reasonOf(evaluation)).toBe(reason);
            continue;
          }
          const { results } = succeededOf(evaluation);
          const candidates = values.flatMap(candidatesOf);
          expect(results).toMatchObject(candidates.map(({ candidateId, value }) => ({ candidateId, result: { $case: 'value', value } })));
          for (const [i, { report: of }] of candidates.entries()) {
            const { report } = results[i]!;
            expect(report === undefined).toBe(of === undefined);
            if (report === undefined || of === undefined) continue;
            const { end, params, macs, inheritedParams, initialValidationAccuracy, weights, ...numbers } = of;
            expect(report).toMatchObject({ ...numbers, cost: { params, macs }, end: `TRAINING_END_${end}` });
            expect(report.inherited?.params).toBe(inheritedParams);
            expect(report.inherited?.validationAccuracy).toBe(initialValidationAccuracy);
            if (weights !== undefined) expect(sha256(await downloadWeights(clients, report.weights!))).toBe(weights);
          }
        }
      });

      it('has its operations and time series', async () => {
        for (const { name, ...operation } of expected.operations) {
          expectOperation(await clients.operations.getOperation({ name: `${parent}/operations/${name}` }), operation);
        }
        const moving = new Set(expected.searches.filter(({ state }) => state === 'RUNNING').map(({ id }) => id));
        for (const { collection, id, metrics } of expected.metrics) {
          if (moving.has(id)) continue;
          const found = await clients.metrics.getRunSummary({ run: `${parent}/${collection}/${id}` });
          const sorted = found.metrics.map(({ lastTime: _, ...rest }) => rest).sort((one, other) => (one.metric < other.metric ? -1 : 1));
          expect(sorted).toEqual(metrics.map(({ min: minValue, max: maxValue, ...rest }) => ({ ...rest, minValue, maxValue })));
        }
      });

      it('goes on with the searches that were running: each pair counts once, and the policy is that of an undisturbed one', async () => {
        for (const { id, state, step } of expected.searches) if (state === 'RUNNING') expect((await getSearch(id)).step).toBeGreaterThanOrEqual(step);
        await expectUndisturbed('interrupted');
        // One that had not begun starts with a policy of today's format (ADR 21): the same as a search that today begins with the same specification.
        const { rewards } = expected.undisturbed.waiting;
        const { spec } = await getSearch('waiting');
        await clients.searches.createSearch({ parent, searchId: 'waiting-today', spec: spec!, requestId: randomUUID() });
        for (const id of ['waiting', 'waiting-today']) await until(`${id} has ended`, async () => (await getSearch(id)).state !== 'SEARCH_STATE_RUNNING');
        const { policySha256 } = await getSearch('waiting-today');
        const whole = { error: undefined, state: 'SEARCH_STATE_SUCCEEDED', failedCandidates: 0, rewards, policySha256 };
        expect(await getSearch('waiting')).toMatchObject(whole);
        expect(await meanRewardsOf('waiting')).toEqual(await meanRewardsOf('waiting-today'));
        const { steps } = expected.searches.find(({ id }) => id === 'in-flight')!;
        await until('in-flight has ended', async () => (await getSearch('in-flight')).state !== 'SEARCH_STATE_RUNNING');
        const asynchronous = await getSearch('in-flight');
        expect(asynchronous).toMatchObject({ error: undefined, state: 'SEARCH_STATE_SUCCEEDED', step: steps });
        expect(asynchronous.rewards).toBe(steps * asynchronous.effectiveSpec!.learner!.batch!);
        // What is known of the steps goes to the metrics too, those from before and those from after.
        await until('the steps are recorded', async () => {
          const { points } = await queryMetrics(clients, searchName('interrupted'), 'meanReward');
          return points.length === expected.undisturbed.interrupted.steps;
        });
        const { points } = await queryMetrics(clients, searchName('interrupted'), 'meanReward');
        expect(points.map(({ value }) => value)).toEqual(expected.undisturbed.interrupted.meanRewards);
      });

      it('takes up the search that was paused', async () => {
        const { step } = expected.searches.find(({ id }) => id === 'paused')!;
        expect(await getSearch('paused')).toMatchObject({ state: 'SEARCH_STATE_PAUSED', step });
        await clients.searches.resumeSearch({ name: searchName('paused') });
        await expectUndisturbed('paused');
      });

      it('goes on with the operation that was under way', async () => {
        const name = `${parent}/operations/${expected.running.operation}`;
        await until('the operation is done', async () => (await clients.operations.getOperation({ name })).done);
        expectOperation(
          await clients.operations.getOperation({ name }),
          expected.operations.find(({ id }) => id === 'byTable')!,
        );
      });

      it('goes on with the child that was in training, from its checkpoint', async () => {
        await until('the child is trained', async () => (await getEvaluation('training')).state === 'EVALUATION_STATE_SUCCEEDED');
        const evaluation = await getEvaluation('training');
        expect({ attempt: evaluation.attempt, epochs: succeededOf(evaluation).results[0]?.report?.epochs }).toEqual({ attempt: 2, epochs: 16 });
        const { observations } = await clients.evaluations.listObservations({ parent: evaluationName('training'), pageSize: 1000 });
        const epochsOf = (of: number) => observations.filter((one) => one.attempt === of).map(({ step }) => step);
        expect(Math.min(...epochsOf(1))).toBe(1);
        expect(Math.min(...epochsOf(2))).toBeGreaterThan(1);
      });

      it('still has nobody for the evaluation that needs what no worker has', async () => {
        // It is given up after a while: of seconds in the embedded platform, of minutes where workers may still be starting.
        await until('it is known that nobody can run it', async () => {
          const evaluation = await getEvaluation('nobody');
          const { state, queueStatus } = evaluation;
          const waiting = queueStatus === undefined ? undefined : statusToDomainError(queueStatus).reason;
          return (state === 'EVALUATION_STATE_QUEUED' ? waiting : reasonOf(evaluation)) === 'NO_CAPABLE_WORKER';
        });
      });

      it('learns, stores and transforms on it as on a new one', async () => {
        const spec: Parameters<PlatformClients['searches']['createSearch']>[0]['spec'] = {
          sources: { kind: { $case: 'space', value: searchWire.Space.SPACE_NASBENCH201 } },
          reward: { kind: { $case: 'tabular', value: { column: 'c10_valid_200' } } },
          policy: { initialPolicy: 'imported' },
          learner: { steps: 2, batch: 4 },
        };
        const { name } = await clients.searches.createSearch({ parent, searchId: 'new', spec, requestId: randomUUID() });
        await until('it has ended', async () => (await clients.searches.getSearch({ name })).state === 'SEARCH_STATE_SUCCEEDED');
        const source = { ref: { $case: 'architecture' as const, value: `${parent}/architectures/json` } };
        const { results } = await clients.transforms.transformArchitecture({ parent, source, options: { policy: 'new', greedy: true } });
        expect(results[0]?.certificate).toMatchObject({ holds: true });
        const { identity } = await clients.architectures.createArchitecture({
          parent,
          source: { ref: { $case: 'spec', value: results[0]!.spec! } },
          parentArchitecture: `${parent}/architectures/json`,
          requestId: randomUUID(),
        });
        expect(identity).toBe(results[0]!.identity);
      });
    },
  );
}

/** What the contract calls encoders, schemes and kinds of reward. */
const ENCODERS: Readonly<Record<string, string>> = { edge: 'ENCODER_EDGE_GNN', pair: 'ENCODER_GCN' };
const SCHEMES: Readonly<Record<string, string>> = { nat: 'SCHEME_NAT', 'nat++': 'SCHEME_NAT_PLUS_PLUS' };
const REWARD_KINDS: Readonly<Record<string, string>> = { tabular: 'tabular', 'shared-weights': 'sharedWeights', 'from-scratch': 'fromScratch' };

/** Why an evaluation did not succeed. */
function reasonOf({ outcome }: evaluationWire.Evaluation): string | undefined {
  const result = outcome?.result;
  if (result?.$case === 'failed') return statusToDomainError(result.value.error!).reason;
  return result?.$case === 'cancelled' ? result.value.reason : undefined;
}

type StoredValue = NonNullable<(typeof expected.named)[number]['values']>[number];

/** What a stored pair is today: two candidates, numbered as pairs were, or the child of an evaluation without results, which keeps its id. */
function candidatesOf({ pair, source, result, reports }: StoredValue) {
  if (reports.source !== undefined && reports.result === undefined) return [{ candidateId: pair, value: source, report: reports.source }];
  const [, prefix = '', number = ''] = /^(.*\/)(\d+)$/.exec(pair) ?? [];
  return [
    { candidateId: `${prefix}${2 * Number(number)}`, value: source, report: reports.source },
    { candidateId: `${prefix}${2 * Number(number) + 1}`, value: result, report: reports.result },
  ];
}

async function downloadWeights({ evaluations }: PlatformClients, weights: string): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const { data } of evaluations.downloadWeights({ weights })) pieces.push(data);
  return Buffer.concat(pieces);
}

function queryMetrics({ metrics }: PlatformClients, run: string, metric: string): Promise<metricsWire.QueryMetricsResponse> {
  return metrics.queryMetrics({ run, metrics: [metric], pageSize: 1000 });
}

function expectOperation(operation: longrunning.Operation, { error, policyVersion, source, result }: Omit<(typeof expected.operations)[number], 'name'>): void {
  expect(operation.done).toBe(true);
  if (error !== undefined) {
    expect(operation.result).toMatchObject({ $case: 'error', value: { message: error } });
    return;
  }
  const answer = operation.result?.$case === 'response' ? searchWire.DeriveResult.decode(operation.result.value.value) : undefined;
  expect(idOf(answer?.policyVersion ?? '')).toBe(policyVersion);
  const { identity, value, test, ...cost } = result!;
  expect(answer).toMatchObject({ source: { identity: source!.identity }, sourceValue: source!.value, result: { identity, cost }, resultValue: value });
  expect({ source: answer?.sourceTestValue, result: answer?.resultTestValue }).toEqual({ source: source!.test, result: test });
}
