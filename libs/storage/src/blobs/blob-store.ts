/** Lower-case hexadecimal SHA-256 of a blob's bytes: its name. */
export type BlobKey = string;

export interface CollectOptions {
  /** Keys that must stay. */
  readonly referenced: Iterable<BlobKey> | AsyncIterable<BlobKey>;
  /** Blobs younger than this stay too: the row that names them may not be committed yet. */
  readonly youngerThanMs: number;
}

/**
 * Bytes by content. `put` returns only once they are durable, so write a blob before the row that names it: a crash between the two leaves an
 * unreferenced blob, which `collect` removes, never a row without its bytes.
 */
export interface BlobStore {
  /** Stores the bytes unless they are there, and renews their age. */
  put(bytes: Uint8Array): Promise<BlobKey>;
  /** The bytes; NOT_FOUND `BLOB_NOT_FOUND`, or DATA_LOSS `BLOB_CORRUPT` when they no longer match their key. */
  get(key: BlobKey): Promise<Uint8Array>;
  has(key: BlobKey): Promise<boolean>;
  /** True if there was one to delete. */
  delete(key: BlobKey): Promise<boolean>;
  /** Removes what is neither referenced nor young and returns the removed keys. */
  collect(options: CollectOptions): Promise<readonly BlobKey[]>;
}
