import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { health, transform } from '@nat/contracts';
import { DomainError } from '@nat/base/errors';
import { Metadata } from 'nice-grpc-common';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createChannelTo } from '../client/client.ts';
import { onInterrupt, runUntilSignal, startApp } from './lifecycle.ts';
import { createLogger } from '../observability/logger.ts';
import { createServer } from '../server/server.ts';
import { authenticationOf, registry, startTestServer, transforms } from '../testing/test-server.ts';
import { thrownBy } from '../testing/thrown-by.ts';

const good = { parent: 'namespaces/default', source: { ref: { $case: 'zoo', value: 'DARTS' } } } as const;
const logger = createLogger({ name: 'test', level: 'silent' });
const NAME = transform.TransformServiceDefinition.fullName;

describe('health', () => {
  it('is per service and overall, and is watched', async () => {
    const test = await startTestServer({ services: [transforms({})] });
    const client = test.channel().client(health.HealthDefinition);
    expect(await client.check({ service: '' })).toEqual({ status: 'SERVING' });
    expect(await client.check({ service: NAME })).toEqual({ status: 'SERVING' });
    expect(await thrownBy(async () => client.check({ service: 'none' }))).toMatchObject({ kind: 'NOT_FOUND' });
    expect((await client.list({})).statuses).toMatchObject({ '': { status: 'SERVING' }, [NAME]: { status: 'SERVING' } });

    const seen: string[] = [];
    const watching = (async () => {
      for await (const { status } of client.watch({ service: NAME })) seen.push(status);
    })();
    await vi.waitFor(() => {
      expect(seen).toEqual(['SERVING']);
    });
    test.server.setServing(NAME, false);
    await vi.waitFor(() => {
      expect(seen).toEqual(['SERVING', 'NOT_SERVING']);
    });
    const ended = thrownBy(async () => watching);
    await test.close();
    expect(await ended).toMatchObject({ kind: 'UNAVAILABLE' });
  });
});

describe('stopping an app', () => {
  it('goes through its steps in order, lets calls finish, and ends streams with UNAVAILABLE', async () => {
    const steps: string[] = [];
    const finish = Promise.withResolvers<undefined>();
    const server = createServer({
      logger,
      registry,
      services: [
        transforms({
          transformArchitecture: async () => {
            await finish.promise;
            steps.push('call finished');
            return { policyVersion: 'late' };
          },
          async *streamTransformArchitectures(_requests, context) {
            try {
              yield { outcomes: [] };
              await sleep(60_000, undefined, { signal: context.signal });
            } finally {
              steps.push('stream ended');
              finish.resolve(undefined);
            }
          },
        }),
      ],
    });
    const app = await startApp({
      server,
      listen: { host: '127.0.0.1', port: 0 },
      logger,
      pause: async () => {
        steps.push('paused');
        const status = await channel.client(health.HealthDefinition).check({ service: NAME });
        steps.push(status.status);
      },
      release: async () => {
        steps.push('released');
        return Promise.resolve();
      },
    });
    const channel = createChannelTo(`127.0.0.1:${app.port}`);
    const service = channel.client(transform.TransformServiceDefinition);
    const call = service.transformArchitecture(good);
    const firstMessage = Promise.withResolvers<undefined>();
    async function* requests() {
      yield { parent: 'a' };
      await sleep(60_000, undefined, { ref: false });
    }
    const stream = thrownBy(async () => {
      for await (const _ of service.streamTransformArchitectures(requests())) firstMessage.resolve(undefined);
    });
    await firstMessage.promise;
    const stopped = app.stop();
    expect(app.stop()).toBe(stopped);
    await stopped;
    expect(await stream).toMatchObject({ kind: 'UNAVAILABLE', reason: 'SERVER_DRAINING' });
    expect((await call).policyVersion).toBe('late');
    expect(steps).toEqual(['paused', 'NOT_SERVING', 'stream ended', 'call finished', 'released']);
    channel.close();
  });

  it('cuts what does not finish in time', async () => {
    const entered = Promise.withResolvers<undefined>();
    const transformArchitecture = async () => {
      entered.resolve(undefined);
      return sleep(60_000, {}, { ref: false });
    };
    const test = await startTestServer({ services: [transforms({ transformArchitecture })] });
    const call = thrownBy(async () => test.channel().client(transform.TransformServiceDefinition, { retry: false }).transformArchitecture(good));
    await entered.promise;
    expect(await test.server.drain(200)).toBe(false);
    expect(['CANCELLED', 'UNAVAILABLE']).toContain(((await call) as DomainError).kind);
    await test.close();
  });

  it('releases its resources when it cannot listen', async () => {
    const test = await startTestServer({ services: [transforms({})] });
    const server = createServer({ logger, registry, services: [transforms({})] });
    const release = vi.fn(async () => Promise.resolve());
    await expect(startApp({ server, listen: { host: '127.0.0.1', port: test.port }, logger, release })).rejects.toThrow(/EADDRINUSE|No address added/);
    expect(release).toHaveBeenCalledOnce();
    await test.close();
  });

  it('waits for a signal; a second one exits at once', async () => {
    const emitter = new EventEmitter();
    const exit = vi.fn();
    const events = Object.assign(emitter, { exit });
    const gate = Promise.withResolvers<undefined>();
    const stop = vi.fn(async () => {
      await gate.promise;
    });
    const running = runUntilSignal({ stop }, logger, events);
    expect(stop).not.toHaveBeenCalled();
    emitter.emit('SIGTERM');
    await vi.waitFor(() => {
      expect(stop).toHaveBeenCalledOnce();
    });
    expect(exit).not.toHaveBeenCalled();
    emitter.emit('SIGINT');
    expect(exit).toHaveBeenCalledExactlyOnceWith(130);
    gate.resolve(undefined);
    await running;
    expect(stop).toHaveBeenCalledOnce();
    expect(emitter.listenerCount('SIGTERM') + emitter.listenerCount('SIGINT')).toBe(0);
  });
});

