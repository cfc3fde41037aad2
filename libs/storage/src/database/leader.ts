import { isDomainError } from '@nat/base/errors';
import type { AnyDatabase, HeldLock } from './database.ts';

/**
 * Leader election by a lock: does the work while this process is the one that holds it, and again after the lock is lost or the work fails, until the signal
 * aborts.
 * @param name of the lock
 * @param failed told of every error; the next try comes when it resolves
 */
export async function runAsLeader(
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
