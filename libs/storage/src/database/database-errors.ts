import { DomainError, isDomainError } from '@nat/base/errors';

/** The five-character SQLSTATE of a database error, from either implementation. */
export function sqlState(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' && /^[0-9A-Z]{5}$/.test(error.code) ? error.code : undefined;
}

/** True for a violated primary key or unique index, of the given constraint if named. */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  return sqlState(error) === '23505' && (constraint === undefined || (error as { constraint?: unknown }).constraint === constraint);
}

/** True for a violated foreign key, of the given constraint if named. */
export function isForeignKeyViolation(error: unknown, constraint?: string): boolean {
  return sqlState(error) === '23503' && (constraint === undefined || (error as { constraint?: unknown }).constraint === constraint);
}

/** True for values that the database can never take, however often it is tried: SQLSTATE classes 22 (data exception) and 23 (integrity). */
export function isDataError(error: unknown): boolean {
  return /^2[23]/.test(sqlState(error) ?? '');
}

// 40001 serialization_failure, 40P01 deadlock_detected: the transaction had no effect and may run again.
const RETRYABLE_STATES = new Set(['40001', '40P01']);

export function isRetryable(error: unknown): boolean {
  const state = sqlState(error);
  return state !== undefined && RETRYABLE_STATES.has(state);
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

/** Gives failures of the database itself their domain kind; errors of the SQL (a violated constraint, a bad statement) stay as they are. */
export function mapDatabaseError(error: unknown): unknown {
  if (isDomainError(error)) return error;
  if (sqlState(error) === '57014')
    return new DomainError('DEADLINE_EXCEEDED', 'the database statement took too long', { reason: 'STATEMENT_TIMEOUT', cause: error });
  if (isConnectionError(error)) return new DomainError('UNAVAILABLE', 'the database cannot be reached', { reason: 'DATABASE_UNAVAILABLE', cause: error });
  return error;
}
