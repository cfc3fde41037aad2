import { DomainError, isDomainError, type DomainErrorKind } from '@nat/base/errors';

/** The five-character SQLSTATE of a database error, from either implementation. */
export function sqlState(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' && /^[0-9A-Z]{5}$/.test(error.code) ? error.code : undefined;
}

/** True for a violated primary key or unique index, of the given constraint if named. */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  return sqlState(error) === '23505' && (constraint === undefined || (error as { constraint?: unknown }).constraint === constraint);
}

/** True for values that the database can never take, however often it is tried: SQLSTATE classes 22 (data exception) and 23 (integrity). */
export function isDataError(error: unknown): boolean {
  return /^2[23]/.test(sqlState(error) ?? '');
}

// 40001 serialization_failure, 40P01 deadlock_detected: the transaction had no effect and may run again.
const SERIALIZATION_STATES = new Set(['40001', '40P01']);

/** True for a transaction that lost against others and may run again at once. */
export function isSerializationFailure(error: unknown): boolean {
  const state = sqlState(error);
  return state !== undefined && SERIALIZATION_STATES.has(state);
}

const CONNECTION_CODES = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);
const CONNECTION_MESSAGES = /connection terminated|timeout exceeded when trying to connect|client has encountered a connection error|not queryable/i;

function isConnectionError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const state = sqlState(error);
  // 08: connection exception; 57P01 to 57P03: server shutting down or starting; 53300: too many connections
  if (state !== undefined) return state.startsWith('08') || state === '57P01' || state === '57P02' || state === '57P03' || state === '53300';
  return ('code' in error && typeof error.code === 'string' && CONNECTION_CODES.has(error.code)) || CONNECTION_MESSAGES.test(error.message);
}

/** Failures of the server that say nothing about the statement, by SQLSTATE. */
const SERVER_FAULTS: ReadonlyMap<string, readonly [kind: DomainErrorKind, message: string, reason: string]> = new Map([
  ['57014', ['DEADLINE_EXCEEDED', 'the database statement took too long', 'STATEMENT_TIMEOUT']],
  ['53100', ['RESOURCE_EXHAUSTED', 'the disk of the database is full', 'DATABASE_FULL']],
  ['53200', ['RESOURCE_EXHAUSTED', 'the database is out of memory', 'DATABASE_OUT_OF_MEMORY']],
  // After a failover the old primary takes no writes until clients connect to the new one.
  ['25006', ['UNAVAILABLE', 'the database takes no writes', 'DATABASE_READ_ONLY']],
]);

/** Gives failures of the database itself their domain kind; errors of the SQL (a violated constraint, a bad statement) stay as they are. */
export function mapDatabaseError(error: unknown): unknown {
  if (isDomainError(error)) return error;
  const fault = SERVER_FAULTS.get(sqlState(error) ?? '');
  if (fault !== undefined) {
    const [kind, message, reason] = fault;
    return new DomainError(kind, message, { reason, cause: error });
  }
  if (isConnectionError(error)) return new DomainError('UNAVAILABLE', 'the database cannot be reached', { reason: 'DATABASE_UNAVAILABLE', cause: error });
  return error;
}
