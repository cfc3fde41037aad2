import { architecture, transform } from '@nat/contracts';
import { DomainError, type DomainErrorKind } from '@nat/base/errors';
import { Metadata } from 'nice-grpc-common';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { continueCall, type ServiceCallContext } from './call-context.ts';
import { LONGEST_REQUEST_BYTES, requireRequestSize } from '../wire/request-limits.ts';
import { STATUS_OF_KIND, statusName } from '../wire/status.ts';
import { evaluations, startTestServer, transforms, type TestServer } from '../testing/test-server.ts';
import { thrownBy } from '../testing/thrown-by.ts';

const zoo = { ref: { $case: 'zoo', value: 'DARTS' } } as const;
const good = { parent: 'namespaces/default', source: zoo };

let running: TestServer | undefined;
afterEach(async () => {
  await running?.close();
  running = undefined;
});

async function start(handlers: Parameters<typeof transforms>[0], options: Partial<Parameters<typeof startTestServer>[0]> = {}): Promise<TestServer> {
  running = await startTestServer({ services: [transforms(handlers)], ...options });
  return running;
}

const answer = async () => Promise.resolve({ policyVersion: 'v1' });
const client = (server: TestServer) => server.channel().client(transform.TransformServiceDefinition);
const callLine = (server: TestServer) => vi.waitFor(() => server.logs.find(({ msg }) => msg === 'call') ?? expect.fail('no line of a call'));

