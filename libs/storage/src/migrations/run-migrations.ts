import type { z } from 'zod';
import { migrateSchemas, type ServiceSchema } from './migrate.ts';
import { openPostgres } from '../database/postgres/postgres.ts';
import { databaseEnvironment, kafkaConnectionOf, kafkaEnvironment, postgresOptionsOf } from '../environment.ts';
import { migrateKafkaTopics } from '../stream/kafka-stream.ts';
import { PLATFORM_TOPICS } from '../stream/topics.ts';

/** What migrating needs to know: less than the service itself does. */
const migrationEnvironment = { ...databaseEnvironment, ...kafkaEnvironment };

type MigrationSettings = z.output<z.ZodObject<typeof migrationEnvironment>>;

/**
 * Runs the migrations of a service and, where brokers are named, brings the topics to what their table says. May be run again, and by several at once.
 * @returns what was done, one line each
 */
async function runMigrations(settings: MigrationSettings, schemas: readonly ServiceSchema[]): Promise<readonly string[]> {
  const kafka = kafkaConnectionOf(settings);
  const database = await openPostgres({ ...postgresOptionsOf(settings), maxConnections: 1 });
  try {
    const ran = await migrateSchemas(database, schemas);
    const topics = kafka === undefined ? [] : await migrateKafkaTopics({ ...kafka, clientId: 'nat-migrate' }, PLATFORM_TOPICS);
    return [...ran, ...topics];
  } finally {
    await database.close();
  }
}

/** What `main.ts --migrate` of a service does, for `runServiceProcess`. */
export function migrationsOf(schemas: readonly ServiceSchema[]): {
  readonly environment: typeof migrationEnvironment;
  readonly run: (settings: MigrationSettings) => Promise<readonly string[]>;
} {
  return { environment: migrationEnvironment, run: (settings) => runMigrations(settings, schemas) };
}
