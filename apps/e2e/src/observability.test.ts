/**
 * The platform as processes over a real Kafka and a real PostgreSQL, looked at from outside: every process is scraped by a real Prometheus, with rules
 * that fit what it shows, and sends its spans to a real OpenTelemetry collector.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../../tools/infra/daemon.mjs';
import { readSpans, startCollector, type CollectedSpan } from './testing/collector.ts';
import { jsonLines, NatCommand, ROOT, succeeded } from './testing/nat.ts';
import { onTestPostgres } from './testing/postgres.ts';
import { PATIENCE_MS, until, type RunningProcess } from './testing/processes.ts';

const {
  NAT_TEST_KAFKA: broker,
  NAT_TEST_POSTGRES: postgres,
  NAT_TEST_PROMETHEUS: prometheus,
  NAT_TEST_COLLECTOR: collector,
  NAT_DATA_DIR: dataDirectory,
} = process.env;
const RULES = join(ROOT, 'deploy/prometheus/rules.yaml');

describe.skipIf(prometheus === undefined)(`the rules of Prometheus${prometheus === undefined ? ' (skipped: NAT_TEST_PROMETHEUS not set)' : ''}`, () => {
  it.each([
    ['check', 'rules', RULES],
    ['test', 'rules', join(ROOT, 'deploy/prometheus/rules.test.yaml')],
  ])(
    'pass promtool %s %s',
    async (...args) => {
      const nat = await NatCommand.create();
      try {
        const { code, stdout, stderr } = await nat.processes.run(join(prometheus!, 'promtool'), args);
        expect(code, stdout + stderr).toBe(0);
        expect(stdout).toContain('SUCCESS');
      } finally {
        await nat.close();
      }
    },
    PATIENCE_MS,
  );
});

const missing = Object.entries({ NAT_TEST_KAFKA: broker, NAT_TEST_POSTGRES: postgres, NAT_DATA_DIR: dataDirectory })
  .filter(([, value]) => value === undefined)
  .map(([name]) => name);

const SEARCH = ['search', '--space', 'nasbench201', '--evaluator', 'tabular', '--reward', 'c10_valid_200', '--steps', '2', '--batch', '8', '--json'];

type Job = 'registry' | 'metrics' | 'evaluator' | 'policy' | 'gateway' | 'worker';

describe.skipIf(missing.length > 0)(
  `the services under observation${missing.length > 0 ? ` (skipped: ${missing.join(', ')} not set)` : ''}`,
  { timeout: 2 * PATIENCE_MS },
  () => {
    const run = randomUUID().slice(0, 8);
    const database = `nat_observed_${run}`;
    const started: RunningProcess[] = [];
    /** HOST:PORT of /metrics. */
    const targets: Partial<Record<Job, string>> = {};
    let nat: NatCommand;
    let spans: RunningProcess | undefined;
    let gateway: string;
    /** Variables that say where spans go. */
    let tracing: Readonly<Record<string, string>> = {};

    /** Starts a process, and gives its gRPC address where it serves one. */
    async function start(job: Job, main: string, env: Readonly<Record<string, string | undefined>>): Promise<string> {
      const url = new URL(postgres!);
      url.pathname = `/${database}`;
      const common = {
        ...tracing,
        NAT_LOG_LEVEL: 'info',
        NAT_PORT: '0',
        NAT_METRICS_PORT: '0',
        NAT_DATABASE_URL: url.href,
        NAT_BLOB_DIR: nat.freshHome('blobs'),
      };
      const running = nat.processes.start(process.execPath, [join(ROOT, 'apps', main)], { cwd: ROOT, env: { ...common, ...env } });
      started.push(running);
      const portOf = async (message: string): Promise<number> =>
        (JSON.parse(await running.logLine((line) => line.includes(`"msg":"${message}"`))) as { port: number }).port;
      targets[job] = `127.0.0.1:${await portOf('serving HTTP')}`;
      return job === 'worker' ? '' : `127.0.0.1:${await portOf('serving')}`;
    }

    beforeAll(async () => {
      nat = await NatCommand.create();
      await onTestPostgres(`CREATE DATABASE ${database}`);
      if (collector !== undefined) {
        const started = await startCollector(collector, nat, await freePort());
        spans = started.process;
        tracing = { OTEL_EXPORTER_OTLP_ENDPOINT: started.endpoint, OTEL_BSP_SCHEDULE_DELAY: '200' };
      }
      const stream = { NAT_KAFKA_BROKERS: broker, NAT_KAFKA_PREFIX: `observed-${run}.` };
      const [registry, metrics, evaluator] = await Promise.all([
        start('registry', 'registry/src/main.ts', {}),
        start('metrics', 'metrics/src/main.ts', {}),
        start('evaluator', 'evaluator/src/main.ts', stream),
      ]);
      const others = { NAT_REGISTRY: registry, NAT_METRICS: metrics, NAT_EVALUATOR: evaluator };
      const [policy] = await Promise.all([
        start('policy', 'policy/src/main.ts', { ...stream, ...others }),
        start('worker', 'worker/src/main.ts', { NAT_SERVER: evaluator, NAT_WORKER_KINDS: 'tabular' }),
      ]);
      gateway = await start('gateway', 'gateway/src/main.ts', { ...others, NAT_POLICY: policy });
      const ended = await nat.run([...SEARCH, '--server', gateway]);
      const alarming = started.flatMap((one) =>
        one
          .stderr()
          .split('\n')
          .filter((line) => /"level":[56]0/.test(line)),
      );
      expect(alarming).toEqual([]);
      const lines = jsonLines(succeeded(ended)) as { policySha256?: string }[];
      expect(lines.at(-1)!.policySha256).toMatch(/^[0-9a-f]{64}$/);
    }, 2 * PATIENCE_MS);
    afterAll(async () => {
      await nat.close();
      await onTestPostgres(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
    }, PATIENCE_MS);

    it('show what the rules of Prometheus read, and what every process measures of itself', async () => {
      const texts = await Promise.all(
        Object.entries(targets).map(async ([job, target]) => [job, await (await fetch(`http://${target}/metrics`)).text()] as const),
      );
      for (const [job, text] of texts) {
        expect(text, job).toContain('nodejs_eventloop_lag_p99_seconds');
        expect(text, job).toContain('process_resident_memory_bytes');
        if (job !== 'worker') expect(text, job).toMatch(/# TYPE grpc_server_handling_seconds histogram/);
        if (['worker', 'policy', 'gateway'].includes(job)) expect(text, job).toMatch(/grpc_client_handled_total\{.*grpc_code="OK"\} \d/);
      }
      const all = texts.map(([, text]) => text).join('\n');
      const read = new Set(readFileSync(RULES, 'utf8').match(/(?<![:\w])(nat|grpc_server|grpc_client)_[a-z_]+/g));
      const shown = new Set([...all.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
      const withoutSuffix = (name: string) => name.replace(/_(bucket|count|sum)$/, '');
      expect([...read].filter((name) => !shown.has(withoutSuffix(name)) && !shown.has(name))).toEqual([]);
      expect(all).toMatch(/grpc_server_handled_total\{grpc_service="nat\.search\.v1\.SearchService",grpc_method="CreateSearch",grpc_code="OK"\} 1/);
      expect(all).toMatch(/grpc_server_handling_seconds_count\{grpc_service="nat\.evaluation\.v1\.WorkerService",grpc_method="CompleteEvaluations"\} [1-9]/);
      expect(all).toMatch(/nat_searches\{state="SUCCEEDED"\} 1/);
      expect(all).toMatch(/nat_learner_lag_seconds 0\n/);
    });

    it.skipIf(prometheus === undefined)('are scraped by a real Prometheus, which evaluates the rules', async () => {
      const folder = nat.freshHome('prometheus');
      await mkdir(folder, { recursive: true });
      const config = join(folder, 'prometheus.yml');
      const jobs = Object.entries(targets).map(([job, target]) => ({ job_name: job, static_configs: [{ targets: [target], labels: { namespace: 'nat' } }] }));
      // JSON is YAML.
      writeFileSync(config, JSON.stringify({ global: { scrape_interval: '1s', evaluation_interval: '1s' }, rule_files: [RULES], scrape_configs: jobs }));
      const port = await freePort();
      const args = [`--config.file=${config}`, `--storage.tsdb.path=${join(folder, 'data')}`, `--web.listen-address=127.0.0.1:${port}`];
      const server = nat.processes.start(join(prometheus!, 'prometheus'), [...args, '--web.console.templates=', '--web.console.libraries=']);
      void server.ended;
      const query = async (expression: string): Promise<{ metric: Record<string, string>; value: [number, string] }[]> => {
        const response = await fetch(`http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(expression)}`).catch(() => undefined);
        if (response?.ok !== true) return [];
        return ((await response.json()) as { data: { result: { metric: Record<string, string>; value: [number, string] }[] } }).data.result;
      };
      await until('every process is up', async () => (await query('up == 1')).length === Object.keys(targets).length);
      await until('the rules are evaluated', async () => (await query('nat:evaluation_run_seconds:p95')).length > 0);
      expect(await query('sum(grpc_server_handled_total{job="gateway",grpc_method="CreateSearch",grpc_code="OK"})')).toMatchObject([
        { value: [expect.any(Number), '1'] },
      ]);
      expect(await query('ALERTS{alertstate="firing"}')).toEqual([]);
      const rules = (await (await fetch(`http://127.0.0.1:${port}/api/v1/rules`)).json()) as {
        data: { groups: { rules: { health: string; lastError?: string }[] }[] };
      };
      const evaluated = rules.data.groups.flatMap((group) => group.rules);
      expect(evaluated.length).toBeGreaterThan(8);
      expect(evaluated.filter(({ health }) => health === 'err')).toEqual([]);
      server.kill('SIGTERM');
      await server.ended;
    });

    it.skipIf(collector === undefined)('send their spans to a real collector: every trial is in the trace of the call that asked for the search', async () => {
      const all = () => readSpans(spans!.stdout());
      /** A span and those above it, up to where its trace begins. */
      const wayTo = (leaf: CollectedSpan): readonly string[] => {
        const collected = all();
        const way: string[] = [];
        for (let span: CollectedSpan | undefined = leaf; span !== undefined;) {
          const { service, kind, name, traceId, parentId }: CollectedSpan = span;
          way.unshift(`${service} ${kind} ${name.slice(name.search(/[^/]+$/)).replace(`observed-${run}.`, '')}`);
          span = collected.find((one) => one.id === parentId && one.traceId === traceId);
        }
        return way;
      };
      const ASKED = ['nat Client CreateSearch', 'gateway Server CreateSearch', 'gateway Client CreateSearch', 'policy Server CreateSearch'];
      const ROUND = [...ASKED, 'policy Internal search.round'];
      const TRIAL = [
        ...ROUND,
        'policy Client SubmitEvaluations',
        'evaluator Server SubmitEvaluations',
        'worker Consumer evaluate',
        'evaluator Consumer complete',
        'evaluator Producer send evaluation-outcomes.v2',
        'policy Consumer process evaluation-outcomes.v2',
      ];
      const patiently = { timeout: PATIENCE_MS };
      // A synchronous search, and one with several rounds in flight.
      for (const flags of [[], ['--rounds-in-flight', '2']]) {
        const known = new Set(all().map(({ traceId }) => traceId));
        succeeded(await nat.run([...SEARCH, '--server', gateway, ...flags], { env: tracing }));
        const ofSearch = (name: RegExp) => all().filter((span) => !known.has(span.traceId) && name.test(span.name));
        // An evaluation a round, and the step that learned from it.
        await expect.poll(() => ofSearch(/^process .*evaluation-outcomes/).map(wayTo), patiently).toEqual([TRIAL, TRIAL]);
        await expect.poll(() => ofSearch(/^search\.learn$/).map(wayTo), patiently).toEqual(Array(2).fill([...ROUND, 'policy Internal search.learn']));
        const traces = new Set(ofSearch(/^(process .*evaluation-outcomes.*|search\..*)$/).map(({ traceId }) => traceId));
        expect(traces.size).toBe(1);
        // What spans are found by is what the logs say.
        for (const traceId of traces) expect(started.filter((one) => one.stderr().includes(traceId)).length).toBeGreaterThan(2);
      }
      expect(spans!.stdout()).toContain('rpc.system: Str(grpc)');
    });
  },
);
