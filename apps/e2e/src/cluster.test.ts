/**
 * The four services and a worker as processes of their own over a real Kafka and a real PostgreSQL: a search there learns the same policy as in the
 * embedded platform, and counts every candidate once, as another reader of the topic can tell.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { writeGenotype, zooArchitecture } from '@nat/cells';
import { evaluation, search as searchWire } from '@nat/contracts';
import { createChannelTo, openClients, type ClientChannel } from '@nat/service';
import { OUTCOME_TOPIC, SEARCH_EVENT_TOPIC } from '@nat/storage';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jsonLines, NatCommand, ROOT, succeeded } from './testing/nat.ts';
import { onTestPostgres } from './testing/postgres.ts';
import { PATIENCE_MS, until, type RunningProcess } from './testing/processes.ts';

const broker = process.env['NAT_TEST_KAFKA'];
const postgres = process.env['NAT_TEST_POSTGRES'];
const dataDirectory = process.env['NAT_DATA_DIR'];
/** Where there is an S3 server, blobs are in a bucket. */
const s3 = process.env['NAT_TEST_S3'];
const missing = Object.entries({ NAT_TEST_KAFKA: broker, NAT_TEST_POSTGRES: postgres, NAT_DATA_DIR: dataDirectory })
  .filter(([, value]) => value === undefined)
  .map(([name]) => name);

const STEPS = 12;
const BATCH = 64;
const SEARCH = ['search', '--space', 'nasbench201', '--evaluator', 'tabular', '--reward', 'c10_valid_200'];
const SIZE = ['--steps', String(STEPS), '--batch', String(BATCH), '--seed', '5', '--json'];

interface SearchJson {
  readonly searchId: string;
  readonly policySha256: string;
  readonly candidates: number;
  readonly rewards: number;
  readonly failedCandidates: number;
  readonly steps: number;
}

/** A service as a process, and where it serves. */
interface Service {
  readonly process: RunningProcess;
  readonly address: string;
}

