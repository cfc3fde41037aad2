/** Takes open rows that nobody owns and works on them, as many at a time as this process may. */
import type { Logger } from '@nat/service';
import { openNotifier, type AnyDatabase } from '@nat/storage';
import { Backoff } from '@nat/base/retry';
import { claim, release, renew, type OwnedTable, type Ownership } from './ownership.ts';

export interface OwnerLoopOptions {
  readonly database: AnyDatabase;
  readonly table: OwnedTable;
  /** Signalled when there may be a row to take. */
  readonly channel: string;
  /** This process; see `ClaimOptions`. */
  readonly owner: string;
  readonly most: number;
  readonly leaseMs: number;
  readonly renewMs: number;
  /** Pause after the database did not answer. */
  readonly retryMs: number;
  readonly logger: Logger;
  /** Works on a row until there is nothing more to do for this process. Its errors are logged, and the row let go. */
  readonly work: (ownership: Ownership, signal: AbortSignal) => Promise<void>;
}

export interface OwnerLoop {
  /** Stops all work where it stands and lets the rows go; resolves when nothing is left running. */
  readonly close: () => Promise<void>;
}

interface Running {
  readonly ownership: Ownership;
  readonly abort: AbortController;
  readonly done: Promise<void>;
}

/** Starts taking rows. */
export async function startOwnerLoop(options: OwnerLoopOptions): Promise<OwnerLoop> {
  const { database, table, channel, owner, most, leaseMs, renewMs, retryMs, logger, work } = options;
  const running = new Map<number, Running>();
  const stop = new AbortController();
  const stopped = (): boolean => stop.signal.aborted;
  const changes = await openNotifier(database, channel);
  const changed = changes.waiter();
  const backoff = new Backoff({ initialIntervalMs: retryMs });

  const workOn = async (ownership: Ownership, signal: AbortSignal): Promise<void> => {
    const { ordinal, epoch } = ownership;
    logger.info({ table, ordinal, epoch }, 'taken');
    try {
      await work(ownership, signal);
    } catch (error) {
      if (!signal.aborted) logger.error({ err: error, table, ordinal }, 'left to whoever takes it next');
    }
    await release(database, ownership).catch((error: unknown) => {
      logger.warn({ err: error, table, ordinal }, 'the lease runs out by itself');
    });
    running.delete(ordinal);
    changes.notify();
  };

  const take = async (): Promise<void> => {
    while (running.size < most && !stopped()) {
      const ownership = await claim(database, table, { owner, leaseMs, except: [...running.keys()] });
      if (ownership === undefined) return;
      const abort = new AbortController();
      const done = workOn(ownership, AbortSignal.any([stop.signal, abort.signal]));
      running.set(ownership.ordinal, { ownership, abort, done });
    }
  };

  const renewAll = async (): Promise<void> => {
    for (const { ownership, abort } of [...running.values()]) {
      if (!(await renew(database, ownership, leaseMs))) abort.abort(new Error('it is not ours any more'));
    }
  };

  const loop = async (): Promise<void> => {
    let nextRenewal = performance.now() + renewMs;
    while (!stopped()) {
      changed.reset();
      try {
        if (performance.now() >= nextRenewal) {
          await renewAll();
          nextRenewal = performance.now() + renewMs;
        }
        await take();
        backoff.reset();
      } catch (error) {
        logger.error({ err: error, table }, 'rows could not be taken or renewed');
        await backoff.pause(stop.signal);
      }
      await changed.wait(Math.max(0, nextRenewal - performance.now()), stop.signal);
    }
  };
  const looping = loop();

  return {
    close: async () => {
      stop.abort(new Error('the process stops'));
      await looping;
      await Promise.all([...running.values()].map(({ done }) => done));
      await changes.close();
    },
  };
}
