import { setTimeout as pause } from 'node:timers/promises';
import type { AnyDatabase } from '@nat/storage';

/** One that waits. A ring between `reset` and `wait` counts; rings may be missed, so waits end by themselves too. */
export interface Waiter {
  readonly reset: () => void;
  /** Resolves after a ring, after `ms`, or when the signal aborts. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** Wakes who waits for a change in the database. */
export interface Bell extends Waiter {
  readonly ring: () => void;
  /** A further one: of several that wait at the same time, none resets what another has not heard. */
  readonly waiter: () => Waiter;
  readonly close: () => Promise<void>;
}

/** A bell that a channel of the database rings. */
export async function openBell(database: AnyDatabase, channel: string): Promise<Bell> {
  let rings = 0;
  let next = Promise.withResolvers<undefined>();
  const ring = (): void => {
    rings += 1;
    next.resolve(undefined);
    next = Promise.withResolvers<undefined>();
  };
  const waiter = (): Waiter => {
    let heard = rings;
    return {
      reset: () => {
        heard = rings;
      },
      wait: async (ms, signal) => {
        if (signal.aborted || rings > heard) return;
        const timer = new AbortController();
        await Promise.race([next.promise, pause(ms, undefined, { signal: AbortSignal.any([signal, timer.signal]), ref: false }).catch(() => undefined)]);
        timer.abort();
      },
    };
  };
  const close = await database.listen(channel, ring);
  return { ...waiter(), ring, waiter, close };
}
