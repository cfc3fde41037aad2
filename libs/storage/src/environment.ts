/** The variables that name a process's storage, for the schema of each app, and what they mean. This module reads none itself. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { DomainError } from '@nat/base/errors';
import { z } from 'zod';
import { parseBlobUrl } from './blobs/open-blob-store.ts';
import { DEFAULT_HOUSEKEEPING, type HousekeepingConfig } from './housekeeping.ts';
import type { PostgresOptions } from './database/postgres/postgres.ts';
import type { KafkaConnection } from './stream/kafka-stream.ts';

/** A PostgreSQL server, and what may be changed there. */
export const databaseEnvironment = {
  NAT_DATABASE_URL: z.url(),
  NAT_DATABASE_CONNECTIONS: z.coerce.number().int().min(1).max(200).default(10),
  /** A statement that runs longer is stopped. */
  NAT_DATABASE_STATEMENT_TIMEOUT_MS: z.coerce.number().int().min(100).default(30_000),
  /** `start`: the process runs missing migrations. `check`: it refuses to start before somebody ran it with `--migrate`. */
  NAT_MIGRATE: z.enum(['start', 'check']).default('start'),
};

/** For `openPostgres`. */
export function postgresOptionsOf(settings: z.output<z.ZodObject<typeof databaseEnvironment>>): PostgresOptions {
  return {
    url: settings.NAT_DATABASE_URL,
    maxConnections: settings.NAT_DATABASE_CONNECTIONS,
    statementTimeoutMs: settings.NAT_DATABASE_STATEMENT_TIMEOUT_MS,
  };
}

const HOUR_MS = 3_600_000;

/** How long things are kept. */
export const housekeepingEnvironment = {
  NAT_HOUSEKEEPING_MS: z.coerce.number().int().min(1_000).default(DEFAULT_HOUSEKEEPING.everyMs),
  /** Longer than messages live, or an outcome that is on its way could name what has gone. */
  NAT_RETENTION_DAYS: z.coerce
    .number()
    .min(8)
    .max(3_650)
    .default(DEFAULT_HOUSEKEEPING.retentionMs / (24 * HOUR_MS)),
  /** Longer than it takes from putting a blob to the row that names it, and than what is put again counts as young. */
  NAT_BLOB_GRACE_HOURS: z.coerce
    .number()
    .min(2)
    .max(8_760)
    .default(DEFAULT_HOUSEKEEPING.blobGraceMs / HOUR_MS),
};

export function housekeepingOf(settings: z.output<z.ZodObject<typeof housekeepingEnvironment>>): HousekeepingConfig {
  return {
    everyMs: settings.NAT_HOUSEKEEPING_MS,
    retentionMs: settings.NAT_RETENTION_DAYS * 24 * HOUR_MS,
    blobGraceMs: settings.NAT_BLOB_GRACE_HOURS * HOUR_MS,
  };
}

/** Where blobs are. */
export const blobEnvironment = {
  /** `file:///folder` or `s3://bucket/prefix?endpoint=URL&region=NAME`; the same place in every process of a platform. */
  NAT_BLOB_URL: z.string().optional(),
  /** A folder; the same as NAT_BLOB_URL=file://FOLDER. */
  NAT_BLOB_DIR: z.string().optional(),
};

/**
 * The blob URL of the settings, checked, for `openBlobStore`; undefined where none is named.
 * @throws DomainError FAILED_PRECONDITION BAD_CONFIGURATION
 */
export function blobUrlOf({ NAT_BLOB_URL: url, NAT_BLOB_DIR: directory }: z.output<z.ZodObject<typeof blobEnvironment>>): string | undefined {
  if (url !== undefined && directory !== undefined) throw badConfiguration('NAT_BLOB_URL and NAT_BLOB_DIR exclude each other');
  if (url === undefined) return directory === undefined ? undefined : resolve(directory);
  try {
    parseBlobUrl(url);
  } catch (error) {
    throw badConfiguration(`NAT_BLOB_URL: ${(error as Error).message}`);
  }
  return url;
}

/** As `blobUrlOf`, where a process cannot do without. */
export function requireBlobUrl(settings: z.output<z.ZodObject<typeof blobEnvironment>>): string {
  const url = blobUrlOf(settings);
  if (url === undefined) throw badConfiguration('NAT_BLOB_URL is required (or NAT_BLOB_DIR, a folder)');
  return url;
}

