import type { Kysely, Transaction } from 'kysely';

/** Which implementation answers: PostgreSQL in this process on a directory, or a PostgreSQL server. The SQL is the same. */
export type DatabaseKind = 'pglite' | 'postgresql';

export interface TransactionOptions {
  /** @default 'read committed' */
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable';
  /** How often the work runs again after a serialization failure or deadlock before ABORTED. @default 8 */
  readonly retries?: number;
}

/** A lock by name that at most one holder has, across every process on the same database. */
export interface HeldLock {
  /** Aborts when the connection that held the lock broke: somebody else may hold it from then on. */
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

/**
 * A relational database. `Tables` is the Kysely schema of the service that uses it; table names carry the PostgreSQL schema of their
 * service (`'registry.architecture'`).
 *
 * Values come back alike from both implementations: int8, numeric and count as `number` (an int8 beyond 2^53 throws), bytea as `Uint8Array`,
 * timestamptz as `Date`, date as `YYYY-MM-DD`, json and jsonb parsed. Write json as `json(value)`, int8 as number or bigint, bytea as `Uint8Array`.
 */
export interface Database<Tables = unknown> {
  readonly kind: DatabaseKind;

  /** Queries outside a transaction. Throws INTERNAL `OUTER_DATABASE_IN_TRANSACTION` inside the work of `transaction`: there use its `tx`. */
  readonly kysely: Kysely<Tables>;

  /**
   * Runs the work in one transaction, commits when it resolves and rolls back when it throws. Serialization failures and deadlocks run the work again after
   * a random pause, so it must have no effect but its SQL. Never call another service inside: embedded, all services share one connection.
   */
  transaction<T>(work: (tx: Transaction<Tables>) => Promise<T>, options?: TransactionOptions): Promise<T>;

  /** The same database seen with another schema type. */
  as<Other>(): Database<Other>;

  /** Calls back soon after `signal(channel)` of any process; may call back without a cause, and misses calls while disconnected: poll as well. */
  listen(channel: string, onSignal: () => void): Promise<() => Promise<void>>;

  /** Wakes the listeners of a channel, here at once and in other processes within milliseconds. Inside a transaction use `signalAfterCommit`. */
  signal(channel: string): void;

  /** Waits until this caller alone holds the lock; rejects with CANCELLED when the signal aborts first. */
  acquireLock(name: string, signal?: AbortSignal): Promise<HeldLock>;

  /** Waits for running work, then closes every connection. Later calls throw UNAVAILABLE. */
  close(): Promise<void>;
}

/** A database of any schema: what helpers accept that bring their own SQL. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyDatabase = Database<any>;

/** A transaction of any schema. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyTransaction = Transaction<any>;
