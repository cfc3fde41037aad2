import { setTimeout as pause } from 'node:timers/promises';
import { DomainError } from '@nat/base/errors';
import type { Kysely } from 'kysely';
import { isRetryable } from './database-errors.ts';
import type { AnyTransaction, Database, DatabaseKind, HeldLock, TransactionOptions } from './database.ts';
import { createScope } from './transaction-scope.ts';

/** What differs between the implementations beside the Kysely dialect. */
export interface DatabaseBackend {
  readonly kind: DatabaseKind;
  /** Identifies the database in transaction scopes; the dialect is guarded with the same object. */
  readonly identity: object;
  readonly kysely: Kysely<unknown>;
  /** A number in [0, 1) for the pauses between attempts. */
  readonly random: () => number;
  listen(channel: string, onSignal: () => void): Promise<() => Promise<void>>;
  signal(channel: string): void;
  acquireLock(name: string, signal: AbortSignal | undefined): Promise<HeldLock>;
  close(): Promise<void>;
}

const DEFAULT_RETRIES = 8;
const FIRST_PAUSE_MS = 2;
const LONGEST_PAUSE_MS = 250;

/** The database port over a backend. */
export function createDatabase(backend: DatabaseBackend): Database {
  let closing: Promise<void> | undefined;

  async function attempt<T>(work: (tx: AnyTransaction) => Promise<T>, isolation: 'read committed' | 'repeatable read' | 'serializable'): Promise<T> {
    const scope = createScope(backend.identity, (channel) => {
      backend.signal(channel);
    });
    let committed = false;
    try {
      const result = await backend.kysely
        .transaction()
        .setIsolationLevel(isolation)
        .execute((tx) => scope.run(() => work(tx as AnyTransaction)));
      committed = true;
      return result;
    } finally {
      scope.end(committed);
    }
  }

  const database: Database = {
    kind: backend.kind,
    kysely: backend.kysely,

    async transaction(work, options: TransactionOptions = {}) {
      const { isolation = 'read committed', retries = DEFAULT_RETRIES } = options;
      for (let retry = 0; ; retry += 1) {
        try {
          return await attempt(work, isolation);
        } catch (error) {
          if (!isRetryable(error)) throw error;
          if (retry >= retries)
            throw new DomainError('ABORTED', 'the transaction kept losing against others', { reason: 'TRANSACTION_CONTENTION', cause: error });
          const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** retry);
          await pause(longest * backend.random()); // full jitter
        }
      }
    },

    as: <Other>() => database as unknown as Database<Other>,
    listen: (channel, onSignal) => backend.listen(channel, onSignal),
    signal: (channel) => {
      backend.signal(channel);
    },
    acquireLock: (name, signal) => backend.acquireLock(name, signal),
    close: () => (closing ??= backend.close()),
  };
  return database;
}
