import { Writable } from 'node:stream';
import { evaluation, transform } from '@nat/contracts';
import { DomainError, type DomainErrorKind } from '@nat/base/errors';
import { afterEach, describe, expect, it } from 'vitest';
import { createChannelTo } from './client.ts';
import { createLogger } from '../observability/logger.ts';
import { createServer } from '../server/server.ts';
import { evaluations, registry, startTestServer, transforms, type TestServer } from '../testing/test-server.ts';
import { thrownBy } from '../testing/thrown-by.ts';

const good = { parent: 'namespaces/default', source: { ref: { $case: 'zoo', value: 'DARTS' } } } as const;
let test: TestServer | undefined;
afterEach(async () => {
  await test?.close();
  test = undefined;
});

/** Handlers that fail `failures` times before they answer, and count. */
async function flaky(failures: number, kind: DomainErrorKind = 'UNAVAILABLE') {
  let calls = 0;
  const respond = async <Response>(response: Response): Promise<Response> => {
    calls += 1;
    if (calls <= failures) throw new DomainError(kind, 'not now');
    return Promise.resolve(response);
  };
  test = await startTestServer({
    services: [
      transforms({ transformArchitecture: async () => respond({ policyVersion: 'v' }) }),
      evaluations({ submitEvaluations: async () => respond({ names: [] }), getEvaluation: async () => respond({ name: 'n' }) }),
    ],
  });
  return { test, calls: () => calls };
}

const submission = evaluation.SubmitEvaluationsRequest.create({
  parent: 'namespaces/default',
  evaluations: [{ evaluationId: 'e', spec: { kind: { $case: 'average', value: { round: 1, weights: ['0'.repeat(64)] } } } }],
});

describe('retries', () => {
  it('repeat a read until it works', async () => {
    const { test, calls } = await flaky(3);
    const client = test.channel().client(evaluation.EvaluationServiceDefinition);
    expect((await client.getEvaluation({ name: 'namespaces/default/evaluations/e' })).name).toBe('n');
    expect(calls()).toBe(4);
  });

  it('give up after the last attempt, with the last error', async () => {
    const { test, calls } = await flaky(100);
    const client = test.channel({ maxAttempts: 3 }).client(transform.TransformServiceDefinition);
    expect(await thrownBy(async () => client.transformArchitecture(good))).toMatchObject({ kind: 'UNAVAILABLE', message: 'not now' });
    expect(calls()).toBe(3);
  });

  it('leave a write alone unless the caller says that it may be repeated', async () => {
    const { test, calls } = await flaky(1);
    const client = test.channel().client(evaluation.EvaluationServiceDefinition);
    expect(await thrownBy(async () => client.submitEvaluations(submission))).toMatchObject({ kind: 'UNAVAILABLE' });
    expect(calls()).toBe(1);
    expect(await client.submitEvaluations(submission, { retry: true })).toEqual({ names: [] });
  });

  it('leave errors alone that repeating does not cure', async () => {
    const { test, calls } = await flaky(1, 'INTERNAL');
    const client = test.channel().client(transform.TransformServiceDefinition);
    expect(await thrownBy(async () => client.transformArchitecture(good))).toMatchObject({ kind: 'INTERNAL' });
    expect(calls()).toBe(1);
  });

  it('pause for a random share of a bound that doubles', async () => {
    const { test } = await flaky(3);
    const pauses: unknown[] = [];
    const destination = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        pauses.push((JSON.parse(chunk.toString('utf8')) as { pauseMs: unknown }).pauseMs);
        done();
      },
    });
    const logger = createLogger({ name: 'client', level: 'debug', destination });
    const client = test.channel({ baseDelayMs: 8, random: () => 0.5, logger }).client(transform.TransformServiceDefinition);
    await client.transformArchitecture(good);
    expect(pauses).toEqual([4, 8, 16]);
  });

  it('end with the deadline', async () => {
    const { test, calls } = await flaky(100);
    const client = test.channel({ baseDelayMs: 2000, random: () => 1, maxAttempts: 100 }).client(transform.TransformServiceDefinition);
    expect(await thrownBy(async () => client.transformArchitecture(good, { deadlineMs: 1000 }))).toMatchObject({ kind: 'DEADLINE_EXCEEDED' });
    expect(calls()).toBe(1);
  });

  it('bridge a server that is not there yet', async () => {
    const first = await flaky(0);
    const { port } = first.test;
    await first.test.close();
    const missed = Promise.withResolvers<undefined>();
    const random = (): number => {
      missed.resolve(undefined); // asked before each pause
      return 1;
    };
    const channel = createChannelTo(`127.0.0.1:${port}`, { baseDelayMs: 100, random, maxAttempts: 100 });
    const call = channel.client(transform.TransformServiceDefinition).transformArchitecture(good);
    await missed.promise;
    const late = createServer({
      logger: createLogger({ name: 'late', level: 'silent' }),
      registry,
      services: [transforms({ transformArchitecture: async () => Promise.resolve({ policyVersion: 'late' }) })],
    });
    await late.listen({ host: '127.0.0.1', port });
    expect((await call).policyVersion).toBe('late');
    channel.close();
    await late.drain(500);
  });
});

describe('a channel', () => {
  it('takes turns over a list of replicas, and does without one that is gone', async () => {
    const calls = [0, 0];
    const servers = await Promise.all(
      calls.map((_, i) =>
        startTestServer({
          services: [
            transforms({
              transformArchitecture: async () => {
                calls[i]! += 1;
                return Promise.resolve({ policyVersion: String(i) });
              },
            }),
          ],
        }),
      ),
    );
    const channel = createChannelTo(servers.map(({ address }) => address).join(','), { baseDelayMs: 20 });
    const client = channel.client(transform.TransformServiceDefinition);
    try {
      while (calls.includes(0)) await client.transformArchitecture(good);
      await servers[0]!.close();
      const before = calls[1]!;
      for (let i = 0; i < 10; i++) await client.transformArchitecture(good);
      expect(calls[1]).toBe(before + 10);
    } finally {
      channel.close();
      await servers[1]!.close();
    }
  });

  it('refuses a list that holds names', () => {
    expect(() => createChannelTo('127.0.0.1:1,evaluator:2')).toThrow(/not evaluator:2; a name that has several: dns/);
  });

  it('says when nobody answers', async () => {
    const channel = createChannelTo('127.0.0.1:1', { maxAttempts: 1 });
    expect(await thrownBy(async () => channel.waitUntilReady(200))).toMatchObject({ kind: 'UNAVAILABLE' });
    expect(await thrownBy(async () => channel.client(transform.TransformServiceDefinition).transformArchitecture(good))).toMatchObject({ kind: 'UNAVAILABLE' });
    channel.close();
  });
});