/** How Kafka is reached, and how it keeps topics. */
export const kafkaEnvironment = {
  /** Comma-separated `host:port`; without it, messages stay in the database and are read there. */
  NAT_KAFKA_BROKERS: z.string().optional(),
  /** Stands before the names of topics and groups; the same in every process of a platform. */
  NAT_KAFKA_PREFIX: z.string().default(''),
  /** Copies of each partition, and how many must have a message before it counts; the brokers' defaults when left out. */
  NAT_KAFKA_REPLICATION_FACTOR: z.coerce.number().int().min(1).max(100).optional(),
  NAT_KAFKA_MIN_INSYNC_REPLICAS: z.coerce.number().int().min(1).max(100).optional(),
  /** `true`: TLS with the authorities that Node trusts. The files imply it. */
  NAT_KAFKA_SSL: z.enum(['true', 'false']).optional(),
  NAT_KAFKA_SSL_CA_FILE: z.string().optional(),
  NAT_KAFKA_SSL_CERT_FILE: z.string().optional(),
  NAT_KAFKA_SSL_KEY_FILE: z.string().optional(),
  NAT_KAFKA_SASL_MECHANISM: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']).optional(),
  NAT_KAFKA_SASL_USERNAME: z.string().optional(),
  NAT_KAFKA_SASL_PASSWORD: z.string().optional(),
  /** A file that holds the password. */
  NAT_KAFKA_SASL_PASSWORD_FILE: z.string().optional(),
};

type KafkaSettings = z.output<z.ZodObject<typeof kafkaEnvironment>>;

/**
 * What the settings say of Kafka; undefined where no brokers are named. Reads the files that they name.
 * @throws DomainError FAILED_PRECONDITION BAD_CONFIGURATION
 */
export function kafkaConnectionOf(settings: KafkaSettings): KafkaConnection | undefined {
  const { NAT_KAFKA_BROKERS: brokers, NAT_KAFKA_PREFIX: prefix } = settings;
  if (brokers === undefined) return undefined;
  const { NAT_KAFKA_REPLICATION_FACTOR: replicationFactor, NAT_KAFKA_MIN_INSYNC_REPLICAS: minInsyncReplicas } = settings;
  if (replicationFactor !== undefined && minInsyncReplicas !== undefined && minInsyncReplicas > replicationFactor) {
    throw badConfiguration('NAT_KAFKA_MIN_INSYNC_REPLICAS is more than NAT_KAFKA_REPLICATION_FACTOR');
  }
  const ssl = sslOf(settings);
  const sasl = saslOf(settings);
  return {
    brokers: brokers.split(','),
    prefix,
    ...(replicationFactor === undefined ? {} : { replicationFactor }),
    ...(minInsyncReplicas === undefined ? {} : { minInsyncReplicas }),
    ...(ssl === undefined ? {} : { ssl }),
    ...(sasl === undefined ? {} : { sasl }),
  };
}

function sslOf(settings: KafkaSettings): KafkaConnection['ssl'] {
  const { NAT_KAFKA_SSL: on, NAT_KAFKA_SSL_CA_FILE: caFile, NAT_KAFKA_SSL_CERT_FILE: certFile, NAT_KAFKA_SSL_KEY_FILE: keyFile } = settings;
  if ((certFile === undefined) !== (keyFile === undefined)) throw badConfiguration('NAT_KAFKA_SSL_CERT_FILE and NAT_KAFKA_SSL_KEY_FILE belong together');
  const given = { ca: caFile, cert: certFile, key: keyFile };
  const files = Object.entries(given).flatMap(([name, file]) =>
    file === undefined ? [] : [[name, readSetting(`NAT_KAFKA_SSL_${name.toUpperCase()}_FILE`, file)]],
  );
  if (files.length === 0) return on === 'true' ? true : undefined;
  if (on === 'false') throw badConfiguration('NAT_KAFKA_SSL is false, but files for TLS are named');
  return Object.fromEntries(files) as { ca?: string; cert?: string; key?: string };
}

function saslOf(settings: KafkaSettings): KafkaConnection['sasl'] {
  const {
    NAT_KAFKA_SASL_MECHANISM: mechanism,
    NAT_KAFKA_SASL_USERNAME: username,
    NAT_KAFKA_SASL_PASSWORD: given,
    NAT_KAFKA_SASL_PASSWORD_FILE: file,
  } = settings;
  if (given !== undefined && file !== undefined) throw badConfiguration('NAT_KAFKA_SASL_PASSWORD and NAT_KAFKA_SASL_PASSWORD_FILE exclude each other');
  const password = file === undefined ? given : readSetting('NAT_KAFKA_SASL_PASSWORD_FILE', file).trim();
  if (mechanism === undefined && username === undefined && password === undefined) return undefined;
  if (mechanism === undefined || username === undefined || password === undefined) {
    throw badConfiguration('NAT_KAFKA_SASL_MECHANISM, NAT_KAFKA_SASL_USERNAME and a password belong together');
  }
  // One object of a union that TypeScript does not narrow by a variable.
  return { mechanism, username, password } as Extract<KafkaConnection['sasl'], { readonly mechanism: 'plain' }>;
}

function readSetting(variable: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw badConfiguration(`${variable}: ${(error as Error).message}`);
  }
}

function badConfiguration(why: string): DomainError {
  return new DomainError('FAILED_PRECONDITION', why, { reason: 'BAD_CONFIGURATION' });
}
