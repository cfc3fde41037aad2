import { EventEmitter, once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { DomainError } from '@nat/base/errors';
import { transform } from '@nat/contracts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { createChannelTo } from '../client/client.ts';
import { transforms } from '../testing/test-server.ts';
import { loadConfig, serverEnvironment } from './config.ts';
import type { ProcessEvents } from './lifecycle.ts';
import { runServiceProcess, type ServiceProcessOptions } from './service-process.ts';

type Settings = z.output<z.ZodObject<typeof serverEnvironment>> & { readonly GREETING: string };

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describe('a service process', () => {
  let steps: string[];
  let signals: EventEmitter;
  let stderr: string;

  beforeEach(() => {
    steps = [];
    signals = new EventEmitter();
    stderr = '';
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      stderr += String(text);
      return true;
    });
  });
  afterEach(() => {
    vi.restoreAllMocks();
    process.exitCode = undefined;
  });

  const run = (options: Partial<ServiceProcessOptions<Settings>>, environment: Readonly<Record<string, string>> = {}): Promise<void> =>
    runServiceProcess<Settings>({
      name: 'test',
      readSettings: (given) => loadConfig(z.object({ ...serverEnvironment, GREETING: z.string() }), given),
      migrations: {
        environment: { GREETING: z.string() },
        run: ({ GREETING }) => {
          steps.push(`migrated with ${String(GREETING)}`);
          return Promise.resolve([]);
        },
      },
      compose: ({ settings, resources }) => {
        resources.defer(() => void steps.push('first closed'));
        resources.defer(() => void steps.push('second closed'));
        return Promise.resolve({
          services: [transforms({ transformArchitecture: () => Promise.resolve({ policyVersion: settings.GREETING }) })],
          pause: () => Promise.resolve(void steps.push('paused')),
        });
      },
      argv: ['node', 'main.ts'],
      environment: { NAT_LOG_LEVEL: 'silent', ...environment },
      events: signals as unknown as ProcessEvents,
      ...options,
    });

  it('serves with its settings until a signal, then pauses and closes everything, the last one first', async () => {
    const port = await freePort();
    const running = run({}, { GREETING: 'hello', NAT_PORT: String(port) });
    const channel = createChannelTo(`127.0.0.1:${String(port)}`);
    await channel.waitUntilReady(30_000);
    const answer = await channel
      .client(transform.TransformServiceDefinition)
      .transformArchitecture({ parent: 'namespaces/default', source: { ref: { $case: 'zoo', value: 'DARTS' } } });
    expect(answer.policyVersion).toBe('hello');
    channel.close();
    await vi.waitFor(() => {
      expect(signals.listenerCount('SIGTERM')).toBe(1);
    });
    signals.emit('SIGTERM');
    await running;
    expect(steps).toEqual(['paused', 'second closed', 'first closed']);
    expect(process.exitCode).toBeUndefined();
  });

  it('migrates instead where the command line says so', async () => {
    await run({ argv: ['node', 'main.ts', '--migrate'] }, { GREETING: 'hello' });
    expect(steps).toEqual(['migrated with hello']);
  });

  it('names every variable that is wrong', async () => {
    await run({}, { NAT_PORT: 'http' });
    expect(stderr).toContain('bad configuration');
    expect(stderr).toContain('GREETING: is required');
    expect(stderr).toContain('NAT_PORT');
    expect(process.exitCode).toBe(1);
    expect(steps).toEqual([]);
  });

  it('closes what was opened when the rest cannot be made, and shows the first error', async () => {
    const compose: ServiceProcessOptions<Settings>['compose'] = ({ resources }) => {
      resources.defer(() => void steps.push('first closed'));
      resources.defer(() => {
        throw new Error('cannot be closed');
      });
      throw new DomainError('UNAVAILABLE', 'the database cannot be reached');
    };
    await run({ compose }, { GREETING: 'hello' });
    expect(steps).toEqual(['first closed']);
    expect(stderr).toBe('the database cannot be reached\n');
    expect(process.exitCode).toBe(1);
  });

  it('stops what works already when nothing can be served', async () => {
    await run({}, { GREETING: 'hello', NAT_HOST: 'unix:/no/such/folder/socket' });
    expect(steps).toEqual(['paused', 'second closed', 'first closed']);
    expect(process.exitCode).toBe(1);
  });
});
