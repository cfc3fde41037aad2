export { isReachable } from './database/is-reachable.ts';
export type { AnyDatabase, AnyTransaction, Database, DatabaseKind, HeldLock, TransactionOptions } from './database/database.ts';
export { isDataError, isUniqueViolation, sqlState } from './database/database-errors.ts';
export { readLockHolder, type LockHolder } from './database/embedded/directory-lock.ts';
export { countClients, registerClient, type RegisteredClient } from './database/embedded/directory-clients.ts';
export { openEmbedded, type EmbeddedDatabase, type EmbeddedOptions } from './database/embedded/embedded.ts';
export { insertNewRows, insertRows, json, type ColumnType, type InsertRowsOptions } from './database/insert-rows.ts';
export { migrate, migrateSchemas, type Migration, type MigrationMode, type ServiceSchema } from './migrations/migrate.ts';
export { openPostgres, type PostgresOptions } from './database/postgres/postgres.ts';
export { openNotifier } from './database/open-notifier.ts';
export { inTransaction } from './database/transaction-scope.ts';
export type { StreamEvents } from './stream/delivery.ts';
export { openKafkaStream, type KafkaConnection, type KafkaStreamOptions } from './stream/kafka-stream.ts';
export { openOutboxStream, type OutboxStreamOptions } from './stream/outbox-stream.ts';
export { appendOutbox } from './stream/outbox.ts';
export { OBSERVATION_TOPIC, OUTCOME_TOPIC, PLATFORM_TOPICS, SEARCH_EVENT_TOPIC } from './stream/topics.ts';
export { migrateStorage, STORAGE_SCHEMA } from './migrations/storage-migrations.ts';
export {
  MAX_PAYLOAD_BYTES,
  TerminalMessageError,
  type DeadLetter,
  type OutgoingMessage,
  type ReceivedMessage,
  type Stream,
  type SubscribeOptions,
  type Subscription,
  type TopicDeclaration,
} from './stream/stream.ts';
export { isBlobKey, type BlobKey, type BlobStore, type CollectOptions, type ReferenceList } from './blobs/blob-store.ts';
export { openFolderBlobStore } from './blobs/folder-blob-store.ts';
export { openBlobStore } from './blobs/open-blob-store.ts';
export { DEFAULT_HOUSEKEEPING, deleteInBatches, pruneDeadLetters, publishReferences, startHousekeeping, type HousekeepingConfig } from './housekeeping.ts';
export { migrationsOf } from './migrations/run-migrations.ts';
export {
  blobEnvironment,
  blobUrlOf,
  databaseEnvironment,
  housekeepingEnvironment,
  housekeepingOf,
  kafkaConnectionOf,
  kafkaEnvironment,
  postgresOptionsOf,
  requireBlobUrl,
} from './environment.ts';