describe('a signal that comes twice', () => {
  afterEach(() => vi.useRealTimers());

  it('is one when a launcher passed it on, and a second one later', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const emitter = new EventEmitter();
    const exit = vi.fn();
    const gate = Promise.withResolvers<undefined>();
    const stop = vi.fn(async () => {
      await gate.promise;
    });
    const running = runUntilSignal({ stop }, logger, Object.assign(emitter, { exit }));
    emitter.emit('SIGINT');
    vi.advanceTimersByTime(20);
    emitter.emit('SIGINT');
    expect(exit).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1_000);
    emitter.emit('SIGINT');
    expect(exit).toHaveBeenCalledExactlyOnceWith(130);
    gate.resolve(undefined);
    await running;
    expect(stop).toHaveBeenCalledOnce();
  });

  it('interrupts work once, also while what follows ends; a second one exits at once', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const emitter = new EventEmitter();
    const exit = vi.fn();
    const listener = vi.fn();
    const handle = onInterrupt(listener, Object.assign(emitter, { exit }));
    emitter.emit('SIGINT');
    vi.advanceTimersByTime(20);
    handle[Symbol.dispose]();
    emitter.emit('SIGINT');
    expect(listener).toHaveBeenCalledOnce();
    expect(exit).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1_000);
    emitter.emit('SIGINT');
    expect(listener).toHaveBeenCalledOnce();
    expect(exit).toHaveBeenCalledExactlyOnceWith(130);
  });

  it('has its own meaning again after work that nobody interrupted', () => {
    const emitter = new EventEmitter();
    onInterrupt(() => undefined, Object.assign(emitter, { exit: vi.fn() }))[Symbol.dispose]();
    expect(emitter.listenerCount('SIGINT')).toBe(0);
  });
});

describe('listening beyond loopback', () => {
  const files = (name: string) => new URL(`../testing/fixtures/tls/${name}`, import.meta.url).pathname;
  const tls = { certFile: files('server.pem'), keyFile: files('server.key') };
  const mutual = { ...tls, clientCaFile: files('ca.pem') };
  const make = (options: object) =>
    createServer({ logger, registry, services: [transforms({ transformArchitecture: async () => Promise.resolve({}) })], ...options });

  it.each(['0.0.0.0', '::', '192.0.2.1', 'example.org', '127.example.org'])('is refused on %s without TLS and authentication', async (host) => {
    await expect(make({}).listen({ host, port: 0 })).rejects.toThrow(/refusing to listen on .*TLS.* and authentication/);
    await expect(make({ tls }).listen({ host, port: 0 })).rejects.toThrow(/authentication/);
    await expect(make({ authenticate: authenticationOf('t') }).listen({ host, port: 0 })).rejects.toThrow(/TLS/);
  });

  it('works with client certificates', async () => {
    const server = make({ tls: mutual });
    const port = await server.listen({ host: '0.0.0.0', port: 0 });
    const own = { caFile: files('ca.pem'), certFile: files('client.pem'), keyFile: files('client.key') };
    const known = createChannelTo(`localhost:${port}`, { tls: own });
    expect(await known.client(transform.TransformServiceDefinition).transformArchitecture(good)).toBeDefined();
    for (const options of [{ tls: { caFile: files('ca.pem') } }, {}]) {
      const stranger = createChannelTo(`localhost:${port}`, options);
      const error = await thrownBy(async () =>
        stranger.client(transform.TransformServiceDefinition, { retry: false, deadlineMs: 2000 }).transformArchitecture(good),
      );
      expect(error).toBeInstanceOf(DomainError);
      stranger.close();
    }
    known.close();
    await server.drain(500);
  });

  it('works with bearer tokens, which health needs not', async () => {
    const server = make({ tls, authenticate: authenticationOf('old\nnew') });
    const port = await server.listen({ host: '0.0.0.0', port: 0 });
    const open = (token?: string) => createChannelTo(`localhost:${port}`, { tls: { caFile: files('ca.pem') }, ...(token === undefined ? {} : { token }) });
    const channels = [open('new'), open('wrong'), open()] as const;
    expect(await channels[0].client(transform.TransformServiceDefinition).transformArchitecture(good)).toBeDefined();
    for (const channel of channels.slice(1)) {
      expect(await thrownBy(async () => channel.client(transform.TransformServiceDefinition).transformArchitecture(good))).toMatchObject({
        kind: 'UNAUTHENTICATED',
      });
      expect(await channel.client(health.HealthDefinition).check({})).toEqual({ status: 'SERVING' });
    }
    for (const channel of channels) channel.close();
    await server.drain(500);
  });

  it('sends no token in plain text', () => {
    expect(() => createChannelTo('example.org:50051', { token: 't' })).toThrow(/plain text/);
    createChannelTo('127.0.0.1:50051', { token: 't' }).close();
  });

  it("sends nobody else's token in plain text either", async () => {
    const channel = createChannelTo('example.org:50051');
    const metadata = Metadata({ authorization: 'Bearer mine' });
    const call = async () => channel.client(transform.TransformServiceDefinition).transformArchitecture(good, { metadata });
    expect(await thrownBy(call)).toMatchObject({ kind: 'FAILED_PRECONDITION', reason: 'UNPROTECTED_ADDRESS' });
    channel.close();
  });
});
