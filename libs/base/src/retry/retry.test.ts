import { describe, expect, it } from 'vitest';
import { DomainError } from '../errors/index.ts';
import { ManualClock } from '../clock/index.ts';
import { Backoff, retry, retryIntervalMs, type Retry, type RetryPolicy } from './index.ts';

const away = new DomainError('UNAVAILABLE', 'the server is away');
const wrong = new DomainError('INVALID_ARGUMENT', 'the request is wrong');

/** Fails with the errors in turn, then gives the number of the try. */
const failing =
  (...errors: readonly Error[]) =>
  (attempt: number): Promise<number> =>
    attempt <= errors.length ? Promise.reject(errors[attempt - 1]!) : Promise.resolve(attempt);

/** Moves the clock whenever the work sleeps, until it has ended. */
async function runToEnd<T>(clock: ManualClock, work: Promise<T>): Promise<T> {
  const state = { ended: false };
  const end = (): void => {
    state.ended = true;
  };
  work.then(end, end);
  while (!state.ended) await clock.advance(1);
  return work;
}

describe('the intervals of a policy', () => {
  it('grow by the coefficient up to the maximum', () => {
    const policy: RetryPolicy = { initialIntervalMs: 10, backoffCoefficient: 3, maximumIntervalMs: 200 };
    expect([1, 2, 3, 4, 5, 5_000].map((attempt) => retryIntervalMs(policy, attempt))).toEqual([10, 30, 90, 200, 200, 200]);
  });

  it('double up to a hundred times the first, where nothing else is said', () => {
    expect([1, 2, 3, 7, 8].map((attempt) => retryIntervalMs({ initialIntervalMs: 10 }, attempt))).toEqual([10, 20, 40, 640, 1_000]);
  });
});

describe('retry', () => {
  it('tries again after growing pauses until the call succeeds', async () => {
    const clock = new ManualClock();
    const retries: Retry[] = [];
    const done = retry({ initialIntervalMs: 10 }, failing(away, away, away), { clock, onRetry: (one) => retries.push(one) });
    await expect(runToEnd(clock, done)).resolves.toBe(4);
    expect(retries.map(({ attempt, pauseMs }) => [attempt, pauseMs])).toEqual([[1, 10], [2, 20], [3, 40]]); // prettier-ignore
    expect(retries[0]!.error).toBe(away);
    expect(clock.slept).toEqual([10, 20, 40]);
  });

  it('draws each pause from nothing to the interval with a generator', async () => {
    const clock = new ManualClock();
    const draws = [0.5, 0, 0.25];
    const done = retry({ initialIntervalMs: 100 }, failing(away, away, away), { clock, random: () => draws.shift()! });
    await expect(runToEnd(clock, done)).resolves.toBe(4);
    expect(clock.slept).toEqual([50, 0, 100]);
  });

  it('throws at once what no other try mends', async () => {
    const clock = new ManualClock();
    await expect(retry({ initialIntervalMs: 10 }, failing(wrong), { clock })).rejects.toBe(wrong);
    await expect(runToEnd(clock, retry({ initialIntervalMs: 10 }, failing(away, wrong), { clock }))).rejects.toBe(wrong);
    expect(clock.slept).toEqual([10]);
  });

  it('asks the caller which errors those are', async () => {
    const clock = new ManualClock();
    await expect(runToEnd(clock, retry({ initialIntervalMs: 10 }, failing(wrong), { clock, retryable: () => true }))).resolves.toBe(2);
    await expect(retry({ initialIntervalMs: 10 }, failing(away), { clock, retryable: () => false })).rejects.toBe(away);
  });

  it('gives up after the attempts, with the last error', async () => {
    const clock = new ManualClock();
    const last = new DomainError('UNAVAILABLE', 'still away');
    const done = retry({ initialIntervalMs: 10, maximumAttempts: 3 }, failing(away, away, last, away), { clock });
    await expect(runToEnd(clock, done)).rejects.toBe(last);
    expect(clock.slept).toEqual([10, 20]);
  });

  it('begins no try after the time', async () => {
    const clock = new ManualClock();
    const slow = async (): Promise<never> => {
      await clock.sleep(5);
      throw away;
    };
    await expect(runToEnd(clock, retry({ initialIntervalMs: 10, maximumElapsedMs: 50 }, slow, { clock }))).rejects.toBe(away);
    // 5 + 10 + 5 + 20 + 5 = 45; another 40 would be past it.
    expect(clock.now()).toBe(45);
  });

  it('ends in a pause when the signal aborts, with its reason', async () => {
    const clock = new ManualClock();
    const abort = new AbortController();
    const done = retry({ initialIntervalMs: 10 }, failing(away, away), { clock, signal: abort.signal });
    await clock.untilSleeping();
    const reason = new Error('the process stops');
    abort.abort(reason);
    await expect(done).rejects.toBe(reason);
  });

  it('calls nothing with a signal that has aborted, and does not retry what it ended', async () => {
    const abort = new AbortController();
    const reason = new Error('the process stops');
    let calls = 0;
    const call = (): Promise<never> => {
      calls += 1;
      abort.abort(reason);
      return Promise.reject(away);
    };
    await expect(retry({ initialIntervalMs: 1 }, call, { signal: abort.signal })).rejects.toBe(reason);
    await expect(retry({ initialIntervalMs: 1 }, call, { signal: abort.signal })).rejects.toBe(reason);
    expect(calls).toBe(1);
  });
});

describe('Backoff', () => {
  it('begins anew after a success', async () => {
    const clock = new ManualClock();
    const backoff = new Backoff({ initialIntervalMs: 10, maximumIntervalMs: 25 }, { clock });
    expect([backoff.fail(), backoff.fail(), backoff.fail(), backoff.fail()]).toEqual([10, 20, 25, 25]);
    expect(backoff.failures).toBe(4);
    backoff.reset();
    expect(backoff.failures).toBe(0);
    expect(await runToEnd(clock, backoff.pause())).toBe(true);
    expect(clock.slept).toEqual([10]);
  });

  it('pauses no longer than until the signal aborts, and says when there is no other try', async () => {
    const clock = new ManualClock();
    const backoff = new Backoff({ initialIntervalMs: 10, maximumAttempts: 2 }, { clock });
    const abort = new AbortController();
    const pausing = backoff.pause(abort.signal);
    await clock.untilSleeping();
    abort.abort();
    expect(await pausing).toBe(true);
    expect(await backoff.pause(abort.signal)).toBe(false);
  });

  it('counts the time from the last success', async () => {
    const clock = new ManualClock();
    const backoff = new Backoff({ initialIntervalMs: 10, maximumElapsedMs: 50 }, { clock });
    await clock.advance(1_000);
    expect(backoff.fail()).toBeUndefined();
    backoff.reset();
    expect(backoff.fail()).toBe(10);
  });
});
