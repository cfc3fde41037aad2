import { describe, expect, it } from 'vitest';
import { ManualClock, systemClock } from './index.ts';

describe('the clock of the system', () => {
  it('sleeps, and not at all for no time', async () => {
    const before = systemClock.now();
    await systemClock.sleep(5);
    expect(systemClock.now() - before).toBeGreaterThanOrEqual(4);
    await systemClock.sleep(0);
    await systemClock.sleep(-1);
  });

  it('wakes when the signal aborts, however long the sleep: beyond what a timer of Node takes', async () => {
    const abort = new AbortController();
    const sleeping = systemClock.sleep(2 ** 40, { signal: abort.signal });
    let awake = false;
    void sleeping.then(() => (awake = true));
    await systemClock.sleep(5);
    expect(awake).toBe(false);
    abort.abort();
    await sleeping;
    await systemClock.sleep(2 ** 40, { signal: abort.signal });
  });
});

describe('a manual clock', () => {
  it('wakes sleepers in the order of their ends, each at its time', async () => {
    const clock = new ManualClock();
    const woke: [string, number][] = [];
    const sleeper = async (name: string, ...lengths: readonly number[]): Promise<void> => {
      for (const ms of lengths) {
        await clock.sleep(ms);
        woke.push([name, clock.now()]);
      }
    };
    void sleeper('a', 30);
    void sleeper('b', 10, 10, 100);
    await clock.advance(35);
    expect(woke).toEqual([['b', 10], ['b', 20], ['a', 30]]); // prettier-ignore
    expect(clock.now()).toBe(35);
    expect(clock.sleeping).toBe(1);
    expect(clock.slept).toEqual([30, 10, 10, 100]);
  });

  it('ends sleeps of signals that abort', async () => {
    const clock = new ManualClock();
    const abort = new AbortController();
    const sleeping = clock.sleep(10, { signal: abort.signal });
    await clock.untilSleeping();
    abort.abort();
    await sleeping;
    expect(clock.sleeping).toBe(0);
  });
});
