import { DomainError } from '@nat/base/errors';
import type { LeasedEvaluation } from './lease.ts';

/** A worker that waits for work. */
export interface LeaseCall {
  readonly worker: string;
  readonly capabilities: readonly string[];
  readonly kinds: readonly string[];
  readonly maxCount: number;
  /** Keys of the weights that the worker has in memory. */
  readonly loadedWeights: readonly string[];
  /** 0: answer at once. */
  readonly waitMs: number;
  /** Aborts when the caller went away. */
  readonly signal: AbortSignal;
}

interface Waiter {
  readonly call: LeaseCall;
  /** Key of the calls that may be given the same evaluations: an empty answer to one is an empty answer to all. */
  readonly group: string;
  done: boolean;
  readonly settle: (leased: LeasedEvaluation[]) => void;
}

export interface LongPollOptions {
  /** What each of the calls gets, in their order; all are of workers that can do the same. */
  readonly lease: (calls: readonly LeaseCall[]) => Promise<LeasedEvaluation[][]>;
  /** The same, of nothing but what starts from weights that the caller has in memory. */
  readonly leaseWithAffinity: (calls: readonly LeaseCall[]) => Promise<LeasedEvaluation[][]>;
  /** Gives back what was leased for a caller that had gone away. */
  readonly giveBack: (leased: readonly LeasedEvaluation[]) => Promise<void>;
  /** The queue is asked this often without a wake-up: other replicas, pauses that end. */
  readonly pollMs: number;
  readonly onError: (error: unknown) => void;
}

/** The long polls of workers, served in the order in which they came, after an evaluation whose weights a worker has in memory went to that worker. */
export interface LongPoll {
  /** Resolves with work, or empty after the wait, when the caller goes away, when this closes or when the queue cannot be read. */
  readonly wait: (call: LeaseCall) => Promise<LeasedEvaluation[]>;
  /** There may be work now. */
  readonly wake: () => void;
  /** Ids of the workers that wait. */
  readonly waiting: () => string[];
  /** Answers every waiting call, empty; later calls are refused with UNAVAILABLE. */
  readonly close: () => void;
}

/** Evaluations leased by one statement, at most: a single call may ask for 256. */
const MAX_TOGETHER = 512;

/** How many of the waiters, from the first, one statement serves. */
function fitting(waiters: readonly Waiter[]): number {
  let asked = 0;
  const past = waiters.findIndex(({ call }) => (asked += call.maxCount) > MAX_TOGETHER);
  return past === -1 ? waiters.length : Math.max(1, past);
}

/** Those whom one statement serves, then those of the next; whoever was answered in the meantime is left out. */
function* statements(waiters: readonly Waiter[]): Generator<readonly Waiter[]> {
  for (let rest = waiters; ;) {
    const open = rest.filter(({ done }) => !done);
    if (open.length === 0) return;
    const together = open.slice(0, fitting(open));
    rest = open.slice(together.length);
    yield together;
  }
}

/** Starts serving long polls. One pass runs at a time; a wake-up during a pass makes another one follow. */
export function createLongPoll({ lease, leaseWithAffinity, giveBack, pollMs, onError }: LongPollOptions): LongPoll {
  const waiters = new Set<Waiter>();
  let running = false;
  let wakeUps = 0;
  let closed = false;

  /** Gives waiters what was leased for them; whom nothing was leased for goes on waiting. */
  const hand = async (together: readonly Waiter[], answers: readonly LeasedEvaluation[][]): Promise<void> => {
    const tooLate: LeasedEvaluation[] = [];
    for (const [i, waiter] of together.entries()) {
      const leased = answers[i]!;
      if (waiter.done) tooLate.push(...leased);
      else if (leased.length > 0) waiter.settle(leased);
    }
    if (tooLate.length > 0) await giveBack(tooLate);
  };

  const pass = async (): Promise<void> => {
    for (const group of Map.groupBy(waiters, ({ group }) => group).values()) {
      // First, or whoever came before would take it and load the weights that another one has.
      for (const together of statements(group.filter(({ call }) => call.loadedWeights.length > 0)))
        await hand(together, await leaseWithAffinity(together.map(({ call }) => call)));
      let exhausted = false;
      for (const together of statements(group)) {
        if (!exhausted) {
          const answers = await lease(together.map(({ call }) => call));
          await hand(together, answers);
          exhausted = answers.at(-1)!.length === 0;
        }
        for (const waiter of together) if (waiter.call.waitMs <= 0) waiter.settle([]);
      }
    }
  };

  const serveAll = async (): Promise<void> => {
    try {
      let served: number;
      do {
        served = wakeUps;
        await pass();
      } while (served !== wakeUps);
    } catch (error) {
      onError(error);
      // Calls that do not wait are answered; for the others the next poll asks again.
      for (const waiter of waiters) if (waiter.call.waitMs <= 0) waiter.settle([]);
    } finally {
      running = false;
    }
  };

  const wake = (): void => {
    if (closed || waiters.size === 0) return;
    wakeUps++;
    if (running) return;
    running = true;
    void serveAll();
  };

  const timer = setInterval(wake, pollMs);
  timer.unref();

  return {
    wake,
    waiting: () => [...new Set([...waiters].map(({ call }) => call.worker))],
    close: () => {
      closed = true;
      clearInterval(timer);
      for (const waiter of waiters) waiter.settle([]);
    },
    wait: (call) =>
      new Promise((resolve, reject) => {
        if (closed) {
          // An empty answer would have the worker ask again at once.
          reject(new DomainError('UNAVAILABLE', 'the queue is shutting down', { reason: 'SERVER_DRAINING' }));
          return;
        }
        if (call.signal.aborted) {
          resolve([]);
          return;
        }
        const leave = (): void => {
          waiter.settle([]);
        };
        const timeout = call.waitMs > 0 ? setTimeout(leave, call.waitMs) : undefined;
        const waiter: Waiter = {
          call,
          group: JSON.stringify([[...call.kinds].sort(), [...call.capabilities].sort()]),
          done: false,
          settle: (leased) => {
            if (waiter.done) return;
            waiter.done = true;
            waiters.delete(waiter);
            clearTimeout(timeout);
            call.signal.removeEventListener('abort', leave);
            resolve(leased);
          },
        };
        call.signal.addEventListener('abort', leave);
        waiters.add(waiter);
        wake();
      }),
  };
}
