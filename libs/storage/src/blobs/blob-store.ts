import { createHash } from 'node:crypto';
import { DomainError } from '@nat/base/errors';

/** Lower-case hexadecimal SHA-256 of a blob's bytes: its name. */
export type BlobKey = string;

/** Which blobs one owner needs, as of a moment. */
export interface ReferenceList {
  /** `<service>-<database>`: 1 to 100 of a-z, 0-9 and hyphens. */
  readonly owner: string;
  /** Before the rows were read that name the keys. */
  readonly takenAt: Date;
  readonly keys: ReadonlySet<BlobKey>;
}

export interface CollectOptions {
  /** Blobs that were put at this moment or later stay: the row that names them may not be committed yet. */
  readonly before: Date;
  /** Services that must each have published a list. */
  readonly services: readonly string[];
}

/**
 * Bytes by content, shared by services that each know only their own references.
 *
 * `put` returns only once the bytes are durable, so write a blob before the row that names it: a crash between the two leaves an unreferenced blob,
 * which `collect` removes, never a row without its bytes. Every service publishes what it references; only what no list names is ever collected.
 */
export interface BlobStore {
  /** Stores the bytes unless they are there, and renews their age. */
  put(bytes: Uint8Array): Promise<BlobKey>;
  /** The bytes; NOT_FOUND `BLOB_NOT_FOUND`, or DATA_LOSS `BLOB_CORRUPT` when they no longer match their key. */
  get(key: BlobKey): Promise<Uint8Array>;
  has(key: BlobKey): Promise<boolean>;
  /** True if there was one to delete. For a blob that nobody else can name; everything else is left to `collect`. */
  delete(key: BlobKey): Promise<boolean>;
  /** Replaces the list of its owner. */
  publishReferences(list: ReferenceList): Promise<void>;
  /**
   * Removes what no list names and what is older than `before`; returns the removed keys. Throws FAILED_PRECONDITION `REFERENCES_UNKNOWN`, and removes
   * nothing, when a service has published no list, or when any list was taken before `before`: blobs of that age may have been referenced since.
   */
  collect(options: CollectOptions): Promise<readonly BlobKey[]>;
}

const KEY = /^[0-9a-f]{64}$/;

export function isBlobKey(name: string): boolean {
  return KEY.test(name);
}

/** @throws DomainError INVALID_ARGUMENT INVALID_BLOB_KEY */
export function requireBlobKey(key: string): void {
  if (!isBlobKey(key)) throw DomainError.invalid('key', 'is not a lower-case hexadecimal SHA-256', 'INVALID_BLOB_KEY');
}

export function keyOf(bytes: Uint8Array): BlobKey {
  return createHash('sha256').update(bytes).digest('hex');
}

export function blobNotFound(key: BlobKey): DomainError {
  return new DomainError('NOT_FOUND', `there is no blob ${key}`, { reason: 'BLOB_NOT_FOUND', metadata: { key } });
}

/** The disk is full, or this user's part of it: it may pass. */
export function blobStoreFull(where: string, cause: unknown): DomainError {
  return new DomainError('RESOURCE_EXHAUSTED', `there is no room for blobs in ${where}`, { reason: 'BLOB_STORE_FULL', cause });
}

export function blobCorrupt(key: BlobKey): DomainError {
  return new DomainError('DATA_LOSS', `blob ${key} no longer has its bytes`, { reason: 'BLOB_CORRUPT', metadata: { key } });
}
