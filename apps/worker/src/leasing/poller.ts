import type { evaluation } from '@nat/contracts';
import PQueue from 'p-queue';
import type { Backoff } from '@nat/base/retry';
import { evaluationKindOf, weightsOfSpec, type EvaluationKindName } from '@nat/convert';

/** What a poller asks the server for. */
export interface LeaseRequest {
  readonly maxCount: number;
  readonly kinds: readonly EvaluationKindName[];
  readonly waitMs: number;
  /** Keys of the weights that will be in memory when what is leased begins. */
  readonly loadedWeights: readonly string[];
}

/** Waits for room, runs the work and gives its result; rejects when the signal aborts before. */
export type RunInSlot = <Result>(work: () => Promise<Result>, signal: AbortSignal) => Promise<Result>;

export interface PollerOptions {
  readonly kinds: readonly EvaluationKindName[];
  /** Evaluations that run at once. */
  readonly capacity: number;
  /** A call for work that is needed now waits so long. */
  readonly leaseWaitMs: number;
  /** Keys of the weights that are in memory where nothing runs. */
  readonly loadedWeights: () => readonly string[];
  readonly lease: (request: LeaseRequest, signal: AbortSignal) => Promise<readonly evaluation.Lease[]>;
  /** Brings one to its end, its work in a slot; never rejects. */
  readonly run: (lease: evaluation.Lease, runInSlot: RunInSlot) => Promise<void>;
  readonly onError: (error: unknown) => Promise<void>;
  readonly backoff: Backoff;
  /** Milliseconds, from anywhere. @default performance.now */
  readonly now?: () => number;
}

/** Leases and runs, as much at once as it has room for. */
export interface Poller {
  /** Stops leasing; resolves when the last one that it holds has ended. */
  readonly stop: () => Promise<void>;
}

interface Held {
  readonly kind: EvaluationKindName | undefined;
  /** Key of the weights that it leaves in memory; empty: none, or not known before. */
  readonly leavesWeights: string;
}

/** An evaluation is short when the last ones of its kind took less than this, milliseconds. */
const SHORT_MS = 2_000;
/** Weight of the newest duration in the running mean of its kind. */
const NEWEST = 0.5;

/**
 * Starts to lease. While everything that runs is short, one more of a short kind is leased for each, so that reporting an outcome and asking for the
 * next evaluation take no time from the work; a long one is never leased before it can start, for another worker may be free.
 */
export function startPoller({
  kinds,
  capacity,
  leaseWaitMs,
  loadedWeights,
  lease,
  run,
  onError,
  backoff,
  now = () => performance.now(),
}: PollerOptions): Poller {
  const stopping = new AbortController();
  const isStopping = (): boolean => stopping.signal.aborted;
  const stopped = new Promise<void>((resolve) => {
    stopping.signal.addEventListener('abort', () => {
      resolve();
    });
  });
  const queue = new PQueue({ concurrency: capacity });
  /** From the lease until its outcome is delivered. */
  const held = new Map<Promise<void>, Held>();
  const recentMs = new Map<EvaluationKindName, number>();
  const isShort = (kind: EvaluationKindName | undefined): boolean => kind !== undefined && (recentMs.get(kind) ?? Infinity) < SHORT_MS;

  const start = (one: evaluation.Lease): void => {
    const { spec } = one;
    const kind = spec && evaluationKindOf(spec);
    const runInSlot: RunInSlot = (work, signal) =>
      queue.add(
        async () => {
          const since = now();
          try {
            return await work();
          } finally {
            const ms = now() - since;
            if (kind !== undefined) recentMs.set(kind, NEWEST * ms + (1 - NEWEST) * (recentMs.get(kind) ?? ms));
          }
        },
        { signal },
      );
    const job = run(one, runInSlot).finally(() => held.delete(job));
    held.set(job, { kind, leavesWeights: spec !== undefined && kind === 'shared-weights' ? (weightsOfSpec(spec) ?? '') : '' });
  };

  /** What there is room for; undefined while there is none. */
  const wanted = (): LeaseRequest | undefined => {
    if (held.size < capacity) return { maxCount: capacity - held.size, kinds, waitMs: leaseWaitMs, loadedWeights: loadedWeights() };
    const short = kinds.filter(isShort);
    if (held.size >= 2 * capacity || short.length === 0 || ![...held.values()].every(({ kind }) => isShort(kind))) return undefined;
    // Waits no longer than what runs may take: then there is room for every kind.
    const waitMs = Math.min(leaseWaitMs, SHORT_MS);
    return {
      maxCount: 2 * capacity - held.size,
      kinds: short,
      waitMs,
      loadedWeights: [...held.values()].map(({ leavesWeights }) => leavesWeights).filter((key) => key !== ''),
    };
  };

  const loop = async (): Promise<void> => {
    while (!isStopping()) {
      const request = wanted();
      if (request === undefined) {
        await Promise.race([...held.keys(), stopped]);
        continue;
      }
      try {
        for (const one of await lease(request, stopping.signal)) start(one);
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
      await Promise.all(held.keys());
    },
  };
}
