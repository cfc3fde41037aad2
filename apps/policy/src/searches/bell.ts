import { setTimeout as pause } from 'node:timers/promises';
import type { AnyDatabase } from '@nat/storage';

/** Wakes who waits for a change in the database. A ring between `reset` and `wait` counts; rings may be missed, so waits end by themselves too. */
export interface Bell {
  readonly reset: () => void;
  /** Resolves after a ring, after `ms`, or when the signal aborts. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly ring: () => void;
  readonly close: () => Promise<void>;
}

/** A bell that a channel of the database rings. */
export async function openBell(database: AnyDatabase, channel: string): Promise<Bell> {
  let rung = Promise.withResolvers<undefined>();
  const ring = (): void => {
    rung.resolve(undefined);
  };
  const close = await database.listen(channel, ring);
  return {
    reset: () => {
      rung = Promise.withResolvers<undefined>();
    },
    wait: async (ms, signal) => {
      if (signal.aborted) return;
      const timer = new AbortController();
      await Promise.race([rung.promise, pause(ms, undefined, { signal: AbortSignal.any([signal, timer.signal]), ref: false }).catch(() => undefined)]);
      timer.abort();
    },
    ring,
    close,
  };
}
