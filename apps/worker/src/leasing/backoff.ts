import { setTimeout as sleep } from 'node:timers/promises';

export interface BackoffOptions {
  /** Bound of the first pause; it doubles up to `maxMs`. */
  readonly baseMs: number;
  readonly maxMs: number;
  /** Uniform in [0, 1): workers that lost the same server come back at different times. */
  readonly random: () => number;
}

/** Growing pauses with full jitter. */
export interface Backoff {
  /** Pauses; returns early when the signal aborts. */
  readonly pause: (signal: AbortSignal) => Promise<void>;
  readonly reset: () => void;
}

export function createBackoff({ baseMs, maxMs, random }: BackoffOptions): Backoff {
  let attempts = 0;
  return {
    pause: (signal) => sleep(random() * Math.min(maxMs, baseMs * 2 ** Math.min(attempts++, 30)), undefined, { signal }).catch(() => undefined),
    reset: () => {
      attempts = 0;
    },
  };
}
