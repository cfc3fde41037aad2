import type { CompiledQuery, DatabaseConnection, Dialect, Driver, QueryResult } from 'kysely';
import { mapDatabaseError } from './database-errors.ts';
import { assertOutsideTransaction } from './transaction-scope.ts';

/** The dialect with two additions: its connections are refused inside a transaction of the same database, and failures of the server are domain errors. */
export function checkedDialect(dialect: Dialect, database: object): Dialect {
  return {
    createAdapter: () => dialect.createAdapter(),
    createQueryCompiler: () => dialect.createQueryCompiler(),
    createIntrospector: (kysely) => dialect.createIntrospector(kysely),
    createDriver: () => checkedDriver(dialect.createDriver(), database),
  };
}

interface CheckedConnection extends DatabaseConnection {
  readonly inner: DatabaseConnection;
}

function checkedConnection(inner: DatabaseConnection): CheckedConnection {
  return {
    inner,
    async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
      try {
        return await inner.executeQuery<R>(query);
      } catch (error) {
        throw mapDatabaseError(error);
      }
    },
    streamQuery: <R>(query: CompiledQuery, chunkSize: number) => inner.streamQuery<R>(query, chunkSize),
  };
}

function checkedDriver(driver: Driver, database: object): Driver {
  const inner = (connection: DatabaseConnection): DatabaseConnection => (connection as CheckedConnection).inner;
  const mapped = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw mapDatabaseError(error);
    }
  };
  return {
    init: (options) => driver.init(options),
    async acquireConnection(options) {
      assertOutsideTransaction(database);
      return checkedConnection(await mapped(() => driver.acquireConnection(options)));
    },
    beginTransaction: (connection, settings) => mapped(() => driver.beginTransaction(inner(connection), settings)),
    commitTransaction: (connection) => mapped(() => driver.commitTransaction(inner(connection))),
    rollbackTransaction: (connection) => mapped(() => driver.rollbackTransaction(inner(connection))),
    releaseConnection: (connection, options) => driver.releaseConnection(inner(connection), options),
    destroy: (options) => driver.destroy(options),
  };
}
