import { DomainError, isDomainError } from '@nat/base/errors';

/** What an S3 client throws: an answer of the server with its code as name, or a failure before there was one. */
interface S3Failure {
  readonly name: string;
  readonly message: string;
  readonly code: string;
  /** Of the HTTP answer; 0: there was none. */
  readonly status: number;
}

const DENIED: ReadonlySet<string> = new Set([
  'AccessDenied',
  'CredentialsProviderError',
  'ExpiredToken',
  'InvalidAccessKeyId',
  'InvalidToken',
  'SignatureDoesNotMatch',
  'RequestTimeTooSkewed',
]);
const PASSING: ReadonlySet<string> = new Set(['TimeoutError', 'AbortError', 'SlowDown', 'RequestTimeout', 'InternalError', 'ServiceUnavailable', 'BadDigest']);
const NETWORK = /^(E[A-Z_]+|UND_ERR_[A-Z_]+)$/;

function failureOf(error: unknown): S3Failure {
  const { name, message, code, $metadata } = error as {
    readonly name?: string;
    readonly message?: string;
    readonly code?: unknown;
    readonly $metadata?: { readonly httpStatusCode?: number };
  };
  return { name: name ?? '', message: message ?? '', code: typeof code === 'string' ? code : '', status: $metadata?.httpStatusCode ?? 0 };
}

export function isMissingObject(error: unknown): boolean {
  const { name, status } = failureOf(error);
  return status === 404 && name !== 'NoSuchBucket';
}

/**
 * The failure of a store as a DomainError: UNAVAILABLE, PERMISSION_DENIED, NOT_FOUND for the bucket, INTERNAL for what the server refuses otherwise.
 * Its cause is made anew: those of the SDK carry the answer's headers.
 */
export function mapS3Error(error: unknown, bucket: string): DomainError {
  if (isDomainError(error)) return error;
  const { name, message, code, status } = failureOf(error);
  const cause = new Error(`${name}${status === 0 ? '' : ` (HTTP ${String(status)})`}: ${message}`);
  const as = (kind: DomainError['kind'], text: string, reason: string): DomainError => new DomainError(kind, text, { reason, metadata: { bucket }, cause });
  if (status === 403 || status === 401 || DENIED.has(name)) {
    const why = name === 'CredentialsProviderError' ? 'there are no credentials' : 'the server refuses the credentials';
    return as('PERMISSION_DENIED', `the bucket ${bucket} cannot be used: ${why}`, 'BLOB_STORE_DENIED');
  }
  if (status === 404) return as('NOT_FOUND', `there is no bucket ${bucket}`, 'BUCKET_NOT_FOUND');
  if (status === 0 || status >= 500 || status === 429 || PASSING.has(name) || NETWORK.test(code)) {
    return as('UNAVAILABLE', 'the blob store cannot be reached', 'BLOB_STORE_UNAVAILABLE');
  }
  return as('INTERNAL', `the blob store refused a request: ${name}`, 'BLOB_STORE_REFUSED');
}
