import type { Clock, SleepOptions } from './clock.ts';

interface Sleeper {
  readonly until: number;
  readonly wake: () => void;
}

/** A clock that stands still until it is moved, for tests. */
export class ManualClock implements Clock {
  #now = 0;
  readonly #sleepers = new Set<Sleeper>();
  /** Lengths of all sleeps so far, in the order in which they began. */
  readonly slept: number[] = [];
  #began = Promise.withResolvers<undefined>();

  now(): number {
    return this.#now;
  }

  /** How many sleep now. */
  get sleeping(): number {
    return this.#sleepers.size;
  }

  sleep(ms: number, { signal }: SleepOptions = {}): Promise<void> {
    this.slept.push(ms);
    return new Promise((resolve) => {
      if (ms <= 0 || signal?.aborted === true) {
        resolve();
        return;
      }
      const wake = (): void => {
        this.#sleepers.delete(sleeper);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      const sleeper = { until: this.#now + ms, wake };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', wake, { once: true });
      this.#began.resolve(undefined);
      this.#began = Promise.withResolvers();
    });
  }

  /** Moves the time and wakes whoever's sleep ends by then, in the order of their ends; what they do next has begun when this resolves. */
  async advance(ms: number): Promise<void> {
    const target = this.#now + ms;
    for (;;) {
      const [next] = [...this.#sleepers].filter(({ until }) => until <= target).sort((a, b) => a.until - b.until);
      if (next === undefined) break;
      this.#now = next.until;
      next.wake();
      await settle();
    }
    this.#now = target;
    await settle();
  }

  /** Resolves when at least `count` sleep. */
  async untilSleeping(count = 1): Promise<void> {
    while (this.#sleepers.size < count) await this.#began.promise;
  }
}

/** Lets everything run that waits for nothing but promises. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
