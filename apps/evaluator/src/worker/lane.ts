import type { evaluation } from '@nat/contracts';
import type { Backoff } from './backoff.ts';

export interface LaneOptions {
  /** Leases that run at once. */
  readonly capacity: number;
  /** Waits for up to so many leases. */
  readonly lease: (maxCount: number, signal: AbortSignal) => Promise<readonly evaluation.Lease[]>;
  /** Runs one to its end; never rejects. */
  readonly run: (lease: evaluation.Lease) => Promise<void>;
  readonly onError: (error: unknown) => Promise<void>;
  readonly backoff: Backoff;
}

/** Leases and runs, as much at once as it has room for. */
export interface Lane {
  /** Stops leasing; resolves when the last one that runs has ended. */
  readonly stop: () => Promise<void>;
}

export function startLane({ capacity, lease, run, onError, backoff }: LaneOptions): Lane {
  const stopping = new AbortController();
  const isStopping = (): boolean => stopping.signal.aborted;
  const running = new Set<Promise<void>>();
  const stopped = new Promise<void>((resolve) => {
    stopping.signal.addEventListener('abort', () => {
      resolve();
    });
  });

  const loop = async (): Promise<void> => {
    while (!isStopping()) {
      if (running.size >= capacity) {
        await Promise.race([...running, stopped]);
        continue;
      }
      try {
        for (const one of await lease(capacity - running.size, stopping.signal)) {
          const job = run(one).finally(() => running.delete(job));
          running.add(job);
        }
        backoff.reset();
      } catch (error) {
        if (isStopping()) return;
        await onError(error);
        await backoff.pause(stopping.signal);
      }
    }
  };
  const looping = loop();

  return {
    stop: async () => {
      stopping.abort();
      await looping;
      await Promise.all(running);
    },
  };
}