describe.skipIf(missing.length > 0)(
  `the services as processes${missing.length > 0 ? ` (skipped: ${missing.join(', ')} not set)` : ''}`,
  { timeout: 3 * PATIENCE_MS },
  () => {
    const run = randomUUID().slice(0, 8);
    const prefix = `e2e-${run}.`;
    const database = `nat_e2e_${run}`;
    const kafka = new Kafka({ brokers: [broker ?? ''], clientId: `e2e-${run}`, logLevel: logLevel.NOTHING });
    const channels: ClientChannel[] = [];
    let nat: NatCommand;
    let registry: Service;
    let metrics: Service;
    let evaluator: Service;
    let policy: Service;
    let worker: RunningProcess;

    const clientsOf = ({ address }: Service) => {
      const channel = createChannelTo(address);
      channels.push(channel);
      return openClients(channel);
    };
    const startProcess = (main: string, env: Readonly<Record<string, string | undefined>>): RunningProcess =>
      nat.processes.start(process.execPath, [join(ROOT, 'apps', main)], { cwd: ROOT, env: { NAT_LOG_LEVEL: 'info', ...env } });
    const startService = async (main: string, env: Readonly<Record<string, string | undefined>>): Promise<Service> => {
      const url = new URL(postgres!);
      url.pathname = `/${database}`;
      const started = startProcess(main, { NAT_PORT: '0', NAT_DATABASE_URL: url.href, ...env });
      const { port } = JSON.parse(await started.logLine((line) => line.includes('"msg":"serving"'))) as { port: number };
      return { process: started, address: `127.0.0.1:${port}` };
    };

    beforeAll(async () => {
      nat = await NatCommand.create();
      await onTestPostgres(`CREATE DATABASE ${database}`);
      const blobs = s3 === undefined ? { NAT_BLOB_DIR: nat.freshHome('blobs') } : { NAT_BLOB_URL: s3.replace('?', `/${run}?`) };
      const stream = { NAT_KAFKA_BROKERS: broker, NAT_KAFKA_PREFIX: prefix, ...blobs };
      [registry, metrics, evaluator] = await Promise.all([
        startService('registry/src/main.ts', {}),
        startService('metrics/src/main.ts', {}),
        startService('evaluator/src/main.ts', stream),
      ]);
      worker = startProcess('worker/src/main.ts', { NAT_SERVER: evaluator.address, ...blobs, NAT_WORKER_KINDS: 'tabular' });
      const others = { NAT_REGISTRY: registry.address, NAT_EVALUATOR: evaluator.address, NAT_METRICS: metrics.address };
      policy = await startService('policy/src/main.ts', { ...stream, ...others });
    }, 3 * PATIENCE_MS);
    afterAll(async () => {
      for (const channel of channels) channel.close();
      await nat.close();
      await onTestPostgres(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
      const admin = kafka.admin();
      await admin.connect();
      const topics = (await admin.listTopics()).filter((name) => name.startsWith(prefix));
      await admin.deleteTopics({ topics });
      await admin.disconnect();
    }, PATIENCE_MS);

    /** Every message of a topic up to now, read by a consumer that has nothing of ours but the contract. */
    async function readTopic<Event>(topic: string, decode: (payload: Uint8Array) => Event): Promise<readonly Event[]> {
      const admin = kafka.admin();
      await admin.connect();
      const ends = new Map((await admin.fetchTopicOffsets(topic)).map(({ partition, high }) => [partition, Number(high)]));
      await admin.disconnect();
      const events: Event[] = [];
      const left = new Set([...ends].filter(([, high]) => high > 0).map(([partition]) => partition));
      const consumer = kafka.consumer({ groupId: `${prefix}reader-${randomUUID()}`, maxWaitTimeInMs: 200 });
      await consumer.connect();
      await consumer.subscribe({ topics: [topic], fromBeginning: true });
      await consumer.run({
        eachMessage: ({ partition, message }) => {
          events.push(decode(message.value!));
          if (Number(message.offset) >= ends.get(partition)! - 1) left.delete(partition);
          return Promise.resolve();
        },
      });
      await until('the topic is read', () => left.size === 0);
      await consumer.disconnect();
      return events;
    }

    it('are healthy', async () => {
      for (const service of [registry, metrics, evaluator, policy]) {
        expect(await clientsOf(service).health.check({})).toEqual({ status: 'SERVING' });
      }
    });

    it('transform an architecture that another service has', async () => {
      const genotype = writeGenotype(zooArchitecture('ENAS'));
      const { name, cost } = await clientsOf(registry).architectures.createArchitecture({
        parent: 'namespaces/default',
        source: { ref: { $case: 'genotype', value: genotype }, displayName: 'mine' },
        architectureId: 'mine',
        requestId: randomUUID(),
      });
      const { source, results } = JSON.parse(succeeded(await nat.run(['transform', name, '--policy', 'nat', '--json', '--server', policy.address]))) as {
        source: { genotype: string; cost: unknown };
        results: { cost: { params: number } }[];
      };
      // As JSON has it: without the fields that are not set.
      expect(source).toMatchObject({ genotype, cost: JSON.parse(JSON.stringify(cost)) as unknown });
      expect(results[0]!.cost.params).toBeLessThanOrEqual(cost!.params);
    });

    it('learn the policy of the embedded platform, from outcomes that come through Kafka, each candidate counted once', async () => {
      const lines = jsonLines(succeeded(await nat.run([...SEARCH, ...SIZE, '--server', policy.address]))) as SearchJson[];
      const search = lines.at(-1)!;
      expect(search).toMatchObject({ rewards: STEPS * BATCH, failedCandidates: 0, steps: STEPS });

      const name = `namespaces/default/searches/${search.searchId}`;
      const topic = `${prefix}${OUTCOME_TOPIC.name}`;
      const all = await readTopic(topic, (payload) => evaluation.OutcomeEvent.decode(payload));
      const events = all.filter((event) => event.search === name);
      const results = events.flatMap(({ outcome }) => (outcome?.result?.$case === 'succeeded' ? outcome.result.value.results : []));
      expect(new Set(results.map(({ candidateId }) => candidateId)).size).toBe(search.candidates);
      // Whatever was delivered twice said the same.
      expect(new Set(results.map((result) => JSON.stringify(result))).size).toBe(search.candidates);

      // Kafka's own consumer sees them.
      const consumer = ['console-consumer', '--bootstrap-server', broker!, '--topic', topic, '--from-beginning', '--max-messages', String(all.length)];
      const shownIds = ['--formatter-property', 'print.headers=true', '--formatter-property', 'print.value=false'];
      const { stdout } = await nat.processes.run(process.execPath, ['tools/infra/kafka-tools.mjs', ...consumer, ...shownIds], { cwd: ROOT });
      const ids = new Set([...stdout.matchAll(/nat-id:([^\s,]+)/g)].map(([, id]) => id));
      expect(events.filter((event) => !ids.has(event.evaluation))).toEqual([]);

      // And the policy service has read all of it.
      const admin = kafka.admin();
      await admin.connect();
      await until('the outcomes are acknowledged', async () => {
        const ends = await admin.fetchTopicOffsets(topic);
        const [group] = await admin.fetchOffsets({ groupId: `${prefix}${OUTCOME_TOPIC.groups[0]}.${OUTCOME_TOPIC.name}`, topics: [topic] });
        return ends.every(({ partition, high }) => high === '0' || group?.partitions.find((one) => one.partition === partition)?.offset === high);
      });
      await admin.disconnect();

      // What happened to it is there for others.
      const shown = ({ event }: searchWire.SearchEvent) => (event?.$case === 'step' ? event.value.step : event?.value.state);
      const happened: readonly unknown[] = ['SEARCH_STATE_RUNNING', ...Array.from({ length: STEPS }, (_, i) => i + 1), 'SEARCH_STATE_SUCCEEDED'];
      await until('the events of the search are published', async () => {
        const published = await readTopic(`${prefix}${SEARCH_EVENT_TOPIC.name}`, (payload) => searchWire.SearchEvent.decode(payload));
        const ofSearch = new Set<unknown>(published.filter((event) => event.search === name).map(shown));
        return happened.every((one) => ofSearch.has(one));
      });

      const embedded = jsonLines(succeeded(await nat.run([...SEARCH, ...SIZE], { env: { NAT_HOME: nat.freshHome('embedded') } }))) as SearchJson[];
      expect(search.policySha256).toBe(embedded.at(-1)!.policySha256);

      const { metrics: series } = clientsOf(metrics);
      await until('the metrics service has every step', async () => {
        const { metrics: summaries } = await series.getRunSummary({ run: name });
        return summaries.length > 0 && summaries.every(({ count }) => count === STEPS);
      });
    });

    it('end in order', async () => {
      for (const process of [worker, policy.process, evaluator.process, metrics.process, registry.process]) {
        process.kill('SIGTERM');
        const { code, signal, stderr } = await process.ended;
        expect({ code, signal }, stderr).toEqual({ code: 0, signal: null });
        expect(stderr.split('\n').filter((line) => /"level":[56]0/.test(line))).toEqual([]);
      }
    });
  },
);
