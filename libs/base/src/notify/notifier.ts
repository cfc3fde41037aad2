import { systemClock, type Clock } from '../clock/index.ts';

/** Waits for changes that a notifier tells of. Between `reset` and `wait` none is missed: look at the state after `reset`, and wait if it is not there yet. */
export interface Waiter {
  /** Forgets what was notified so far. */
  reset(): void;
  /** Resolves after a notification since `reset`, after `ms` milliseconds, or when the signal aborts. It does not keep the process alive. */
  wait(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Wakes all who wait for a change, such as a commit of which a channel of the database tells. */
export class Notifier {
  readonly #clock: Clock;
  #count = 0;
  #next = Promise.withResolvers<undefined>();
  #unsubscribe: (() => Promise<void>) | undefined;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /**
   * A notifier that another source notifies, until `close`.
   * @param subscribe begins to listen, and gives what ends it: `(notify) => database.listen(channel, notify)`
   */
  static async open(subscribe: (notify: () => void) => Promise<() => Promise<void>>, clock: Clock = systemClock): Promise<Notifier> {
    const notifier = new Notifier(clock);
    notifier.#unsubscribe = await subscribe(() => {
      notifier.notify();
    });
    return notifier;
  }

  /** Wakes everybody. */
  notify(): void {
    this.#count += 1;
    this.#next.resolve(undefined);
    this.#next = Promise.withResolvers();
  }

  /** One for each that waits: none resets what another has not seen. */
  waiter(): Waiter {
    let seen = this.#count;
    return {
      reset: () => {
        seen = this.#count;
      },
      wait: async (ms, signal) => {
        if (signal?.aborted === true || this.#count > seen) return;
        const woken = new AbortController();
        const ended = signal === undefined ? woken.signal : AbortSignal.any([signal, woken.signal]);
        await Promise.race([this.#next.promise, this.#clock.sleep(ms, { signal: ended, ref: false })]);
        woken.abort();
      },
    };
  }

  /** Stops listening to the other source. */
  async close(): Promise<void> {
    await this.#unsubscribe?.();
  }
}
