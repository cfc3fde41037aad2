import { DomainError } from '@nat/base/errors';
import { retry, type RetryPolicy } from '@nat/base/retry';
import type { Kysely } from 'kysely';
import { isSerializationFailure } from './database-errors.ts';
import type { AnyTransaction, Database, DatabaseKind, HeldLock, TransactionOptions } from './database.ts';
import { createScope } from './transaction-scope.ts';

/** What differs between the implementations beside the Kysely dialect. */
export interface DatabaseBackend {
  readonly kind: DatabaseKind;
  /** Identifies the database in transaction scopes; the dialect is guarded with the same object. */
  readonly identity: object;
  readonly kysely: Kysely<unknown>;
  /** Uniform in [0, 1), for the pauses between attempts. */
  readonly random: () => number;
  listen(channel: string, onSignal: () => void): Promise<() => Promise<void>>;
  signal(channel: string): void;
  acquireLock(name: string, signal: AbortSignal | undefined): Promise<HeldLock>;
  close(): Promise<void>;
}

const DEFAULT_RETRIES = 8;
/** After a transaction that lost against others, which will have ended in a moment. */
const CONTENTION: RetryPolicy = { initialIntervalMs: 2, maximumIntervalMs: 250 };

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
      const policy = { ...CONTENTION, maximumAttempts: retries + 1 };
      try {
        return await retry(policy, () => attempt(work, isolation), { retryable: isSerializationFailure, random: backend.random });
      } catch (error) {
        if (!isSerializationFailure(error)) throw error;
        throw new DomainError('ABORTED', 'the transaction kept losing against others', { reason: 'TRANSACTION_CONTENTION', cause: error });
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
