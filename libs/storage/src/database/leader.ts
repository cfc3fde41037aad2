import { isDomainError } from '@nat/base/errors';
import type { AnyDatabase, HeldLock } from './database.ts';

/**
 * Does the work of the one process that holds a lock, and again after the lock is lost or the work fails, until the signal aborts.
 * @param failed told of every error; the next try comes when it resolves
 */
export async function whileHolding(
  database: AnyDatabase,
  name: string,
  signal: AbortSignal,
  work: (lock: HeldLock) => Promise<void>,
  failed: (error: unknown) => Promise<void>,
): Promise<void> {
  const stopped = (): boolean => signal.aborted;
  while (!stopped()) {
    try {
      const lock = await database.acquireLock(name, signal);
      try {
        await work(lock);
      } finally {
        await lock.release();
      }
    } catch (error) {
      if (stopped() && isDomainError(error) && error.kind === 'CANCELLED') return;
      await failed(error);
    }
  }
}
