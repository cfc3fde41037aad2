import { setTimeout as pause } from 'node:timers/promises';

export interface SleepOptions {
  /** Ends the sleep early. */
  readonly signal?: AbortSignal | undefined;
  /** Whether the process lives on for this sleep alone. @default true */
  readonly ref?: boolean;
}

/** Time, as an argument: what waits is tested without waiting. */
export interface Clock {
  /** Milliseconds from an arbitrary point; never goes back. */
  now(): number;
  /** Resolves after `ms` milliseconds, or as soon as the signal aborts; never rejects. */
  sleep(ms: number, options?: SleepOptions): Promise<void>;
}

/** Longer timers fire at once in Node. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => performance.now(),
  sleep: async (ms, { signal, ref = true } = {}) => {
    for (let left = ms; left > 0 && signal?.aborted !== true; left -= LONGEST_TIMER_MS) {
      await pause(Math.min(left, LONGEST_TIMER_MS), undefined, { ref, ...(signal === undefined ? {} : { signal }) }).catch(() => undefined);
    }
  },
};
