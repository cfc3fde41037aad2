/**
 * Processes beyond loopback: what is not protected does not start, what is protected knows its callers, and no secret is written down. With a real
 * PostgreSQL also the whole platform, its services known to each other by their certificates.
 */
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { createChannelTo, openClients, type ClientChannel, type ClientChannelOptions } from '@nat/service';
import { openKafkaStream, PLATFORM_TOPICS } from '@nat/storage';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jsonLines, NatCommand, ROOT, succeeded } from './testing/nat.ts';
import { onTestPostgres } from './testing/postgres.ts';
import { PATIENCE_MS, type RunningProcess } from './testing/processes.ts';

const TLS = join(ROOT, 'libs/service/src/testing/fixtures/tls/rotated');
const pem = (name: string) => join(TLS, name);
const CA = { caFile: pem('ca.pem') };
const SERVER_CERTIFICATE = { NAT_TLS_CERT_FILE: pem('server.pem'), NAT_TLS_KEY_FILE: pem('server.key') };

const run = randomUUID().slice(0, 8);
const PASSWORD = `password-${run}`;
const ADA = `ada-${run}`;
const BOB = `bob-${run}`;

let nat: NatCommand;
let folder: string;
const channels: ClientChannel[] = [];
const started: RunningProcess[] = [];

beforeAll(async () => {
  nat = await NatCommand.create();
  folder = nat.freshHome('files');
  mkdirSync(folder, { recursive: true });
});
afterAll(async () => {
  for (const channel of channels) channel.close();
  await nat.close();
});

