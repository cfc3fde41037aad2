import { evaluation } from '@nat/contracts';
import { describe, expect, it } from 'vitest';
import { Backoff } from '@nat/base/retry';
import type { EvaluationKindName } from '@nat/convert';
import { startPoller, type Poller, type LeaseRequest } from './poller.ts';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const WEIGHTS = 'ab'.repeat(32);
const SPECS: Readonly<Partial<Record<EvaluationKindName, evaluation.EvaluationSpec>>> = {
  'shared-weights': evaluation.EvaluationSpec.create({ kind: { $case: 'sharedWeights', value: { weights: WEIGHTS } } }),
  'from-scratch': evaluation.EvaluationSpec.create({ kind: { $case: 'fromScratch', value: {} } }),
};

/** A poller whose server, work and clock are moved by hand. */
function moved(capacity: number) {
  const asked: { readonly request: LeaseRequest; readonly answer: PromiseWithResolvers<readonly evaluation.Lease[]> }[] = [];
  const running = new Map<string, { readonly end: () => void }>();
  const begun: string[] = [];
  const kept: string[] = [];
  let clock = 0;
  const poller: Poller = startPoller({
    kinds: ['shared-weights', 'from-scratch'],
    capacity,
    leaseWaitMs: 20_000,
    loadedWeights: () => kept,
    lease: (request, signal) => {
      const answer = Promise.withResolvers<readonly evaluation.Lease[]>();
      signal.addEventListener('abort', () => {
        answer.reject(new Error('aborted'));
      });
      asked.push({ request, answer });
      return answer.promise;
    },
    run: ({ evaluation: name }, runInSlot) =>
      runInSlot(() => {
        begun.push(name);
        return new Promise<void>((resolve) => {
          running.set(name, {
            end: () => {
              running.delete(name);
              resolve();
            },
          });
        });
      }, new AbortController().signal),
    onError: () => Promise.resolve(),
    backoff: new Backoff({ initialIntervalMs: 1 }),
    now: () => clock,
  });
  return {
    poller,
    begun,
    /** Weights in memory where nothing runs. */
    kept,
    requests: () => asked.map(({ request }) => request),
    /** Answers the last request, and runs what that makes run. */
    give: async (...leases: readonly (readonly [name: string, kind: EvaluationKindName])[]) => {
      asked.at(-1)!.answer.resolve(leases.map(([name, kind]) => evaluation.Lease.create({ evaluation: name, spec: SPECS[kind] })));
      await settled();
    },
    end: async (name: string, ms: number) => {
      clock += ms;
      running.get(name)!.end();
      await settled();
    },
  };
}

describe('a poller', () => {
  it('asks for all it can run, and for more when something ended', async () => {
    const { give, end, requests, begun, poller } = moved(2);
    expect(requests()).toEqual([{ maxCount: 2, kinds: ['shared-weights', 'from-scratch'], waitMs: 20_000, loadedWeights: [] }]);
    await give(['a', 'from-scratch'], ['b', 'from-scratch']);
    expect(begun).toEqual(['a', 'b']);
    expect(requests()).toHaveLength(1);
    await end('a', 60_000);
    expect(requests().at(-1)).toEqual({ maxCount: 1, kinds: ['shared-weights', 'from-scratch'], waitMs: 20_000, loadedWeights: [] });
    void end('b', 1);
    await poller.stop();
  });

  it('leases one more of a short kind for each that runs', async () => {
    const { give, end, requests, begun, poller } = moved(1);
    await give(['a', 'shared-weights']);
    // Nobody knows yet how long it takes.
    expect(requests()).toHaveLength(1);
    await end('a', 900);
    await give(['b', 'shared-weights']);
    expect(requests().at(-1)).toEqual({ maxCount: 1, kinds: ['shared-weights'], waitMs: 2_000, loadedWeights: [WEIGHTS] });
    await give(['c', 'shared-weights']);
    expect(begun).toEqual(['a', 'b']);
    const before = requests().length;
    await end('b', 900);
    expect(begun).toEqual(['a', 'b', 'c']);
    expect(requests()).toHaveLength(before + 1);
    await end('c', 900);
    await poller.stop();
  });

  it('leases nothing ahead behind a long one, and no kind that has become long', async () => {
    const { give, end, requests, poller } = moved(1);
    await give(['a', 'shared-weights']);
    await end('a', 900);
    await give(['long', 'from-scratch']);
    const before = requests().length;
    await settled();
    expect(requests()).toHaveLength(before);
    await end('long', 60_000);
    await give(['b', 'shared-weights']);
    await give();
    await end('b', 10_000);
    await give();
    await give(['c', 'shared-weights']);
    expect(requests().at(-1)).toMatchObject({ waitMs: 20_000 });
    void end('c', 1);
    await poller.stop();
  });

  it('asks first for what has its weights in memory: where nothing runs now, and where one of a short kind will have ended', async () => {
    const { give, end, kept, requests, poller } = moved(1);
    await give(['a', 'shared-weights']);
    kept.push('what the executor says');
    await end('a', 900);
    expect(requests().at(-1)).toMatchObject({ waitMs: 20_000, loadedWeights: ['what the executor says'] });
    await give(['b', 'shared-weights']);
    expect(requests().at(-1)).toMatchObject({ waitMs: 2_000, loadedWeights: [WEIGHTS] });
    void end('b', 1);
    await poller.stop();
  });
});
