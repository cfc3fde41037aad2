import { evaluation, search, transform } from '@nat/contracts';
import { DomainError } from '@nat/base/errors';
import { createChannelTo, createLogger, createServer, type BoundService, type ClientChannel, type Server } from '@nat/service';
import { Metadata, type TsProtoServiceDefinition } from 'nice-grpc';
import { afterEach, describe, expect, it } from 'vitest';
import { forwardService, ROUTES } from './index.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const notUsed = (): never => {
  throw new Error('not part of this test');
};

/** A service with these handlers only. */
function serviceOf(definition: TsProtoServiceDefinition, handlers: object): BoundService {
  const rest = Object.fromEntries(Object.keys(definition.methods).map((name) => [name, notUsed]));
  return { name: definition.fullName, definition, implementation: { ...rest, ...handlers } };
}

async function serve(services: readonly BoundService[]): Promise<{ readonly server: Server; readonly address: string }> {
  const server = createServer({ services, logger });
  closers.push(() => server.drain(200));
  return { server, address: `127.0.0.1:${await server.listen({ host: '127.0.0.1', port: 0 })}` };
}

function open(address: string): ClientChannel {
  const channel = createChannelTo(address, { baseDelayMs: 10 });
  closers.push(() => {
    channel.close();
  });
  return channel;
}

/** A channel to a gateway in front of servers at these addresses. */
async function gateway(definition: TsProtoServiceDefinition, ...addresses: readonly string[]): Promise<ClientChannel> {
  return open((await serve([forwardService(definition, open(addresses.join(',')))])).address);
}

const good = { parent: 'namespaces/default', source: { ref: { $case: 'zoo', value: 'DARTS' } } } as const;

describe('the gateway', () => {
  it('has every contract of the platform once', () => {
    const names = Object.values(ROUTES).flatMap((definitions) => definitions.map(({ fullName }) => fullName));
    expect(new Set(names).size).toBe(names.length);
    expect(names.sort()).toEqual([
      'google.longrunning.Operations',
      'nat.architecture.v1.ArchitectureService',
      'nat.evaluation.v1.EvaluationService',
      'nat.evaluation.v1.WorkerService',
      'nat.metrics.v1.MetricsService',
      'nat.policy.v1.PolicyService',
      'nat.search.v1.SearchService',
      'nat.transform.v1.TransformService',
    ]);
  });

  it('passes on request, token, request id and answer', async () => {
    const seen: unknown[] = [];
    const { address } = await serve([
      serviceOf(transform.TransformServiceDefinition, {
        transformArchitecture: (
          request: transform.TransformArchitectureRequest,
          context: { metadata: { get: (key: string) => unknown }; requestId: string },
        ) => {
          seen.push(request.parent, context.metadata.get('authorization'), context.requestId);
          return Promise.resolve({ policyVersion: 'v7' });
        },
      }),
    ]);
    const channel = await gateway(transform.TransformServiceDefinition, address);
    const metadata = Metadata({ authorization: 'Bearer mine', 'x-request-id': 'r-1' });
    const answer = await channel.client(transform.TransformServiceDefinition).transformArchitecture(good, { metadata });
    expect(answer.policyVersion).toBe('v7');
    expect(seen).toEqual(['namespaces/default', 'Bearer mine', 'r-1']);
  });

  it('passes on an error with its details', async () => {
    const { address } = await serve([
      serviceOf(transform.TransformServiceDefinition, {
        transformArchitecture: () => Promise.reject(DomainError.invalidFields([{ field: 'source.zoo', description: 'is unknown' }])),
      }),
    ]);
    const channel = await gateway(transform.TransformServiceDefinition, address);
    await expect(channel.client(transform.TransformServiceDefinition).transformArchitecture(good)).rejects.toMatchObject({
      kind: 'INVALID_ARGUMENT',
      violations: [{ field: 'source.zoo', description: 'is unknown' }],
    });
  });

  it('refuses what does not fit the contract before it asks anybody', async () => {
    const channel = await gateway(transform.TransformServiceDefinition, '127.0.0.1:1');
    await expect(channel.client(transform.TransformServiceDefinition).transformArchitecture({ ...good, parent: 'nonsense' })).rejects.toMatchObject({
      kind: 'INVALID_ARGUMENT',
    });
  });

  it('streams, and tells the service when its reader leaves', async () => {
    const left = Promise.withResolvers<undefined>();
    const { address } = await serve([
      serviceOf(search.SearchServiceDefinition, {
        async *watchSearch(_: unknown, { signal }: { signal: AbortSignal }) {
          signal.addEventListener('abort', () => {
            left.resolve(undefined);
          });
          for (;;) {
            yield {};
            await new Promise((resolve) => setImmediate(resolve));
          }
        },
      }),
    ]);
    const channel = await gateway(search.SearchServiceDefinition, address);
    let received = 0;
    for await (const _ of channel.client(search.SearchServiceDefinition).watchSearch({ name: 'namespaces/default/searches/s' })) {
      received++;
      if (received === 3) break;
    }
    expect(received).toBe(3);
    await left.promise;
  });

  it('does without a replica that is gone, and says UNAVAILABLE when all are', async () => {
    const one = () => serve([serviceOf(evaluation.EvaluationServiceDefinition, { getEvaluation: ({ name }: { name: string }) => Promise.resolve({ name }) })]);
    const replicas = [await one(), await one()];
    const channel = await gateway(evaluation.EvaluationServiceDefinition, ...replicas.map(({ address }) => address));
    const client = channel.client(evaluation.EvaluationServiceDefinition);
    const name = 'namespaces/default/evaluations/e';
    expect((await client.getEvaluation({ name })).name).toBe(name);
    await replicas[0]!.server.drain(100);
    for (let i = 0; i < 5; i++) expect((await client.getEvaluation({ name })).name).toBe(name);
    await replicas[1]!.server.drain(100);
    await expect(client.getEvaluation({ name })).rejects.toMatchObject({ kind: 'UNAVAILABLE' });
  });
});