const file = (name: string, content: string): string => {
  const path = join(folder, name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
};

const startProcess = (main: string, env: Readonly<Record<string, string | undefined>>): RunningProcess => {
  const running = nat.processes.start(process.execPath, [join(ROOT, 'apps', main)], { cwd: ROOT, env: { NAT_LOG_LEVEL: 'info', ...env } });
  started.push(running);
  return running;
};

/** Starts a service and waits until it serves; gives its address as the certificate names it. */
const startService = async (main: string, env: Readonly<Record<string, string | undefined>>): Promise<string> => {
  const { port } = JSON.parse(await startProcess(main, { NAT_PORT: '0', ...env }).logLine((line) => line.includes('"msg":"serving"'))) as { port: number };
  return `localhost:${port}`;
};

const clientsAt = (address: string, options: ClientChannelOptions) => {
  const channel = createChannelTo(address, options);
  channels.push(channel);
  return openClients(channel);
};

/** What everything wrote so far. */
const written = (): string => started.map((one) => one.stdout() + one.stderr()).join('\n');

describe('without protection', { timeout: PATIENCE_MS }, () => {
  const database = { NAT_DATABASE_URL: `postgres://nat:${PASSWORD}@127.0.0.1:1/nat` };
  const backends = { NAT_REGISTRY: '127.0.0.1:1', NAT_POLICY: '127.0.0.1:1', NAT_EVALUATOR: '127.0.0.1:1', NAT_METRICS: '127.0.0.1:1' };

  it.each([
    ['registry/src/main.ts', database],
    ['metrics/src/main.ts', database],
    ['evaluator/src/main.ts', database],
    ['policy/src/main.ts', { ...database, ...backends, NAT_BLOB_DIR: '/nonexistent' }],
    ['gateway/src/main.ts', backends],
  ])('%s refuses to listen beyond loopback, with one line and no secret', async (main, env) => {
    const tokens = file('tokens', ADA);
    const cases: [Record<string, string>, RegExp][] = [
      [{}, /^refusing to listen on 0\.0\.0\.0: beyond loopback TLS \(.*\) and authentication \(.*\) must be configured\n$/],
      [{ NAT_AUTH_TOKENS_FILE: tokens }, /beyond loopback TLS .* must be configured\n$/],
      [SERVER_CERTIFICATE, /beyond loopback authentication .* must be configured\n$/],
    ];
    const ends = await Promise.all(cases.map(([protection]) => startProcess(main, { NAT_HOST: '0.0.0.0', ...env, ...protection }).ended));
    for (const [i, { code, stderr }] of ends.entries()) {
      expect(code).toBe(1);
      expect(stderr).toMatch(cases[i]![1]);
      expect(stderr).not.toContain(PASSWORD);
    }
  });

  it('the whole platform in one process does not listen there either', async () => {
    const { code, stderr } = await nat.run(['up', '--host', '0.0.0.0', '--port', '0', '--http-port', '0', '--workers', '0']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/refusing to listen on 0\.0\.0\.0/);
  });

  it('no client sends a token to another machine', async () => {
    const worker = startProcess('worker/src/main.ts', { NAT_SERVER: 'nat.example.org:7070', NAT_TOKEN: ADA, NAT_BLOB_DIR: folder });
    const commands = await Promise.all([
      worker.ended,
      nat.run(['worker', '--server', 'nat.example.org:7070', '--token', ADA]),
      nat.run(['policy', 'list', '--server', 'nat.example.org:7070'], { env: { NAT_TOKEN_FILE: file('token', ADA) } }),
    ]);
    for (const { code, stderr } of commands) {
      expect(code).toBe(1);
      expect(stderr).toMatch(/refusing to send a token to nat\.example\.org:7070 in plain text/);
      expect(stderr).not.toContain(ADA);
    }
  });

  it('a password is in no message of a process that cannot start', async () => {
    const refused = ['not a url with ', `postgres://nat:`].map((text) =>
      startProcess('registry/src/main.ts', { NAT_DATABASE_URL: text.startsWith('not') ? text + PASSWORD : `${text}${PASSWORD}@127.0.0.1:1/nat` }),
    );
    for (const { code, stderr, stdout } of await Promise.all(refused.map(({ ended }) => ended))) {
      expect(code).toBe(1);
      expect(stderr).not.toBe('');
      expect(stderr + stdout).not.toContain(PASSWORD);
    }
    const broker = openKafkaStream({
      brokers: ['127.0.0.1:1'],
      clientId: 'test',
      topics: PLATFORM_TOPICS,
      sasl: { mechanism: 'scram-sha-256', username: 'nat', password: PASSWORD },
    });
    const error: unknown = await broker.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(Error);
    expect(`${(error as Error).stack ?? ''} ${JSON.stringify(error)} ${String((error as Error).cause)}`).not.toContain(PASSWORD);
  });
});

describe('a gateway beyond loopback, in front of a platform', { timeout: PATIENCE_MS }, () => {
  let gateway: string;
  const auditFile = () => join(folder, 'gateway-audit.log');

  beforeAll(async () => {
    const { address } = await nat.up({ env: { NAT_LOG_LEVEL: 'silent' } });
    gateway = await startService('gateway/src/main.ts', {
      NAT_HOST: '0.0.0.0',
      ...SERVER_CERTIFICATE,
      NAT_AUTH_TOKENS_FILE: file('edge', `${ADA} team-a,default editor\n${BOB} team-b reader\n`),
      NAT_AUDIT_FILE: auditFile(),
      NAT_REGISTRY: address,
      NAT_POLICY: address,
      NAT_EVALUATOR: address,
      NAT_METRICS: address,
    });
  }, PATIENCE_MS);

  const as = (token?: string) => clientsAt(gateway, { tls: CA, ...(token === undefined ? {} : { token }) });

  it('answers UNAUTHENTICATED without a token, and PERMISSION_DENIED for another namespace', async () => {
    const parent = 'namespaces/team-a';
    const create = { parent, source: { ref: { $case: 'zoo', value: 'DARTS' } }, architectureId: 'a', requestId: randomUUID() } as const;
    expect((await as(ADA).architectures.createArchitecture(create)).name).toBe(`${parent}/architectures/a`);
    expect((await as(ADA).architectures.listArchitectures({ parent })).architectures.map(({ name }) => name)).toContain(`${parent}/architectures/a`);

    for (const nobody of [undefined, 'wrong']) {
      await expect(as(nobody).architectures.listArchitectures({ parent })).rejects.toMatchObject({ kind: 'UNAUTHENTICATED' });
      await expect(as(nobody).workers.registerWorker({ workerId: 'w', kinds: ['EVALUATION_KIND_TABULAR'] })).rejects.toMatchObject({ kind: 'UNAUTHENTICATED' });
    }
    for (const call of [
      () => as(BOB).architectures.listArchitectures({ parent }),
      () => as(BOB).architectures.getArchitecture({ name: `${parent}/architectures/a` }),
      () => as(BOB).searches.listSearches({ parent: 'namespaces/-' }),
      () => as(BOB).evaluations.batchGetEvaluations({ parent: 'namespaces/team-b', names: [`${parent}/evaluations/e`] }),
      () => as(BOB).architectures.createArchitecture({ ...create, parent: 'namespaces/team-b' }),
      () => as(ADA).architectures.createArchitecture({ ...create, parent: 'namespaces/team-b' }),
      () => as(ADA).workers.leaseEvaluations({ workerId: 'w', maxCount: 1 }),
    ]) {
      await expect(call()).rejects.toMatchObject({ kind: 'PERMISSION_DENIED' });
    }
    expect((await as(BOB).architectures.listArchitectures({ parent: 'namespaces/team-b' })).architectures).toBeDefined();
    expect(await as().health.check({})).toEqual({ status: 'SERVING' });
  });

  it('is used by the command with files for token and authority', async () => {
    const flags = ['--server', gateway, '--tls-ca', CA.caFile, '--namespace', 'team-a', '--json'];
    const listed = succeeded(await nat.run(['policy', 'list', ...flags, '--token-file', file('ada', `${ADA}\n`)]));
    expect(listed).toContain('namespaces/team-a/policies/nat');
    const refused = await nat.run(['policy', 'list', ...flags, '--token-file', file('bob', BOB)]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toBe('nat: no access to the namespace team-a\n');
  });

  it('has written down who changed what, and who was refused, and no token', () => {
    const audit = readFileSync(auditFile(), 'utf8');
    const lines = jsonLines(audit) as { code: string; resources: string[]; reason?: string }[];
    expect(lines.filter(({ code }) => code === 'OK')).toMatchObject([{ resources: ['namespaces/team-a'], role: 'editor', audit: true }]);
    expect(lines.filter(({ code }) => code === 'UNAUTHENTICATED').length).toBeGreaterThanOrEqual(4);
    expect(lines.filter(({ code }) => code === 'PERMISSION_DENIED').length).toBeGreaterThanOrEqual(7);
    expect(statSync(auditFile()).mode & 0o077).toBe(0);
    for (const secret of [ADA, BOB, PASSWORD]) expect(audit + written()).not.toContain(secret);
  });
});

const postgres = process.env['NAT_TEST_POSTGRES'];
const dataDirectory = process.env['NAT_DATA_DIR'];
const missing = Object.entries({ NAT_TEST_POSTGRES: postgres, NAT_DATA_DIR: dataDirectory })
  .filter(([, value]) => value === undefined)
  .map(([name]) => name);

describe.skipIf(missing.length > 0)(
  `services that know each other by certificate${missing.length > 0 ? ` (skipped: ${missing.join(', ')} not set)` : ''}`,
  { timeout: 2 * PATIENCE_MS },
  () => {
    const database = `nat_security_${run}`;
    const addresses: Record<string, string> = {};
    let gateway: string;
    let metricsPort: number;

    beforeAll(async () => {
      await onTestPostgres(`CREATE DATABASE ${database}`);
      const url = new URL(postgres!);
      url.pathname = `/${database}`;
      url.password = PASSWORD; // trusted or not, it is in the URL
      const certificates = file('certificates', 'spiffe://nat.test/policy * service\nworker * worker\n');
      const common = {
        NAT_HOST: '0.0.0.0',
        NAT_LOG_LEVEL: 'trace',
        NAT_DATABASE_URL: url.href,
        NAT_BLOB_DIR: nat.freshHome('blobs'),
        ...SERVER_CERTIFICATE,
        NAT_TLS_CLIENT_CA_FILE: CA.caFile,
        NAT_AUTH_CERTIFICATES_FILE: certificates,
      };
      const own = { NAT_CLIENT_TLS_CA_FILE: CA.caFile, NAT_CLIENT_TLS_CERT_FILE: pem('client.pem'), NAT_CLIENT_TLS_KEY_FILE: pem('client.key') };
      const [registry, metrics, evaluator] = await Promise.all([
        startService('registry/src/main.ts', common),
        startService('metrics/src/main.ts', { ...common, NAT_METRICS_PORT: '0' }),
        startService('evaluator/src/main.ts', common),
      ]);
      const serving = started.at(-2)!.stderr().split('\n');
      metricsPort = (JSON.parse(serving.find((line) => line.includes('"msg":"serving HTTP"'))!) as { port: number }).port;
      const others = { NAT_REGISTRY: registry, NAT_METRICS: metrics, NAT_EVALUATOR: evaluator };
      const policy = await startService('policy/src/main.ts', { ...common, ...own, ...others, NAT_DATA_DIR: dataDirectory });
      Object.assign(addresses, { registry, metrics, evaluator, policy });
      gateway = await startService('gateway/src/main.ts', {
        ...own,
        ...others,
        NAT_POLICY: policy,
        NAT_HOST: '0.0.0.0',
        ...SERVER_CERTIFICATE,
        NAT_AUTH_TOKENS_FILE: file('edge-of-services', `${ADA} team-a editor\n${BOB} team-b editor\n`),
      });
      startProcess('worker/src/main.ts', {
        NAT_SERVER: evaluator,
        NAT_BLOB_DIR: nat.freshHome('blobs'),
        NAT_DATA_DIR: dataDirectory,
        NAT_WORKER_KINDS: 'tabular',
        NAT_TLS_CA_FILE: CA.caFile,
        NAT_TLS_CERT_FILE: pem('worker.pem'),
        NAT_TLS_KEY_FILE: pem('worker.key'),
      });
    }, 2 * PATIENCE_MS);
    afterAll(async () => {
      await nat.processes.close();
      await onTestPostgres(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
    }, PATIENCE_MS);

    it('learn a policy for a caller of one namespace', async () => {
      const search = ['search', '--space', 'nasbench201', '--evaluator', 'tabular', '--reward', 'c10_valid_200', '--steps', '2', '--batch', '8', '--json'];
      const at = ['--server', gateway, '--tls-ca', CA.caFile, '--namespace', 'team-a'];
      const lines = jsonLines(succeeded(await nat.run([...search, ...at], { env: { NAT_TOKEN: ADA } }))) as { policySha256?: string; searchId?: string }[];
      expect(lines.at(-1)!.policySha256).toMatch(/^[0-9a-f]{64}$/);
      const name = `namespaces/team-a/searches/${lines.at(-1)!.searchId ?? ''}`;
      await expect(clientsAt(gateway, { tls: CA, token: BOB }).searches.getSearch({ name })).rejects.toMatchObject({ kind: 'PERMISSION_DENIED' });
      expect(await clientsAt(gateway, { tls: CA, token: ADA }).searches.getSearch({ name })).toMatchObject({ name, state: 'SEARCH_STATE_SUCCEEDED' });
    });

    it('let nobody in without a certificate, and a worker do its work only', async () => {
      const worker = { ...CA, certFile: pem('worker.pem'), keyFile: pem('worker.key') };
      for (const address of Object.values(addresses)) {
        await expect(clientsAt(address, { tls: CA, maxAttempts: 1 }).health.check({}, { deadlineMs: 5_000 })).rejects.toMatchObject({ name: 'DomainError' });
        const clients = clientsAt(address, { tls: worker });
        expect(await clients.health.check({})).toEqual({ status: 'SERVING' });
      }
      const { evaluations } = clientsAt(addresses['evaluator']!, { tls: worker });
      await expect(evaluations.listEvaluations({ parent: 'namespaces/team-a' })).rejects.toMatchObject({ kind: 'PERMISSION_DENIED', reason: 'ROLE_DENIED' });
    });

    it('show metrics over HTTPS to a certificate that may read, and health to anybody', async () => {
      const status = (path: string, identity: object) =>
        new Promise<number | undefined>((resolve, reject) => {
          const options = { ca: readFileSync(CA.caFile), agent: false, ...identity };
          request(`https://localhost:${metricsPort}${path}`, options, (response) => resolve(response.resume().statusCode))
            .once('error', reject)
            .end();
        });
      const certificate = (name: string) => ({ cert: readFileSync(pem(`${name}.pem`)), key: readFileSync(pem(`${name}.key`)) });
      expect(await status('/healthz', {})).toBe(200);
      expect(await status('/metrics', {})).toBe(401);
      expect(await status('/metrics', certificate('worker'))).toBe(403);
      expect(await status('/metrics', certificate('client'))).toBe(200);
    });

    it('write no secret down, not even at level trace', async () => {
      for (const one of started) one.kill('SIGTERM');
      await Promise.all(started.map(({ ended }) => ended));
      expect(written()).toContain('"audit":true');
      for (const secret of [ADA, BOB, PASSWORD, encodeURIComponent(PASSWORD)]) expect(written()).not.toContain(secret);
    });
  },
);
