import { decodePageToken, encodePageToken } from '@nat/service';
import type { Database } from '@nat/storage';
import { z } from 'zod';
import { POINTS_CHANNEL, pointsBehind, type PositionedPoint } from './store.ts';
import type { MetricsTables } from './tables.ts';

export interface Watcher {
  /** Points of a run behind a position, then as they are recorded, until the signal aborts. */
  readonly watch: (options: WatchOptions) => AsyncGenerator<{ readonly points: readonly PositionedPoint[]; readonly position: string }, void, undefined>;
  readonly close: () => Promise<void>;
}

export interface WatchOptions {
  readonly run: string;
  readonly metrics: readonly string[];
  /** Of the last message seen; empty: from the start. */
  readonly position: string;
  readonly signal: AbortSignal;
}

export interface WatcherOptions {
  readonly database: Database<MetricsTables>;
  /** Without a wake-up the database is asked this often: other replicas. */
  readonly pollMs: number;
  readonly batch?: number;
}

/** Starts watching: one listener of the database wakes every open stream. */
export async function startWatcher({ database, pollMs, batch = 1000 }: WatcherOptions): Promise<Watcher> {
  const sleeping = new Set<() => void>();
  // Counts wake-ups, so that one between a read and the sleep after it is not missed.
  let generation = 0;
  const stopListening = await database.listen(POINTS_CHANNEL, () => {
    generation++;
    for (const wake of sleeping) wake();
  });

  const sleep = (seen: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      if (signal.aborted || seen !== generation) {
        resolve();
        return;
      }
      const wake = (): void => {
        clearTimeout(timer);
        sleeping.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      const timer = setTimeout(wake, pollMs);
      sleeping.add(wake);
      signal.addEventListener('abort', wake);
    });

  return {
    watch: async function* ({ run, metrics, position: token, signal }) {
      const scope = { list: 'watch', run };
      let position = decodePageToken(token, scope, z.int()) ?? 0;
      while (!signal.aborted) {
        const seen = generation;
        const points = await pointsBehind(database, { run, metrics, position, limit: batch });
        const last = points.at(-1);
        if (last !== undefined) {
          position = last.position;
          yield { points, position: encodePageToken(position, scope) };
        }
        if (points.length < batch) await sleep(seen, signal);
      }
    },
    close: stopListening,
  };
}
