import { messages, parse, protocol, type PGlite } from '@electric-sql/pglite';
import { DomainError } from '@nat/base/errors';
import {
  AbortedTransactionError,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  type TransactionSettings,
} from 'kysely';
import type { Mutex } from '../mutex.ts';
import { decodersByType, encodeParameter } from '../values.ts';

const PREPARED_STATEMENTS = 300;
const YIELD_AFTER_MS = 4;
const PREPARABLE = /^\s*(select|insert|update|delete|with|merge)\b/i;
const CHANGES_SCHEMA = /^\s*(create|alter|drop|truncate|do|reindex|cluster|comment|grant|revoke)\b/i;

/**
 * Kysely on PGlite. PGlite is one connection, so callers queue for it: a query waits for the transaction before it, and is never run inside it. Each
 * query is one pass through the database (bind, execute and sync in one message, the statement prepared from its second use on), which makes it three times as
 * fast as PGlite's own `query`.
 */
export function pgliteDialect(pglite: PGlite, connectionMutex: Mutex, queueTimeoutMs: number): Dialect {
  return {
    createAdapter: () => new PostgresAdapter(),
    createQueryCompiler: () => new PostgresQueryCompiler(),
    createIntrospector: (kysely) => new PostgresIntrospector(kysely),
    createDriver: () => pgliteDriver(new PgliteConnection(pglite), connectionMutex, queueTimeoutMs),
  };
}

function pgliteDriver(connection: PgliteConnection, connectionMutex: Mutex, queueTimeoutMs: number): Driver {
  const none = async (): Promise<void> => {
    /* the directory lock and PGlite outlive Kysely */
  };
  const timeoutError = (): DomainError =>
    new DomainError('UNAVAILABLE', `the embedded database was busy for ${String(queueTimeoutMs)} ms: a transaction is waiting for something outside it`, {
      reason: 'DATABASE_BUSY',
    });
  return {
    init: none,
    async acquireConnection(options) {
      await connectionMutex.acquire({ signal: options?.signal, timeoutMs: queueTimeoutMs, timeoutError });
      return connection;
    },
    releaseConnection() {
      connectionMutex.release();
      return Promise.resolve();
    },
    beginTransaction: (_connection, settings) => connection.begin(settings),
    commitTransaction: () => connection.commit(),
    rollbackTransaction: () => connection.rollback(),
    destroy: none,
  };
}

type Answers = Awaited<ReturnType<PGlite['execProtocol']>>['messages'];

class PgliteConnection implements DatabaseConnection {
  readonly #pglite: PGlite;
  // Statement text -> its prepared name, or undefined when it was seen once; the least recently used first.
  readonly #statements = new Map<string, string | undefined>();
  #toClose: string[] = [];
  #namesMade = 0;
  #schemaChanged = false;
  #lastYield = performance.now();

  constructor(pglite: PGlite) {
    this.#pglite = pglite;
  }

  async begin({ isolationLevel, accessMode }: TransactionSettings): Promise<void> {
    this.#schemaChanged = false;
    await this.#simple(['begin', isolationLevel === undefined ? '' : `isolation level ${isolationLevel}`, accessMode ?? ''].join(' '));
  }

  async commit(): Promise<void> {
    const results = await this.#simple('commit');
    // A statement failed inside and the work went on regardless: the database turns the commit into a rollback.
    if (results.some((message) => message instanceof messages.CommandCompleteMessage && message.text === 'ROLLBACK')) throw new AbortedTransactionError();
  }

  async rollback(): Promise<void> {
    await this.#simple('rollback');
    if (this.#schemaChanged) this.#forgetStatements();
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    if (performance.now() - this.#lastYield > YIELD_AFTER_MS) await this.#yieldToEventLoop();
    const { sql } = query;
    const values = query.parameters.map(encodeParameter);
    if (CHANGES_SCHEMA.test(sql)) {
      this.#schemaChanged = true;
      this.#forgetStatements();
    }
    const { statement, prepare } = this.#statementFor(sql);
    const { serialize } = protocol;
    const parts = this.#toClose.map((name) => serialize.close({ type: 'S', name }));
    this.#toClose = [];
    if (prepare) parts.push(serialize.parse({ text: sql, name: statement }));
    parts.push(serialize.bind({ statement, values }), serialize.describe({ type: 'P' }), serialize.execute({}), serialize.sync());
    if (statement === '') this.#statements.delete(sql);
    const answers = await this.#pass(parts).catch((error: unknown) => {
      if (prepare && statement !== '') this.#toClose.push(statement); // it may exist: closing one that does not is no error
      throw error;
    });
    if (PREPARABLE.test(sql)) this.#remember(sql, statement);
    const result = parse.parseResults(answers, decodersByType)[0];
    if (result === undefined) return { rows: [] };
    const { command, affectedRows, rows } = result as typeof result & { command?: string };
    const writes = command === 'INSERT' || command === 'UPDATE' || command === 'DELETE' || command === 'MERGE';
    return writes ? { numAffectedRows: BigInt(affectedRows ?? 0), rows: rows as R[] } : { rows: rows as R[] };
  }

  // eslint-disable-next-line @typescript-eslint/require-await
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new DomainError('UNIMPLEMENTED', 'the embedded database does not stream rows: read them in pages');
  }

  /** The queries run on this thread, one microtask after the other: without this, a loop of them would keep timers and sockets from running. */
  async #yieldToEventLoop(): Promise<void> {
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
    this.#lastYield = performance.now();
  }

  async #pass(parts: readonly Uint8Array[]): Promise<Answers> {
    const { messages: answers } = await this.#pglite.execProtocol(Buffer.concat(parts), { syncToFs: false });
    return answers;
  }

  #simple(text: string): Promise<Answers> {
    return this.#pass([protocol.serialize.query(text)]);
  }

  #statementFor(sql: string): { readonly statement: string; readonly prepare: boolean } {
    if (!this.#statements.has(sql)) return { statement: '', prepare: true };
    const known = this.#statements.get(sql);
    if (known !== undefined) return { statement: known, prepare: false };
    this.#namesMade += 1;
    return { statement: `s${String(this.#namesMade)}`, prepare: true };
  }

  #remember(sql: string, statement: string): void {
    this.#statements.delete(sql);
    this.#statements.set(sql, statement === '' ? undefined : statement);
    if (this.#statements.size <= PREPARED_STATEMENTS) return;
    const [oldest] = this.#statements;
    if (oldest === undefined) return;
    this.#statements.delete(oldest[0]);
    if (oldest[1] !== undefined) this.#toClose.push(oldest[1]);
  }

  /** A prepared statement must not outlive a change of the columns it returns. */
  #forgetStatements(): void {
    for (const name of this.#statements.values()) if (name !== undefined) this.#toClose.push(name);
    this.#statements.clear();
  }
}
