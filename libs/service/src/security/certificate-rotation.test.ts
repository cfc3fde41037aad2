import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { connect } from 'node:tls';
import { transform } from '@nat/contracts';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createChannelTo, type ClientChannel } from '../client/client.ts';
import { startHttpEndpoint } from '../process/http-endpoint.ts';
import { createLogger } from '../observability/logger.ts';
import { createAuthentication } from './authentication.ts';
import { startTestServer, transforms, type TestServer } from '../testing/test-server.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { thrownBy } from '../testing/thrown-by.ts';

const good = { parent: 'namespaces/default', source: { ref: { $case: 'zoo', value: 'DARTS' } } } as const;
const fixture = (name: string) => new URL(`../testing/fixtures/tls/${name}`, import.meta.url).pathname;
const fixtureText = (name: string) => readFileSync(fixture(name), 'utf8');
const before = { caFile: fixture('ca.pem'), certFile: fixture('client.pem'), keyFile: fixture('client.key') };
const after = { caFile: fixture('rotated/ca.pem'), certFile: fixture('rotated/client.pem'), keyFile: fixture('rotated/client.key') };
/** Looks at files come once a second, on a machine that may be busy. */
const patient = { timeout: 30_000, interval: 100 };

let folder: ReturnType<typeof temporaryFolder>;
let server: TestServer | undefined;
let channels: ClientChannel[];
beforeEach(() => {
  folder = temporaryFolder();
  channels = [];
});
afterEach(async () => {
  for (const channel of channels) channel.close();
  await server?.close();
  server = undefined;
  folder.remove();
});

/** Files of a server, or of a client, that can be swapped. */
function copyOf(name: 'server' | 'client') {
  const files = { certFile: folder.path(`${name}.pem`), keyFile: folder.path(`${name}.key`), caFile: folder.path(`${name}-ca.pem`) };
  const put = (from: string) => {
    copyFileSync(fixture(`${from}ca.pem`), files.caFile);
    copyFileSync(fixture(`${from}${name}.pem`), files.certFile);
    copyFileSync(fixture(`${from}${name}.key`), files.keyFile);
  };
  put('');
  return { files, swap: () => put('rotated/') };
}

async function serve(files: ReturnType<typeof copyOf>['files'], handlers: Parameters<typeof transforms>[0] = {}): Promise<TestServer> {
  const { certFile, keyFile, caFile } = files;
  return (server = await startTestServer({
    services: [transforms({ transformArchitecture: async () => Promise.resolve({ policyVersion: 'v1' }), ...handlers })],
    tls: { certFile, keyFile, clientCaFile: caFile },
  }));
}

const open = (to: TestServer, tls: typeof before) => {
  const channel = createChannelTo(`localhost:${to.port}`, { tls, baseDelayMs: 1 });
  channels.push(channel);
  return channel.client(transform.TransformServiceDefinition, { retry: false, deadlineMs: 3_000 });
};

describe('certificates that change under a running process', () => {
  it('are used by a server for new connections, while calls on old ones go on', async () => {
    const own = copyOf('server');
    const step = Promise.withResolvers<undefined>();
    const test = await serve(own.files, {
      async *streamTransformArchitectures() {
        yield { outcomes: [] };
        await step.promise;
        yield { outcomes: [] };
      },
    });
    const old = open(test, before);
    async function* requests() {
      yield { parent: 'namespaces/default' };
      await step.promise;
    }
    const stream = old.streamTransformArchitectures(requests(), { deadlineMs: Infinity })[Symbol.asyncIterator]();
    expect((await stream.next()).done).toBe(false);
    expect(await thrownBy(async () => open(test, after).transformArchitecture(good))).toMatchObject({ name: 'DomainError' });

    own.swap();
    await vi.waitFor(async () => expect(await open(test, after).transformArchitecture(good)).toMatchObject({ policyVersion: 'v1' }), patient);
    expect(await thrownBy(async () => open(test, before).transformArchitecture(good))).toMatchObject({ name: 'DomainError' });
    // The stream of before, and another call on its connection.
    expect((await old.transformArchitecture(good)).policyVersion).toBe('v1');
    step.resolve(undefined);
    expect((await stream.next()).done).toBe(false);
    expect((await stream.next()).done).toBe(true);
    expect(test.logs).toContainEqual(expect.objectContaining({ msg: 'certificates read again: the files have changed' }));
  });

  it('are used by a client when it connects again', async () => {
    const theirs = copyOf('server');
    const own = copyOf('client');
    const test = await serve(theirs.files);
    const client = open(test, own.files);
    expect((await client.transformArchitecture(good)).policyVersion).toBe('v1');
    await test.close();

    // Another server at the same address, which knows only the new authority.
    theirs.swap();
    own.swap();
    const { certFile, keyFile, caFile } = theirs.files;
    const next = await startTestServer({
      services: [transforms({ transformArchitecture: async () => Promise.resolve({ policyVersion: 'v2' }) })],
      tls: { certFile, keyFile, clientCaFile: caFile },
      listen: { host: '127.0.0.1', port: test.port },
    });
    server = next;
    await vi.waitFor(async () => expect((await client.transformArchitecture(good)).policyVersion).toBe('v2'), patient);
  });

  it('stay as they were while the files do not fit together', async () => {
    const own = copyOf('server');
    const test = await serve(own.files);
    copyFileSync(fixture('rotated/server.pem'), own.files.certFile);
    const complaints = () => test.logs.filter(({ msg }) => msg === 'the changed certificates are not used');
    await vi.waitFor(() => expect(complaints()).toHaveLength(1), patient);
    expect(await open(test, before).transformArchitecture(good)).toMatchObject({ policyVersion: 'v1' });
    writeFileSync(own.files.certFile, 'no certificate at all');
    await vi.waitFor(() => expect(complaints()).toHaveLength(2), patient);
    expect(await open(test, before).transformArchitecture(good)).toMatchObject({ policyVersion: 'v1' });
    own.swap();
    await vi.waitFor(async () => expect(await open(test, after).transformArchitecture(good)).toMatchObject({ policyVersion: 'v1' }), patient);
  });
});

