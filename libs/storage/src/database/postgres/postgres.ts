import { randomUUID } from 'node:crypto';
import { DomainError } from '@nat/base/errors';
import pg from 'pg';
import { Kysely, PostgresDialect } from 'kysely';
import type { Database } from '../database.ts';
import { mapDatabaseError } from '../database-errors.ts';
import { checkedDialect } from '../checked-dialect.ts';
import { createDatabase } from '../kysely-database.ts';
import { PostgresSession } from './session.ts';
import { decoderOf, encodeParameter } from '../values.ts';

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database`. */
  readonly url: string;
  /** @default 10 */
  readonly maxConnections?: number;
  /** A statement that runs longer is stopped with DEADLINE_EXCEEDED. @default 30 s */
  readonly statementTimeoutMs?: number;
  /** A transaction that does nothing for so long loses its connection. @default 60 s */
  readonly idleInTransactionTimeoutMs?: number;
  /** How long to wait for a connection until UNAVAILABLE. @default 10 s */
  readonly connectTimeoutMs?: number;
  /** Shown in pg_stat_activity. @default 'nat' */
  readonly applicationName?: string;
  /** Told of connections that broke while idle. */
  readonly onConnectionError?: (error: Error) => void;
  /** A number in [0, 1) for the pauses between attempts of a transaction. @default Math.random */
  readonly random?: () => number;
}

/** The settings that make text of values the same as in the embedded database. */
const SESSION_SETTINGS = '-c TimeZone=UTC -c DateStyle=ISO -c bytea_output=hex -c extra_float_digits=1 -c search_path=public';

/** Opens a pool on a PostgreSQL server (15 or later) and checks that it answers; throws UNAVAILABLE when it does not. */
export async function openPostgres(options: PostgresOptions): Promise<Database> {
  const connectTimeoutMs = options.connectTimeoutMs ?? 10_000;
  const onConnectionError = options.onConnectionError ?? (() => undefined);
  const clientConfig = {
    connectionString: options.url,
    application_name: options.applicationName ?? 'nat',
    options: SESSION_SETTINGS,
    keepAlive: true,
    connectionTimeoutMillis: connectTimeoutMs,
    types: { getTypeParser: (typeId: number) => decoderOf(typeId) },
  } satisfies pg.ClientConfig;
  const pool = new pg.Pool({
    ...clientConfig,
    max: options.maxConnections ?? 10,
    statement_timeout: options.statementTimeoutMs ?? 30_000,
    idle_in_transaction_session_timeout: options.idleInTransactionTimeoutMs ?? 60_000,
  });
  // Without listeners a connection that breaks between two statements would end the process. The next statement on it says UNAVAILABLE.
  pool.on('error', onConnectionError);
  pool.on('connect', (client) => client.on('error', () => undefined));
  try {
    await pool.query('select 1');
  } catch (error) {
    await pool.end();
    throw mapDatabaseError(error);
  }

  const identity = {};
  const instance = randomUUID();
  const session = new PostgresSession({ connect: () => new pg.Client(clientConfig), instance, onConnectionError });
  const kysely = new Kysely<unknown>({ dialect: checkedDialect(new PostgresDialect({ pool: encodingPool(pool) }), identity) });
  const notifier = createNotifier(pool, instance);
  return createDatabase({
    kind: 'postgresql',
    identity,
    kysely,
    random: options.random ?? Math.random,
    listen: (channel, onSignal) => session.listen(channel, onSignal),
    signal(channel) {
      session.fire(channel);
      notifier.notify(channel);
    },
    acquireLock: (name, signal) => session.acquireLock(name, signal),
    async close() {
      await session.close();
      await notifier.idle();
      await pool.end();
    },
  });
}

/** The pool as Kysely sees it, with parameters in the same text form that the embedded database gets. */
function encodingPool(pool: pg.Pool): ConstructorParameters<typeof PostgresDialect>[0]['pool'] {
  return {
    options: pool.options,
    connect: async () => {
      if (pool.ending) throw new DomainError('UNAVAILABLE', 'the database is closed', { reason: 'DATABASE_CLOSED' });
      const client = await pool.connect();
      return {
        query: (text: string, parameters: readonly unknown[]) => client.query(text, parameters.map(encodeParameter)),
        release: (discard?: boolean) => {
          client.release(discard);
        },
      };
    },
    end: () => pool.end(),
  } as unknown as ConstructorParameters<typeof PostgresDialect>[0]['pool'];
}

/**
 * Sends signals to other processes outside the transactions that cause them, many in one statement: a NOTIFY inside a transaction makes all commits of
 * the server take turns.
 */
function createNotifier(pool: pg.Pool, instance: string): { notify(channel: string): void; idle(): Promise<void> } {
  const waiting = new Set<string>();
  let running: Promise<void> | undefined;
  async function drain(): Promise<void> {
    while (waiting.size > 0) {
      const payloads = [...waiting].map((channel) => `${instance} ${channel}`);
      waiting.clear();
      try {
        await pool.query('select pg_notify($1, payload) from unnest($2::text[]) as payload', ['nat_signal', payloads]);
      } catch {
        // A lost signal only delays: every listener polls as well.
      }
    }
    running = undefined;
  }
  return {
    notify(channel) {
      waiting.add(channel);
      running ??= drain();
    },
    idle: async () => {
      await running;
    },
  };
}
