import { DomainError } from '@nat/base/errors';

/** Mutual exclusion between callers of one process, in order of arrival. */
export class Mutex {
  #held = false;
  #closed: Error | undefined;
  readonly #waiting: { readonly grant: () => void; readonly refuse: (error: Error) => void }[] = [];

  get held(): boolean {
    return this.#held;
  }

  /** Resolves when the resource is this caller's, who must call `release` once. Rejects when the signal aborts or `release` never comes in time. */
  async acquire({ signal, timeoutMs, timeoutError }: { signal?: AbortSignal | undefined; timeoutMs?: number; timeoutError?: () => Error } = {}): Promise<void> {
    if (this.#closed !== undefined) throw this.#closed;
    if (signal?.aborted === true) throw cancelled();
    if (!this.#held) {
      this.#held = true;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const leave = (error: Error): void => {
        const index = this.#waiting.indexOf(entry);
        if (index < 0) return;
        this.#waiting.splice(index, 1);
        entry.refuse(error);
      };
      const onAbort = (): void => {
        leave(cancelled());
      };
      const timer =
        timeoutMs === undefined
          ? undefined
          : setTimeout(() => {
              leave(timeoutError?.() ?? new DomainError('DEADLINE_EXCEEDED', 'waited too long for a lock'));
            }, timeoutMs);
      const settle = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      };
      const entry = {
        grant: () => {
          settle();
          resolve();
        },
        refuse: (error: Error) => {
          settle();
          reject(error);
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(entry);
    });
  }

  release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#held = false;
    else next.grant();
  }

  /** Refuses everybody who waits and everybody who comes. */
  close(error: Error): void {
    this.#closed = error;
    for (const { refuse } of this.#waiting.splice(0)) refuse(error);
  }
}

function cancelled(): DomainError {
  return new DomainError('CANCELLED', 'the wait for a lock was cancelled', { reason: 'LOCK_WAIT_CANCELLED' });
}

/** Mutexes by name; one exists only while somebody holds or wants it. */
export class NamedMutexes {
  readonly #mutexes = new Map<string, Mutex>();

  /** Waits for the name and returns the function that gives it back (calls after the first do nothing). */
  async acquire(name: string, signal?: AbortSignal): Promise<() => void> {
    let mutex = this.#mutexes.get(name);
    if (mutex === undefined) this.#mutexes.set(name, (mutex = new Mutex()));
    await mutex.acquire({ signal });
    let released = false;
    return () => {
      if (released) return;
      released = true;
      mutex.release();
      if (!mutex.held) this.#mutexes.delete(name);
    };
  }
}