describe('a server with TLS', () => {
  it('knows callers by their certificates, and lets each do what its role may', async () => {
    const { certFile, keyFile } = { certFile: fixture('rotated/server.pem'), keyFile: fixture('rotated/server.key') };
    const certificatesFile = folder.path('certificates', 'spiffe://nat.test/policy default editor\n');
    server = await startTestServer({
      services: [transforms({ transformArchitecture: async () => Promise.resolve({}) })],
      tls: { certFile, keyFile, clientCaFile: after.caFile },
      authenticate: createAuthentication({ certificates: true, certificatesFile }),
    });
    expect(await open(server, after).transformArchitecture(good)).toBeDefined();
    expect(await thrownBy(async () => open(server!, after).transformArchitecture({ ...good, parent: 'namespaces/other' }))).toMatchObject({
      kind: 'PERMISSION_DENIED',
      metadata: { namespace: 'other' },
    });
    const worker = { ...after, certFile: fixture('rotated/worker.pem'), keyFile: fixture('rotated/worker.key') };
    expect(await thrownBy(async () => open(server!, worker).transformArchitecture(good))).toMatchObject({
      kind: 'UNAUTHENTICATED',
      reason: 'UNKNOWN_CERTIFICATE',
    });
  });

  it('speaks no TLS older than 1.2', async () => {
    const test = await serve(copyOf('server').files);
    const handshake = (maxVersion: 'TLSv1.1' | 'TLSv1.2') =>
      new Promise<string>((resolve) => {
        const options = {
          host: 'localhost',
          port: test.port,
          maxVersion,
          minVersion: 'TLSv1.1',
          ciphers: 'DEFAULT@SECLEVEL=0',
          ALPNProtocols: ['h2'],
        } as const;
        const read = { ca: [fixtureText('ca.pem')], cert: fixtureText('client.pem'), key: fixtureText('client.key') };
        const socket = connect({ ...options, ...read }, () => {
          resolve(socket.getProtocol() ?? '');
          socket.destroy();
        });
        socket.once('error', (error: NodeJS.ErrnoException) => {
          resolve(error.code ?? '');
        });
      });
    expect(await handshake('TLSv1.2')).toBe('TLSv1.2');
    expect(await handshake('TLSv1.1')).toMatch(/PROTOCOL_VERSION/);
  });
});

describe('the HTTP endpoint beyond loopback', () => {
  const logger = createLogger({ name: 'test', level: 'silent' });
  const tls = { certFile: fixture('server.pem'), keyFile: fixture('server.key') };
  const start = (options: object) =>
    startHttpEndpoint({ registry: new Registry(), listen: { host: '0.0.0.0', port: 0 }, healthy: () => Promise.resolve(true), logger, ...options });

  it('is refused without TLS and authentication', async () => {
    const authenticate = createAuthentication({ tokensFile: folder.path('tokens', 't') });
    await expect(start({})).rejects.toThrow(/TLS.* and authentication/);
    await expect(start({ tls })).rejects.toThrow(/authentication/);
    await expect(start({ authenticate })).rejects.toThrow(/TLS/);
  });

  it('shows metrics to those who may read everything, and health to everybody', async () => {
    const tokensFile = folder.path('tokens', 'scraper * reader\nsome team-a reader\nfleet * worker\n');
    const endpoint = await start({
      tls: { ...tls, clientCaFile: before.caFile },
      authenticate: createAuthentication({ tokensFile, certificates: true }),
    });
    const status = (path: string, token?: string, files?: typeof before) =>
      new Promise<number | undefined>((resolve, reject) => {
        const identity = files === undefined ? {} : { cert: fixtureText('client.pem'), key: fixtureText('client.key') };
        get(
          `https://localhost:${endpoint.port}${path}`,
          { ca: fixtureText('ca.pem'), agent: false, ...identity, ...(token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }) },
          (response) => {
            response.resume();
            resolve(response.statusCode);
          },
        ).once('error', reject);
      });
    expect(await status('/healthz')).toBe(200);
    expect(await status('/metrics')).toBe(401);
    expect(await status('/metrics', 'wrong')).toBe(401);
    expect(await status('/metrics', 'some')).toBe(403);
    expect(await status('/metrics', 'fleet')).toBe(403);
    expect(await status('/metrics', 'scraper')).toBe(200);
    expect(await status('/metrics', undefined, before)).toBe(200);
    await endpoint.close();
  });
});
