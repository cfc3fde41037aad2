import { describe, expect, it } from 'vitest';
import { ManualClock } from '../clock/index.ts';
import { Notifier } from './index.ts';

/** Whether a promise has settled by now. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  const open = Symbol('open');
  await new Promise((resolve) => setImmediate(resolve));
  return (await Promise.race([promise, Promise.resolve(open)])) !== open;
}

describe('a notifier', () => {
  it('wakes who waits', async () => {
    const clock = new ManualClock();
    const notifier = new Notifier(clock);
    const waiting = [notifier.waiter().wait(1_000), notifier.waiter().wait(1_000)];
    expect(await settled(waiting[0]!)).toBe(false);
    notifier.notify();
    await Promise.all(waiting);
    expect(clock.now()).toBe(0);
    expect(clock.sleeping).toBe(0); // no timer is left behind
  });

  it('does not miss what comes between reset and wait', async () => {
    const notifier = new Notifier(new ManualClock());
    const waiter = notifier.waiter();
    waiter.reset();
    notifier.notify();
    await waiter.wait(1_000);
    await waiter.wait(1_000); // until it is reset
    waiter.reset();
    const waiting = waiter.wait(1_000);
    expect(await settled(waiting)).toBe(false);
    notifier.notify();
    await waiting;
  });

  it('keeps waiters apart', async () => {
    const notifier = new Notifier(new ManualClock());
    const [one, other] = [notifier.waiter(), notifier.waiter()];
    notifier.notify();
    one.reset();
    await other.wait(1_000);
    expect(await settled(one.wait(1_000))).toBe(false);
  });

  it('ends a wait after its time, and when the signal aborts', async () => {
    const clock = new ManualClock();
    const waiter = new Notifier(clock).waiter();
    const waiting = waiter.wait(1_000);
    await clock.advance(999);
    expect(await settled(waiting)).toBe(false);
    await clock.advance(1);
    await waiting;

    const abort = new AbortController();
    const aborted = waiter.wait(1_000, abort.signal);
    expect(await settled(aborted)).toBe(false);
    abort.abort();
    await aborted;
    await waiter.wait(1_000, abort.signal);
    expect(clock.sleeping).toBe(0);
  });

  it('listens to another source until it is closed', async () => {
    const listeners = new Set<() => void>();
    const notifier = await Notifier.open((notify) => {
      listeners.add(notify);
      return Promise.resolve(() => {
        listeners.delete(notify);
        return Promise.resolve();
      });
    }, new ManualClock());
    const waiter = notifier.waiter();
    const waiting = waiter.wait(1_000);
    expect(await settled(waiting)).toBe(false);
    for (const signal of listeners) signal();
    await waiting;
    await notifier.close();
    expect(listeners.size).toBe(0);
    await new Notifier().close();
  });
});
