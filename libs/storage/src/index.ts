export type { AnyDatabase, AnyTransaction, Database, DatabaseKind, HeldLock, TransactionOptions } from './database/database.ts';
export {
  MAX_PAYLOAD_BYTES,
  type DeadLetter,
  type OutgoingMessage,
  type ReceivedMessage,
  type Stream,
  type SubscribeOptions,
  type Subscription,
  type TopicDeclaration,
} from './stream/stream.ts';
export type { BlobKey, BlobStore, CollectOptions } from './blobs/blob-store.ts';
