import { setTimeout as pause } from 'node:timers/promises';
import { DomainError } from '@nat/base/errors';
import PQueue from 'p-queue';
import type pg from 'pg';
import type { HeldLock } from '../database.ts';
import { LocalSignals } from '../local-signals.ts';
import { NamedMutexes } from '../mutex.ts';

/** The channel of the server that carries the signals of all processes, as `<instance> <channel>`. */
const SIGNAL_CHANNEL = 'nat_signal';

const HEARTBEAT_MS = 5_000;
const HEARTBEAT_TIMEOUT_MS = 5_000;
const LOCK_POLL_MS = 200;
const RECONNECT_MS = 500;

export interface PostgresSessionOptions {
  readonly connect: () => pg.Client;
  /** Marks signals of this process, which it has already delivered itself. */
  readonly instance: string;
  readonly onConnectionError: (error: Error) => void;
}

interface LiveSession {
  readonly client: pg.Client;
  /** One query at a time: pg's own queue of them is deprecated. */
  readonly query: <Row extends pg.QueryResultRow>(text: string, values?: readonly string[]) => Promise<pg.QueryResult<Row>>;
  /** Aborts when the connection is gone, and with it everything the server kept for it. */
  readonly gone: AbortController;
}

/** One connection of its own, opened when first needed, for what PostgreSQL ties to a connection: LISTEN and advisory locks. */
export class PostgresSession {
  readonly #options: PostgresSessionOptions;
  readonly #signals = new LocalSignals();
  readonly #locks = new NamedMutexes();
  #current: Promise<LiveSession> | undefined;
  #keeper: Promise<void> | undefined;
  readonly #closed = new AbortController();

  constructor(options: PostgresSessionOptions) {
    this.#options = options;
  }

  fire(channel: string): void {
    this.#signals.fire(channel);
  }

  async listen(channel: string, onSignal: () => void): Promise<() => Promise<void>> {
    const remove = this.#signals.add(channel, onSignal);
    this.#keeper ??= this.#keepConnected();
    try {
      await this.#session();
    } catch (error) {
      remove();
      throw error;
    }
    return () => {
      remove();
      return Promise.resolve();
    };
  }

  async acquireLock(name: string, signal: AbortSignal | undefined): Promise<HeldLock> {
    const stop = signal === undefined ? this.#closed.signal : AbortSignal.any([signal, this.#closed.signal]);
    // Advisory locks let the same connection in twice, so callers of this process queue first.
    const leaveQueue = await this.#locks.acquire(name, stop);
    try {
      for (;;) {
        if (stop.aborted) throw new DomainError('CANCELLED', 'the wait for a lock was cancelled', { reason: 'LOCK_WAIT_CANCELLED' });
        const session = await this.#session().catch((error: unknown) => {
          this.#options.onConnectionError(error instanceof Error ? error : new Error(String(error)));
          return undefined;
        });
        const locked = session !== undefined && (await tryLock(session, name));
        if (locked) return heldLock(session, name, leaveQueue);
        await pause(session === undefined ? RECONNECT_MS : LOCK_POLL_MS, undefined, { signal: stop }).catch(() => undefined);
      }
    } catch (error) {
      leaveQueue();
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#closed.abort();
    const session = await this.#current?.catch(() => undefined);
    session?.gone.abort();
    await session?.client.end().catch(() => undefined);
    await this.#keeper;
  }

  #session(): Promise<LiveSession> {
    if (this.#closed.signal.aborted) return Promise.reject(new DomainError('UNAVAILABLE', 'the database is closed', { reason: 'DATABASE_CLOSED' }));
    this.#current ??= this.#open().catch((error: unknown) => {
      this.#current = undefined;
      throw error;
    });
    return this.#current;
  }

  async #open(): Promise<LiveSession> {
    const client = this.#options.connect();
    const gone = new AbortController();
    const queries = new PQueue({ concurrency: 1 });
    const query: LiveSession['query'] = (text, values = []) => queries.add(() => client.query(text, [...values]));
    const lose = (error?: Error): void => {
      if (gone.signal.aborted) return;
      gone.abort();
      this.#current = undefined;
      if (error !== undefined) this.#options.onConnectionError(error);
      client.end().catch(() => undefined);
    };
    client.on('error', lose);
    client.on('end', () => {
      lose();
    });
    client.on('notification', ({ payload }) => {
      const [instance, channel] = (payload ?? '').split(' ', 2);
      if (channel !== undefined && instance !== this.#options.instance) this.#signals.fire(channel);
    });
    try {
      await client.connect();
      await query(`listen ${SIGNAL_CHANNEL}`);
    } catch (error) {
      gone.abort();
      client.end().catch(() => undefined);
      throw error;
    }
    void this.#beat(query, gone, lose);
    this.#signals.fireAll(); // what was signalled while no connection listened
    return { client, query, gone };
  }

  /** Finds a connection whose other end vanished without a word: a lock must be known as lost when the server gives it to another. */
  async #beat(query: LiveSession['query'], gone: AbortController, lose: (error: Error) => void): Promise<void> {
    const alive = (): boolean => !gone.signal.aborted;
    while (alive()) {
      try {
        await pause(HEARTBEAT_MS, undefined, { signal: gone.signal, ref: false });
        const tooLate = AbortSignal.timeout(HEARTBEAT_TIMEOUT_MS);
        const late = new Promise<never>((_resolve, reject) => {
          tooLate.addEventListener('abort', () => {
            reject(new Error('the database does not answer'));
          });
        });
        await Promise.race([query('select 1'), late]);
      } catch (error) {
        if (alive()) lose(error instanceof Error ? error : new Error(String(error)));
      }
    }
  }

  /** Listeners stay connected: a new connection replaces a lost one. */
  async #keepConnected(): Promise<void> {
    while (!this.#closed.signal.aborted) {
      try {
        const { gone } = await this.#session();
        await new Promise<void>((resolve) => {
          if (gone.signal.aborted) resolve();
          gone.signal.addEventListener('abort', () => {
            resolve();
          });
        });
      } catch {
        await pause(RECONNECT_MS, undefined, { signal: this.#closed.signal }).catch(() => undefined);
      }
    }
  }
}

async function tryLock(session: LiveSession, name: string): Promise<boolean> {
  try {
    const { rows } = await session.query<{ locked: boolean }>('select pg_try_advisory_lock(hashtextextended($1, 0)) as locked', [name]);
    return rows[0]?.locked === true && !session.gone.signal.aborted;
  } catch {
    return false; // the connection broke; the next try has a new one
  }
}

function heldLock(session: LiveSession, name: string, leaveQueue: () => void): HeldLock {
  let released: Promise<void> | undefined;
  const release = async (): Promise<void> => {
    try {
      if (!session.gone.signal.aborted) await session.query('select pg_advisory_unlock(hashtextextended($1, 0))', [name]);
    } catch {
      // the connection broke and the lock with it
    } finally {
      leaveQueue();
    }
  };
  return { lost: session.gone.signal, release: () => (released ??= release()) };
}