describe('a call', () => {
  it('gets its answer, and its request id back', async () => {
    const server = await start({ transformArchitecture: answer });
    let header: Metadata | undefined;
    const response = await client(server).transformArchitecture(good, { metadata: Metadata({ 'x-request-id': 'r-1' }), onHeader: (it) => (header = it) });
    expect(response.policyVersion).toBe('v1');
    expect(header?.get('x-request-id')).toBe('r-1');
  });

  it('continues the trace of its caller, hands it on, and starts one where there is none', async () => {
    const contexts: ServiceCallContext[] = [];
    const server = await start({
      transformArchitecture: async (_request, context) => {
        contexts.push(context);
        return answer();
      },
    });
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const metadata = Metadata({ traceparent: `00-${traceId}-00f067aa0ba902b7-01`, 'x-request-id': 'bad id' });
    await client(server).transformArchitecture(good, { metadata });
    await client(server).transformArchitecture(good, contexts[0] === undefined ? {} : { metadata: continueCall(contexts[0]).metadata ?? Metadata() });
    await client(server).transformArchitecture(good, { metadata: Metadata({ traceparent: '00-zz-1-1' }) });
    const [first, second, third] = contexts;
    expect(first?.trace.traceId).toBe(traceId);
    expect(first?.trace.spanId).not.toBe('00f067aa0ba902b7');
    expect(first?.requestId).toMatch(/^[0-9a-f-]{36}$/);
    expect(second?.trace.traceId).toBe(traceId);
    expect(second?.requestId).toBe(first?.requestId);
    expect(third?.trace.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(third?.trace.traceId).not.toBe(traceId);
  });

  it('leaves one line with method, code, time and ids, and nothing of its payload', async () => {
    const server = await start({ transformArchitecture: answer });
    await client(server).transformArchitecture({ ...good, source: { ref: { $case: 'genotype', value: 'SECRET' } } });
    const line = await callLine(server);
    expect(line).toMatchObject({ method: '/nat.transform.v1.TransformService/TransformArchitecture', code: 'OK', level: 30 });
    expect(line['ms']).toBeGreaterThan(0);
    expect(line['requestId']).toMatch(/./);
    expect(line['traceId']).toMatch(/^[0-9a-f]{32}$/);
    expect(server.logs.filter(({ msg }) => msg === 'call')).toHaveLength(1);
    expect(JSON.stringify(server.logs)).not.toContain('SECRET');
  });
});

describe('errors', () => {
  it.each(Object.keys(STATUS_OF_KIND) as DomainErrorKind[])('%s crosses the wire with reason, metadata and violations', async (kind) => {
    const violations = [{ field: 'source.zoo', description: 'ünknown' }];
    const server = await start({
      transformArchitecture: () => Promise.reject(new DomainError(kind, 'no luck', { reason: 'SOME_REASON', metadata: { minimum: '12' }, violations })),
    });
    const error = await thrownBy(async () => client(server).transformArchitecture(good, { retry: false }));
    expect(error).toMatchObject({ name: 'DomainError', kind, reason: 'SOME_REASON', message: 'no luck', metadata: { minimum: '12' }, violations });
    expect(await callLine(server)).toMatchObject({ code: statusName(STATUS_OF_KIND[kind]) });
  });

  it('hide what is unexpected from the client and tell it to the log', async () => {
    const server = await start({ transformArchitecture: () => Promise.reject(new TypeError('password is hunter2')) });
    const error = await thrownBy(async () => client(server).transformArchitecture(good, { metadata: Metadata({ 'x-request-id': 'r-7' }) }));
    expect(error).toMatchObject({ kind: 'INTERNAL', message: 'internal error; request id r-7' });
    expect(server.logs).toContainEqual(expect.objectContaining({ requestId: 'r-7', err: expect.objectContaining({ message: 'password is hunter2' }) }));
    expect(await callLine(server)).toMatchObject({ code: 'INTERNAL', level: 50 });
  });

  it('answers UNIMPLEMENTED for a service that is not there', async () => {
    running = await startTestServer({ services: [evaluations({})] });
    expect(await thrownBy(async () => client(running ?? expect.fail()).transformArchitecture(good))).toMatchObject({ kind: 'UNIMPLEMENTED' });
  });
});

describe('bad requests', () => {
  it('name every field that breaks a rule', async () => {
    const server = await start({ transformArchitecture: answer });
    const error = await thrownBy(async () => client(server).transformArchitecture({ parent: 'nope', options: { samples: 5000 } }));
    expect(error).toMatchObject({ kind: 'INVALID_ARGUMENT', reason: 'INVALID_FIELD' });
    expect((error as DomainError).violations.map(({ field }) => field).sort()).toEqual(['options.samples', 'parent', 'source']);
  });

  it('find their way into nested messages: not a number, an empty cell, an unknown enum value', async () => {
    const server = await start({ transformArchitecture: answer });
    const cell = { name: 'c', inputs: 1, nodes: 2, output: { $case: 'last', value: {} } } as const;
    const nan = { from: 0, to: 1, operation: { $case: 'fixed', value: { name: 'x', params: Number.NaN } } } as const;
    const spec = architecture.ArchitectureSpec.create({
      cells: [
        { ...cell, edges: [] },
        { ...cell, edges: [nan] },
      ],
      skeleton: { $case: 'repeatedSkeleton', value: {} },
    });
    const call = async () =>
      client(server).transformArchitecture({
        ...good,
        source: { ref: { $case: 'spec', value: spec } },
        options: { placement: { network: 'UNRECOGNIZED' } },
      });
    const fields = ((await thrownBy(call)) as DomainError).violations.map(({ field }) => field);
    expect(fields).toEqual(expect.arrayContaining(['source.spec.cells[0].edges', 'source.spec.cells[1].edges[0].fixed.params', 'options.placement.network']));
  });

  it('of 10^5 edges get INVALID_ARGUMENT at once, in a trailer that every client accepts', async () => {
    const server = await start({ transformArchitecture: answer });
    const edge = { from: 0, to: 1, operation: { $case: 'primitive', value: { name: 'null' } } } as const;
    const cell = { name: 'c', inputs: 1, nodes: 2, edges: Array.from({ length: 100_000 }, () => edge), output: { $case: 'last', value: {} } } as const;
    const spec = architecture.ArchitectureSpec.create({ cells: [cell], skeleton: { $case: 'repeatedSkeleton', value: {} } });
    const error = await thrownBy(async () => client(server).transformArchitecture({ ...good, source: { ref: { $case: 'spec', value: spec } } }));
    expect(error).toMatchObject({ kind: 'INVALID_ARGUMENT', violations: [{ field: 'source.spec.cells[0].edges' }] });
    expect((await client(server).transformArchitecture(good)).policyVersion).toBe('v1');
  });

  it('with thousands of violations keep the trailer under 8 KiB and say how many more there are', async () => {
    const server = await start({ transformArchitecture: answer });
    const edge = { from: 0, to: 1, stride: 9, operation: { $case: 'primitive', value: { name: 'null' } } } as const;
    const cell = { name: 'c', inputs: 1, nodes: 2, edges: Array.from({ length: 4000 }, () => edge), output: { $case: 'last', value: {} } } as const;
    const spec = architecture.ArchitectureSpec.create({ cells: [cell], skeleton: { $case: 'repeatedSkeleton', value: {} } });
    let trailer: Metadata | undefined;
    const call = async () =>
      client(server).transformArchitecture({ ...good, source: { ref: { $case: 'spec', value: spec } } }, { onTrailer: (it) => (trailer = it) });
    const { violations } = (await thrownBy(call)) as DomainError;
    expect(violations.length).toBeGreaterThan(10);
    expect(violations.at(-1)?.description).toMatch(/^and \d+ more$/);
    expect(Buffer.from(trailer?.get('grpc-status-details-bin') ?? '').toString('base64').length).toBeLessThan(6500);
  });

  it('that cannot be decoded, or hold integers beyond 2^53, are INVALID_ARGUMENT and not INTERNAL', async () => {
    const server = await start({ transformArchitecture: answer });
    const raw = (bytes: number[]) => ({
      ...transform.TransformServiceDefinition,
      methods: {
        transformArchitecture: {
          ...transform.TransformServiceDefinition.methods.transformArchitecture,
          requestType: { ...transform.TransformArchitectureRequest, encode: () => ({ finish: () => Uint8Array.from(bytes) }) },
        },
      },
    });
    const garbage = server.channel().client(raw([0x0a, 0xff, 0xff]));
    expect(await thrownBy(async () => garbage.transformArchitecture(good))).toMatchObject({ kind: 'INVALID_ARGUMENT', reason: 'MALFORMED_REQUEST' });
    const wellFormed = transform.TransformArchitectureRequest.encode(transform.TransformArchitectureRequest.create(good)).finish();
    // options { seed: 2^64 - 1 }
    const seed = [0x1a, 11, 0x40, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    const huge = server.channel().client(raw([...wellFormed, ...seed]));
    expect(await thrownBy(async () => huge.transformArchitecture(good))).toMatchObject({ kind: 'INVALID_ARGUMENT' });
  });

  it('are refused in the middle of a stream', async () => {
    const seen: string[] = [];
    const server = await start({
      async *streamTransformArchitectures(requests) {
        for await (const { parent } of requests) {
          seen.push(parent);
          yield { outcomes: [] };
        }
      },
    });
    const refused = Promise.withResolvers<undefined>();
    async function* requests() {
      yield { parent: 'a', sources: [zoo] };
      yield { parent: 'b', sources: [{}] };
      await refused.promise; // the client has not ended its side
    }
    const read = async () => {
      for await (const _ of client(server).streamTransformArchitectures(requests()));
    };
    expect(await thrownBy(read)).toMatchObject({ kind: 'INVALID_ARGUMENT', violations: [{ field: 'sources[0].ref' }] });
    refused.resolve(undefined);
    expect(seen).toEqual(['a']);
  });
});

describe('limits', () => {
  it('refuse a message that is too large with RESOURCE_EXHAUSTED and serve on', async () => {
    const server = await start({ transformArchitecture: answer }, { limits: { maxRequestBytes: 1_000_000 } });
    const service = client(server);
    for (const megabytes of [2, 60]) {
      const request = { ...good, source: { ref: { $case: 'json', value: 'x'.repeat(megabytes * 1_000_000) } } } as const;
      expect(await thrownBy(async () => service.transformArchitecture(request))).toMatchObject({ kind: 'RESOURCE_EXHAUSTED' });
      expect((await service.transformArchitecture(good)).policyVersion).toBe('v1');
    }
    expect(server.logs.filter(({ msg }) => msg === 'call').map((line) => line['code'])).toEqual(['RESOURCE_EXHAUSTED', 'OK', 'RESOURCE_EXHAUSTED', 'OK']);
  });

  it('are wider for methods that carry checkpoints', () => {
    const importing = '/nat.policy.v1.PolicyService/ImportPolicy';
    requireRequestSize(importing, 64 * 2 ** 20 + 5_000);
    expect(() => requireRequestSize('/nat.policy.v1.PolicyService/GetPolicy', 5 * 2 ** 20)).toThrow(/this method takes 4194304/);
    expect(LONGEST_REQUEST_BYTES).toBeGreaterThan(64 * 2 ** 20);
  });
});

describe('deadlines and cancellation', () => {
  /** A handler that works until its signal aborts. */
  const stuck = (stopped: () => void, entered?: () => void) => async (_request: unknown, context: ServiceCallContext) => {
    entered?.();
    await new Promise((_resolve, reject) => {
      context.signal.addEventListener('abort', () => {
        stopped();
        reject(context.signal.reason as Error);
      });
    });
    return {};
  };

  it('end the call at the client and the work at the server', async () => {
    const stopped = vi.fn();
    const server = await start({ transformArchitecture: stuck(stopped) });
    expect(await thrownBy(async () => client(server).transformArchitecture(good, { deadlineMs: 50 }))).toMatchObject({ kind: 'DEADLINE_EXCEEDED' });
    await vi.waitFor(() => {
      expect(stopped).toHaveBeenCalledOnce();
    });
    expect(['DEADLINE_EXCEEDED', 'CANCELLED']).toContain((await callLine(server))['code']);
  });

  it('reach the server when the client itself keeps no time', async () => {
    const stopped = vi.fn();
    const server = await start({ transformArchitecture: stuck(stopped) });
    const call = client(server).transformArchitecture(good, { deadlineMs: Infinity, metadata: Metadata({ 'grpc-timeout': '50m' }) });
    expect(await thrownBy(async () => call)).toMatchObject({ kind: 'DEADLINE_EXCEEDED' });
    expect(await callLine(server)).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(stopped).toHaveBeenCalledOnce();
  });

  it('pass a client that leaves on to the handler', async () => {
    const stopped = vi.fn();
    const controller = new AbortController();
    const leave = (): void => {
      controller.abort();
    };
    const server = await start({ transformArchitecture: stuck(stopped, leave) });
    const call = client(server).transformArchitecture(good, { signal: controller.signal });
    expect(await thrownBy(async () => call)).toMatchObject({ name: 'AbortError' });
    await vi.waitFor(() => {
      expect(stopped).toHaveBeenCalledOnce();
    });
    expect(await callLine(server)).toMatchObject({ code: 'CANCELLED' });
  });
});

describe('pending requests', () => {
  it('of more bytes than a server may hold are refused until some are answered', async () => {
    const released = Promise.withResolvers<undefined>();
    const entered = Promise.withResolvers<undefined>();
    const server = await start(
      {
        transformArchitecture: async () => {
          entered.resolve(undefined);
          await released.promise;
          return { policyVersion: 'v' };
        },
      },
      { limits: { maxPendingBytes: 1_000 } },
    );
    const calls = server.channel({ maxAttempts: 1 }).client(transform.TransformServiceDefinition);
    const request = { parent: 'namespaces/default', source: { ref: { $case: 'genotype', value: 'x'.repeat(800) } } } as const;
    const first = calls.transformArchitecture(request);
    await entered.promise;
    expect(await thrownBy(async () => calls.transformArchitecture(request))).toMatchObject({ kind: 'UNAVAILABLE', reason: 'SERVER_BUSY' });
    released.resolve(undefined);
    await first;
    expect((await calls.transformArchitecture(request)).policyVersion).toBe('v');
  });
});
